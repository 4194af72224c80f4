"""The boxes of an overview made fewer, for nets that have more of them than a page has room for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from netspec.drawing.coarse import StageBox, in_order

_NUMBERS: Final = (16, 10, 6)
"""So many boxes at most, one after the other, where those of one size alone are still too many."""


def fewer(boxes: Sequence[StageBox]) -> Iterator[tuple[list[StageBox], str]]:
    """The boxes, and fewer and fewer that stand for them, each time with words for it."""
    yield list(boxes), ""
    found = of_one_size(boxes)
    words = "what follows each other at one size is one box"
    if len(found) < len(boxes):
        yield found, words
    for number in _NUMBERS:
        if len(found) > number:
            found = neighbours(found, number)
            yield found, "what follows each other is one box"


def of_one_size(boxes: Sequence[StageBox]) -> list[StageBox]:
    """The boxes with those that follow each other at one size as one, also where others take their values in between:
    each side of a U has one for each size of maps."""
    groups = [[at] for at in range(len(boxes))]
    home = list(range(len(boxes)))
    for at, box in enumerate(boxes):
        for p in box.before:
            a, b = home[p], home[at]
            if a == b or not _alike(boxes[p], box) or _around(groups, home, boxes, a, b):
                continue
            for inside in groups[b]:
                home[inside] = a
            groups[a] += groups[b]
            groups[b] = []
    return in_order(_joined(boxes, [sorted(group) for group in groups if group]))


def _alike(a: StageBox, b: StageBox) -> bool:
    stages = a.kind == b.kind == "stage" and not a.called
    return stages and a.key == b.key and a.auxiliary == b.auxiliary


def _around(groups: list[list[int]], home: list[int], boxes: Sequence[StageBox], a: int, b: int) -> bool:
    """Whether a way leads from one group to another past others: as one box both would be before and behind those."""
    seen = {b}
    stack = [home[p] for inside in groups[b] for p in boxes[inside].before if home[p] not in (a, b)]
    while stack:
        group = stack.pop()
        if group == a:
            return True
        if group not in seen:
            seen.add(group)
            stack += [home[p] for inside in groups[group] for p in boxes[inside].before]
    return False


def neighbours(boxes: Sequence[StageBox], most: int) -> list[StageBox]:
    """At most so many boxes, or as few as there can be: neighbours in the order of the computation are put together,
    those first that follow each other at one size, and of these the smallest. Inputs stay inputs, outputs outputs."""
    groups = [[at] for at in sorted(range(len(boxes)), key=lambda at: _PLACES[boxes[at].kind])]
    while len(groups) > most:
        pairs = [at for at in range(len(groups) - 1) if boxes[groups[at][0]].kind == boxes[groups[at + 1][0]].kind]
        if not pairs:
            break
        at = min(pairs, key=lambda at: _cost(boxes, groups[at], groups[at + 1]))
        groups[at : at + 2] = [groups[at] + groups[at + 1]]
    return _joined(boxes, groups)


_PLACES: Final = {"input": 0, "stage": 1, "output": 2}


def _cost(boxes: Sequence[StageBox], a: list[int], b: list[int]) -> tuple[bool, bool, bool, int]:
    last, first = boxes[a[-1]], boxes[b[0]]
    linked = any(p in a for at in b for p in boxes[at].before)
    return (
        last.auxiliary != first.auxiliary,
        not linked,
        last.key != first.key,
        sum(len(boxes[at].items) for at in a + b),
    )


def _joined(boxes: Sequence[StageBox], groups: Sequence[list[int]]) -> list[StageBox]:
    """A box for each group."""
    home = {at: number for number, group in enumerate(groups) for at in group}
    found: list[StageBox] = []
    for number, group in enumerate(groups):
        inside = [boxes[at] for at in group]
        before = dict.fromkeys(home[p] for box in inside for p in box.before)
        before.pop(number, None)
        found.append(
            StageBox(
                inside[0].kind,
                [name for box in inside for name in box.names],
                [item for box in inside for item in box.items],
                inside[-1].output,
                [name for box in inside for name in box.called],
                all(box.auxiliary for box in inside),
                list(before),
            )
        )
    return found
