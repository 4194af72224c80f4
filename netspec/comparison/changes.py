"""Which layers of two nets differ, one by one."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from netspec.comparison.alignment import ComparedLayer, gaps, pairing
from netspec.kinds import kinds_of
from netspec.net import Leaf


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between the layers. `a` is None for an added layer, `b` for a removed one; `arguments` of a
    changed layer are triples of name, value in a, value in b."""

    kind: Literal["added", "removed", "changed"]
    a: Leaf | None
    b: Leaf | None
    arguments: tuple[tuple[str, Any, Any], ...] = ()


def changes_of(a: Sequence[Leaf], b: Sequence[Leaf]) -> Iterator[Change]:
    """The layers that differ, in order: those of a net alone, and those of both with other arguments."""
    olds, news = ([ComparedLayer(leaf.path, leaf.type, key(leaf)) for leaf in leaves] for leaves in (a, b))
    for alone_a, alone_b, pair in gaps(pairing(olds, news), len(a), len(b)):
        yield from (Change("removed", a[i], None) for i in alone_a)
        yield from (Change("added", None, b[j]) for j in alone_b)
        if pair is not None and olds[pair[0]].key != news[pair[1]].key:
            old, new = a[pair[0]], b[pair[1]]
            yield Change("changed", old, new, tuple(arguments_of(old, new)))


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
