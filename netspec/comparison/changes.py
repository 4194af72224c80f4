"""Which layers of two nets differ, one by one."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from netspec.kinds import kinds_of
from netspec.net import Leaf

_MOST_PAIRS: Final = 2_000_000
"""Equal pairs of layers up to which the alignment is exact."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the layers. `a` is None for an added layer, `b` for a removed one; `arguments` of a
    changed layer are triples of name, value in a, value in b."""

    kind: Literal["added", "removed", "changed"]
    a: Leaf | None
    b: Leaf | None
    arguments: tuple[tuple[str, Any, Any], ...] = ()


def changes_of(a: Sequence[Leaf], b: Sequence[Leaf]) -> Iterator[Change]:
    """Align the layers by type and arguments; within a differing stretch, align them again by type alone, so that a
    layer with other arguments is reported as changed and not as removed and added."""
    for tag, a0, a1, b0, b1 in aligned([key(leaf) for leaf in a], [key(leaf) for leaf in b]):
        if tag != "equal":
            yield from _stretch(a[a0:a1], b[b0:b1])


def _stretch(a: Sequence[Leaf], b: Sequence[Leaf]) -> Iterator[Change]:
    for tag, a0, a1, b0, b1 in aligned([leaf.type for leaf in a], [leaf.type for leaf in b]):
        if tag == "equal":
            for old, new in zip(a[a0:a1], b[b0:b1], strict=True):
                yield Change("changed", old, new, tuple(arguments_of(old, new)))
        else:
            yield from (Change("removed", old, None) for old in a[a0:a1])
            yield from (Change("added", None, new) for new in b[b0:b1])


def aligned(a: Sequence[Hashable], b: Sequence[Hashable]) -> Sequence[tuple[str, int, int, int, int]]:
    """difflib's opcodes. With many equal pairs, difflib's heuristic (`autojunk`) is used, since the time grows with
    their number: two nets of 10,000 equal layers have a hundred million."""
    often = Counter(b)
    pairs = sum(often[one] for one in a)
    return difflib.SequenceMatcher(None, a, b, autojunk=pairs > _MOST_PAIRS).get_opcodes()


def key(leaf: Leaf) -> Hashable:
    """A key that is equal for layers with equal type and arguments."""
    return leaf.type, repr(_meant(leaf)), leaf.frozen, leaf.borrows, leaf.parametrization


def _meant(leaf: Leaf) -> dict[str, object]:
    """The arguments so that they are equal where they mean the same: a kernel of `[3, 3]` is one of 3, and the stride
    of a pool that has none is its kernel. Inferred sizes are those of the layer before; how many there are is said."""
    kinds, inferred = kinds_of(type(leaf.layer)), leaf.layer.inferred(leaf.input)
    found: dict[str, object] = {}
    for name, value in leaf.args.items():
        if name in inferred:
            found[name] = len(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else 1
        else:
            found[name] = kinds[name].plainly(value) if name in kinds else value
    if found.get("stride", 1) is None and "kernel_size" in found:
        found["stride"] = found["kernel_size"]
    return found


def arguments_of(old: Leaf, new: Leaf) -> Iterator[tuple[str, Any, Any]]:
    """The arguments in which two layers of one type differ: name, value of the one, value of the other."""
    before, after = _meant(old), _meant(new)
    for name in before:
        if before[name] != after[name]:
            yield name, old.args[name], new.args[name]
    if old.frozen != new.frozen:
        yield "freeze", old.frozen, new.frozen
    if old.parametrization != new.parametrization:
        given = [leaf.parametrization and leaf.parametrization.written() for leaf in (old, new)]
        yield "parametrize", given[0], given[1]
    if old.borrows != new.borrows:
        yield "shared with an earlier layer", old.borrows, new.borrows
