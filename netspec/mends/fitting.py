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

_NAMES: Final = {2: ("H", "W"), 3: ("D", "H", "W")}
_SIGNS: Final = (-1, 1)
_FARTHEST: Final = 1024
"""How far from the size that is written others are tried."""


class Fitting(NamedTuple):
    """What the sizes of the input behind its channels must meet."""

    names: Sequence[str]
    sizes: Sequence[int]
    """As they are written."""
    required: Sequence[Requirement]

    def fits(self, *by: int) -> bool:
        """Whether the written sizes, each changed by so much, meet all that can be computed."""
        values = {name: size + more for name, size, more in zip(self.names, self.sizes, by, strict=True)}
        return min(values.values()) > 0 and all(c.holds(values) for c in self._comparisons())

    def nearest(self) -> list[tuple[int, ...]]:
        """The smallest changes, below and above, that fit: all sizes by as much where they are the same, or each by as
        little as it may."""
        if not all(isinstance(each.condition, SizeComparison) for each in self.required):
            return []
        ways = [self._together, self._apart] if len(set(self.sizes)) == 1 else [self._apart, self._together]
        for way in ways:
            found = [by for sign in _SIGNS if (by := way(sign)) is not None and any(by)]
            if found:
                return found
        return []

    def _together(self, sign: int) -> tuple[int, ...] | None:
        """The smallest change in one direction, the same for each axis."""
        changes = ((sign * n,) * len(self.names) for n in range(1, _FARTHEST))
        return next((by for by in changes if self.fits(*by)), None)

    def _apart(self, sign: int) -> tuple[int, ...] | None:
        """The smallest changes in one direction, each axis judged by what is required of it alone."""
        changes: list[int] = []
        for name, size in zip(self.names, self.sizes, strict=True):
            alone = [c for c in self._comparisons() if set(c.symbols) == {name}]
            near = (n for n in range(_FARTHEST) if size + sign * n > 0)
            by = next((sign * n for n in near if all(c.holds({name: size + sign * n}) for c in alone)), None)
            if by is None:
                return None
            changes.append(by)
        return tuple(changes) if self.fits(*changes) else None

    def _comparisons(self) -> list[SizeComparison]:
        return [each.condition for each in self.required if isinstance(each.condition, SizeComparison)]

    def text(self, *by: int) -> str:
        """The sizes changed by so much."""
        return " × ".join(str(size + more) for size, more in zip(self.sizes, by, strict=True))


def what_fits(source: Source, spec: Spec, conditions: Conditions, last: str) -> Fitting | None:
    """What the same spec requires of symbols in the place of its only input's sizes; None if it has none, or if it is
    wrong for other reasons. The only axis behind the first one is called `last`."""
    node = spec.input
    if isinstance(node, MapNode):
        node = node.get("shape")
    if not isinstance(node, ListNode) or not 2 <= len(node.items) <= 4:
        return None
    written = [item.value for item in node.items if isinstance(item, ScalarNode)]
    sizes = [size for size in written[1:] if isinstance(size, int) and not isinstance(size, bool)]
    names = (last,) if len(sizes) == 1 else _NAMES.get(len(sizes), ())
    taken = {key.text for key, _ in spec.vars} | spec.blocks.keys()
    if len(sizes) != len(node.items) - 1 or taken & set(names):
        return None
    changed = applied(source, [replace(source, item, name) for item, name in zip(node.items[1:], names, strict=True)])
    required = None if changed is None else conditions(changed.text)
    return Fitting(names, sizes, required) if required else None


def inputs_that_fit(found: Fitting) -> str | None:
    """What the input must be, and the nearest inputs that are; None if those are of another order, which nobody
    means."""
    nearest = found.nearest()
    if nearest and all(2 * (size + more) < size for by in nearest for size, more in zip(found.sizes, by, strict=True)):
        return None
    near = " or ".join(found.text(*by) for by in nearest)
    said = "; ".join(statements(found.required))
    return f"inputs that fit, {' × '.join(['…', *found.names])}: {said}" + (f"; the nearest: {near}" if near else "")


def inputs_of_a_width(found: Fitting, width: int) -> str | None:
    """The inputs for which a stated width is right: those around the nearest one that is."""
    nearest = sorted((by for by in found.nearest() if len(set(by)) == 1), key=lambda by: abs(by[0]))
    if not nearest:
        return None
    axes = len(found.names)
    low = high = nearest[0][0]
    while low > nearest[0][0] - _FARTHEST and found.fits(*(low - 1,) * axes):
        low -= 1
    while high < nearest[0][0] + _FARTHEST and found.fits(*(high + 1,) * axes):
        high += 1
    to = "" if low == high else f" to {found.text(*(high,) * axes)}"
    return f"{width} is right for an input of {found.text(*(low,) * axes)}{to}"
