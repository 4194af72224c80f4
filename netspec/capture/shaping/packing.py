"""A list of modules that a program runs through by hand, with layers in between that are none of its modules.

Each place in the list is a number in the keys. A layer in between would take up one, so it stands behind the whole list
where nothing in it waits for that layer, else inside of the module in front of it or behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, has_keys


class Packed(NamedTuple):
    """The items of a list of modules, one for each of its places, and what stands behind the list."""

    inside: list[PlacedItem]
    behind: list[PlacedItem]
    leading: int
    """How many items in front of the list are in it now."""
    trailing: int
    """How many items behind it are."""


def packed(
    group: Sequence[PlacedItem],
    before: Sequence[PlacedItem],
    after: Sequence[PlacedItem],
    number: Callable[[PlacedItem], int | None],
    is_numbered: Callable[[PlacedItem], bool],
) -> Packed | None:
    """The items from the first module of a list to its last, so that each module keeps its number; None if no order of
    them does.

    Args:
        group: the items.
        before: those in front of them.
        after: those behind them.
        number: the place of an item that is a module of the list.
        is_numbered: whether a module has parts with numbers, in front of which nothing can stand.
    """

    def is_member(item: PlacedItem) -> bool:
        return number(item) is not None

    kept, behind = _sunk(group, is_member)
    members = [item for item in kept if is_member(item)]
    runs = _runs(kept, is_member)
    gaps = [(number(b) or 0) - (number(a) or 0) for a, b in pairwise(members)]
    if all(len(run) < gap or not run for run, gap in zip(runs, gaps, strict=True)):  # in places that no module has
        return Packed(list(kept), behind, 0, 0)
    words = [[item.word for item in run] for run in runs]
    heads = [item.body is not None and not is_numbered(item) for item in members]
    tails = [item.body is not None for item in members]
    count = len(words[0])
    if not behind and count and all(each == words[0] for each in words):
        leading, trailing = list(before[-count:]), list(after[:count])
        if all(tails) and _same(trailing, words[0]):
            return Packed(
                [_wrapped(m, [], run) for m, run in zip(members, [*runs, trailing], strict=True)], [], 0, count
            )
        if all(heads) and _same(leading, words[0]):
            found = [_wrapped(m, run, []) for m, run in zip(members, [leading, *runs], strict=True)]
            return Packed(found, [], count, 0)
        if all(tails[:-1]):
            return Packed([_wrapped(m, [], run) for m, run in zip(members, [*runs, []], strict=True)], [], 0, 0)
    front: list[list[PlacedItem]] = [[] for _ in members]
    back: list[list[PlacedItem]] = [[] for _ in members]
    for i, run in enumerate(runs):
        if run and heads[i + 1]:
            front[i + 1] = run
        elif run and tails[i]:
            back[i] = run
        elif run:
            return None
    return Packed([_wrapped(*each) for each in zip(members, front, back, strict=True)], behind, 0, 0)


def _sunk(
    group: Sequence[PlacedItem], is_member: Callable[[PlacedItem], bool]
) -> tuple[list[PlacedItem], list[PlacedItem]]:
    """The items without those for which no module of the list waits, and those."""
    kept: list[PlacedItem] = []
    behind: list[PlacedItem] = []
    awaited: set[Traced] = set()
    for item in reversed(group):
        if is_member(item) or any(value in awaited for value in item.gives):
            kept.append(item)
            awaited.update(_read(item))
        else:
            behind.append(item)
    return kept[::-1], behind[::-1]


def _read(item: PlacedItem) -> set[Traced]:
    found = set(item.values())
    if item.takes is not None:
        found.add(item.takes)
    for inner in item.body or ():
        found |= _read(inner)
    return found


def _runs(kept: Sequence[PlacedItem], is_member: Callable[[PlacedItem], bool]) -> list[list[PlacedItem]]:
    """What stands between each module and the next."""
    runs: list[list[PlacedItem]] = []
    for item in kept:
        if is_member(item):
            runs.append([])
        else:
            runs[-1].append(item)
    return runs[:-1]


def _same(items: Sequence[PlacedItem], words: Sequence[str]) -> bool:
    return [item.word for item in items] == list(words) and not any(map(has_keys, items))


def _wrapped(member: PlacedItem, front: list[PlacedItem], back: list[PlacedItem]) -> PlacedItem:
    """A module with layers in front of it and behind it, in its place."""
    if not front and not back:
        return member
    member.is_inline = True
    body = [*front, member, *back]
    gives = list(dict.fromkeys(value for item in reversed(body) for value in item.gives))
    return PlacedItem("sequential", body[0].takes, tuple(gives), body=body, path=member.path, place=member.place)
