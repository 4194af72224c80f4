"""Which inputs would fit, for a failure that depends on the size of the input: asked of the same spec with symbols."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from netspec.dims import Requirement
from netspec.language.spec import Spec
from netspec.mends.edits import applied, replace
from netspec.symbols.demands import statements
from netspec.symbols.formula import SizeComparison
from netspec.text.source import ListNode, MapNode, ScalarNode, Source

Conditions = Callable[[str], Sequence[Requirement] | None]
"""What a text requires of the symbols of its input; None if it has other errors."""

_NAMES: Final = {1: ("L",), 2: ("H", "W"), 3: ("D", "H", "W")}
_FARTHEST: Final = 1024
"""How far from the size that is written others are tried."""


class Fitting(NamedTuple):
    """What the sizes of the input behind its channels must meet."""

    names: Sequence[str]
    sizes: Sequence[int]
    """As they are written."""
    required: Sequence[Requirement]

    def fits(self, by: int) -> bool:
        """Whether the written sizes, each changed by so much, meet all that can be computed."""
        values = {name: size + by for name, size in zip(self.names, self.sizes, strict=True)}
        conditions = [each.condition for each in self.required]
        return min(values.values()) > 0 and all(c.holds(values) for c in conditions if isinstance(c, SizeComparison))

    def nearest(self) -> list[int]:
        """The smallest changes, below and above, that fit."""
        if not all(isinstance(each.condition, SizeComparison) for each in self.required):
            return []
        steps = (next((s * n for n in range(1, _FARTHEST) if self.fits(s * n)), None) for s in (-1, 1))
        return [by for by in steps if by is not None]

    def text(self, by: int) -> str:
        """The sizes changed by so much."""
        return " × ".join(str(size + by) for size in self.sizes)


def what_fits(source: Source, spec: Spec, conditions: Conditions) -> Fitting | None:
    """What the same spec requires of symbols in the place of its only input's sizes; None if it has none, or if it is
    wrong for other reasons."""
    node = spec.input
    if isinstance(node, MapNode):
        node = node.get("shape")
    if not isinstance(node, ListNode) or not 2 <= len(node.items) <= 4:
        return None
    written = [item.value for item in node.items if isinstance(item, ScalarNode)]
    sizes = [size for size in written[1:] if isinstance(size, int) and not isinstance(size, bool)]
    names = _NAMES.get(len(sizes), ())
    taken = {key.text for key, _ in spec.vars} | spec.blocks.keys()
    if len(sizes) != len(node.items) - 1 or taken & set(names):
        return None
    changed = applied(source, [replace(source, item, name) for item, name in zip(node.items[1:], names, strict=True)])
    required = None if changed is None else conditions(changed.text)
    return Fitting(names, sizes, required) if required else None


def inputs_that_fit(found: Fitting) -> str:
    """What the input must be, and the nearest inputs that are."""
    near = " or ".join(map(found.text, found.nearest()))
    said = "; ".join(statements(found.required))
    return f"inputs that fit, {' × '.join(['…', *found.names])}: {said}" + (f"; the nearest: {near}" if near else "")


def inputs_of_a_width(found: Fitting, width: int) -> str | None:
    """The inputs for which a stated width is right: those around the nearest one that is."""
    nearest = sorted(found.nearest(), key=abs)
    if not nearest:
        return None
    low = high = nearest[0]
    while low > nearest[0] - _FARTHEST and found.fits(low - 1):
        low -= 1
    while high < nearest[0] + _FARTHEST and found.fits(high + 1):
        high += 1
    to = "" if low == high else f" to {found.text(high)}"
    return f"{width} is right for an input of {found.text(low)}{to}"
