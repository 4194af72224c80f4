"""Which parts of a network may be blocks, and in which order they are looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from netspec.capture.items import PlacedItem, leaves_of, lists_of

_FEWEST: Final = 2
"""Items of a part that is worth a block."""


def parts_by_class(items: Sequence[PlacedItem]) -> Iterator[tuple[str, list[PlacedItem]]]:
    """The parts that may be blocks, those of a class together, and what stands in others before them. Parts of a class
    that stand in parts of the same class, as a tree's trees do, are no parts with those."""
    groups: defaultdict[_Group, list[PlacedItem]] = defaultdict(list)
    inside: defaultdict[_Group, set[_Group]] = defaultdict(set)

    def visit(item: PlacedItem) -> set[_Group]:
        below = {group for one in item.body or () for group in visit(one)}
        if not _may_be_block(item):
            return below
        own = (item.class_name, 1 + max((depth for name, depth in below if name == item.class_name), default=-1))
        groups[own].append(item)
        inside[own] |= below
        return {own, *below}

    for item in items:
        visit(item)
    done: dict[_Group, list[PlacedItem]] = {}

    def place(group: _Group, around: frozenset[_Group]) -> None:
        if group in done or group in around:  # classes may be in each other
            return
        for inner in ordered:
            if inner in inside[group]:
                place(inner, around | {group})
        done[group] = groups[group]

    ordered = sorted(groups, key=lambda group: max(map(_height, groups[group])))
    for group in ordered:
        place(group, frozenset())
    return ((name, parts) for (name, _), parts in done.items())


_Group = tuple[str, int]
"""A class, and how many parts of the same class are in each other there."""


def _may_be_block(item: PlacedItem) -> bool:
    return (
        item.body is not None
        and item.class_name not in ("", "Sequential", "ModuleList")
        and sum(1 for _ in leaves_of(item.body)) >= _FEWEST
        and (len(item.gives) == 1 or bool(item.name))
    )


def _height(item: PlacedItem) -> int:
    return 0 if item.body is None else 1 + max(map(_height, item.body), default=0)


def differ_in_count(part: PlacedItem, perhaps: Collection[PlacedItem]) -> bool:
    """Whether equal parts differ in how many parts of one class are in a list of theirs.

    Args:
        part: one of them, with all that may be in it.
        perhaps: the items that are not in each.
    """
    return any(
        item in perhaps and _kin(item) and sum(_kin(item) == _kin(other) for other in body) > 1
        for body in lists_of([part])
        for item in body
    )


def _kin(item: PlacedItem) -> tuple[str, ...]:
    """Equal for items of which there may be any number: parts of one class, and the layers of a list that stand one by
    one, each with a name."""
    if item.body is not None:
        return (item.class_name,)
    outer, _, number = item.path.rpartition(".")
    return (outer, item.word) if number.isdigit() and (item.name or "").endswith(f"_{number}") else ()
