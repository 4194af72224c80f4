"""Places for the boxes of an overview: a row for each size of maps, a column for each branch, or lines as of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import Final

from netspec.dims import Shape
from netspec.drawing.coarse import StageBox

_LONGEST: Final = 32
"""A map has no side that is so many times as long as another: 4 × 8400 is a list."""
Cell = tuple[int, int]
"""Column, row."""


def by_size(boxes: Sequence[StageBox], *, tight: bool) -> list[Cell] | None:
    """Cells with a row for each size of maps, the largest at the top, so that U-Nets are a U and pyramids a pyramid;
    what is no map stands in a row below them.

    Args:
        boxes: the boxes.
        tight: whether the bottom of a U shares its column with what leads to it, and what is no map goes on downwards.

    Returns:
        The cells. None if there is no reason for them: maps do not become larger again, and not several sizes go in or
        come out.
    """
    sizes = [_size(box) for box in boxes]
    levels = sorted({size for size in sizes if size is not None}, key=_area, reverse=True)
    rises = any(_turns(at, boxes, sizes) for at in range(len(boxes)))
    if len(levels) < 2 or not (rises or _several(boxes, sizes)):
        return None
    cells: list[Cell] = []
    for at, (box, size) in enumerate(zip(boxes, sizes, strict=True)):
        below = max(len(levels), *(cells[p][1] + tight for p in box.before)) if box.before else len(levels)
        row = levels.index(size) if size is not None else below
        turns: set[int] = set() if tight else {p for p in (*box.before, at) if _turns(p, boxes, sizes)}
        right = [cells[p][0] + (cells[p][1] == row or (cells[p][1] > row and p in turns)) for p in box.before]
        cells.append(_free(max(right, default=0) + (at in turns), row, cells))
    return cells


def _turns(at: int, boxes: Sequence[StageBox], sizes: Sequence[Shape | None]) -> bool:
    """Whether a box takes larger maps and larger ones are made of what it gives: the bottom of a U."""
    falls = any(_larger(sizes[p], sizes[at]) for p in boxes[at].before)
    return falls and any(at in box.before and _larger(sizes[n], sizes[at]) for n, box in enumerate(boxes))


def _larger(size: Shape | None, other: Shape | None) -> bool:
    return size is not None and other is not None and _area(size) > _area(other)


def _size(box: StageBox) -> Shape | None:
    kind, size = box.key
    numbers = [n for n in size if isinstance(n, int)]
    longish = kind == "map" and len(numbers) == len(size) and max(numbers) <= _LONGEST * min(numbers)
    return size if longish else None


def _area(size: Shape) -> int:
    return prod(n for n in size if isinstance(n, int))


def _several(boxes: Sequence[StageBox], sizes: Sequence[Shape | None]) -> bool:
    """Whether maps of several sizes go in, or come out."""
    for kind in ("input", "output"):
        found = {size for box, size in zip(boxes, sizes, strict=True) if box.kind == kind and size is not None}
        if len(found) > 1:
            return True
    return False


def by_branch(boxes: Sequence[StageBox], *, across: bool = False) -> list[Cell]:
    """Cells with a column for each branch and a row for each step, the first one at the bottom: what is computed side
    by side, as an encoder and a decoder, stands side by side. If it runs `across`, a row for each branch and a column
    for each step, the first one on the left."""
    steps: list[int] = []
    tracks: list[int] = []
    ends: dict[int, int] = {}
    """The box at which each track ends."""
    for at, box in enumerate(boxes):
        steps.append(max((steps[p] + 1 for p in box.before), default=0))
        track = next((tracks[p] for p in box.before if ends.get(tracks[p]) == p), None)
        if track is None:
            track = len(ends)
        ends[track] = at
        tracks.append(track)
    last = max(steps)
    cells: list[Cell] = []
    for track, step in zip(tracks, steps, strict=True):
        cells.append(_free(step, track, cells) if across else _free(track, last - step, cells))
    return cells


def by_line(boxes: Sequence[StageBox], number: int) -> list[Cell]:
    """Cells in lines of so many boxes, from left to right and from the top to the bottom."""
    return [(at % number, at // number) for at in range(len(boxes))]


def is_chain(boxes: Sequence[StageBox]) -> bool:
    """Whether each box takes the value of the one in front of it and of no other."""
    return all(box.before == ([at - 1] if at else []) for at, box in enumerate(boxes))


def _free(column: int, row: int, cells: Iterable[Cell]) -> Cell:
    """The first free cell of a row from a column on."""
    taken = set(cells)
    while (column, row) in taken:
        column += 1
    return column, row
