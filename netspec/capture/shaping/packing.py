"""A list of modules that a program runs through by hand, with layers in between that are none of its modules.

Each place in the list is a number in the keys. A layer in between would take up one, so it stands behind the whole list
where nothing in it waits for that layer, else inside of the module in front of it or behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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


@dataclass
class ListHabits:
    """How lists of modules are written, by their paths, in which numbers do not count.

    A list of one module shows nothing of what stands between two, so that of a short member of a family is written as
    the longer ones are.
    """

    apart: set[str] = field(default_factory=set[str])
    """Lists whose modules stand one by one among the other layers, each with a name: no order keeps their numbers."""
    leading: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Words of the layers that are in each module of a list, in front of it."""
    trailing: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Those that are behind it."""
    rounds: dict[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Of lists of lists, words of the layers that are behind each list in them."""

    @staticmethod
    def of(path: str) -> str:
        """Equal for lists that are written alike."""
        return re.sub(r"\d+", "#", path)

    @classmethod
    def common(cls, several: Iterable[ListHabits]) -> ListHabits:
        """Those of several networks as those of one."""
        found = cls()
        for each in several:
            found.apart |= each.apart
            found.leading |= each.leading
            found.trailing |= each.trailing
            found.rounds |= each.rounds
        return found


def packed(
    group: Sequence[PlacedItem],
    before: Sequence[PlacedItem],
    after: Sequence[PlacedItem],
    number: Callable[[PlacedItem], int | None],
    is_numbered: Callable[[PlacedItem], bool],
    habits: ListHabits,
    path: str,
) -> Packed | None:
    """The items from the first module of a list to its last, so that each module keeps its number; None if no order of
    them does.

    Args:
        group: the items.
        before: those in front of them.
        after: those behind them.
        number: the place of an item that is a module of the list.
        is_numbered: whether a module has parts with numbers, in front of which nothing can stand.
        habits: how such lists are written; what this one shows is noted there.
        path: of the list.
    """

    def is_member(item: PlacedItem) -> bool:
        return number(item) is not None

    kept, behind = _sunk(group, is_member)
    members = [item for item in kept if is_member(item)]
    runs = _runs(kept, is_member)
    if len(members) == 1 and kept == members:
        alone = _alone(members[0], before, after, is_numbered, habits, path)
        if alone is not None:
            return alone._replace(behind=behind)
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
            habits.trailing[habits.of(path)] = tuple(words[0])
            return Packed(
                [_wrapped(m, [], run) for m, run in zip(members, [*runs, trailing], strict=True)], [], 0, count
            )
        if all(heads) and _same(leading, words[0]):
            habits.leading[habits.of(path)] = tuple(words[0])
            found = [_wrapped(m, run, []) for m, run in zip(members, [leading, *runs], strict=True)]
            return Packed(found, [], count, 0)
        if all(tails[:-1]):
            return Packed([_wrapped(m, [], run) for m, run in zip(members, [*runs, []], strict=True)], [], 0, 0)
    found = _between(members, runs, heads, tails)
    return None if found is None else Packed(found, behind, 0, 0)


def _between(
    members: Sequence[PlacedItem],
    runs: Sequence[list[PlacedItem]],
    heads: Sequence[bool],
    tails: Sequence[bool],
) -> list[PlacedItem] | None:
    """The modules of a list, with what stands between two of them in the second, or else in the first; None where it
    can be in neither."""
    front: list[list[PlacedItem]] = [[] for _ in members]
    back: list[list[PlacedItem]] = [[] for _ in members]
    for i, run in enumerate(runs):
        if run and heads[i + 1]:
            front[i + 1] = run
        elif run and tails[i]:
            back[i] = run
        elif run:
            return None
    return [_wrapped(*each) for each in zip(members, front, back, strict=True)]


def _alone(
    member: PlacedItem,
    before: Sequence[PlacedItem],
    after: Sequence[PlacedItem],
    is_numbered: Callable[[PlacedItem], bool],
    habits: ListHabits,
    path: str,
) -> Packed | None:
    """A list of one module with what longer lists of its kind have in each of theirs; None if they have nothing."""
    words = habits.trailing.get(habits.of(path), ())
    trailing = list(after[: len(words)])
    if words and member.body is not None and _same(trailing, words):
        return Packed([_wrapped(member, [], trailing)], [], 0, len(words))
    words = habits.leading.get(habits.of(path), ())
    leading = list(before[-len(words) :]) if words else []
    if words and member.body is not None and not is_numbered(member) and _same(leading, words):
        return Packed([_wrapped(member, leading, [])], [], len(words), 0)
    return None


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
