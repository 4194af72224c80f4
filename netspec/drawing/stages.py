"""Stages of networks side by side: which stand at the same height."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netspec.dims import Shape

Key = tuple[str, Shape]
"""What a stage is known by: the kind of its values (`map`, `sequence`, `flat`) and their size beside the channels."""

_EQUAL: Final = 6
_SIMILAR: Final = 1


def key(shape: Shape) -> Key:
    """The stage that a value belongs to: maps of equal size are one, and so are vectors of any width."""
    if len(shape) >= 3:
        return "map", shape[1:]
    if len(shape) == 2:
        return "sequence", shape[:1]
    return "flat", ()


def aligned(columns: Sequence[Sequence[Key]]) -> list[list[int | None]]:
    """The rows of a table of stages: for each row the index of the stage of each column, or None.

    Stages of equal size stand in one row where the order allows it, and of the others as many as have the same kind;
    rows are found column by column, each held against the table so far.
    """
    rows: list[list[int | None]] = [[number] for number in range(len(columns[0]))]
    for count, column in enumerate(columns[1:], 1):
        keys = [[columns[c][at] for c, at in enumerate(row) if at is not None] for row in rows]
        merged: list[list[int | None]] = []
        for row, stage in _pairs(keys, column):
            merged.append([*(rows[row] if row is not None else [None] * count), stage])
        rows = merged
    return rows


def _pairs(rows: Sequence[Sequence[Key]], column: Sequence[Key]) -> list[tuple[int | None, int | None]]:
    """The best pairing in order of rows with the stages of a column, by dynamic programming from the end."""
    best = [[0] * (len(column) + 1) for _ in range(len(rows) + 1)]
    for i in range(len(rows) - 1, -1, -1):
        for j in range(len(column) - 1, -1, -1):
            met = _likeness(rows[i], column[j])
            paired = best[i + 1][j + 1] + met if met else -1
            best[i][j] = max(paired, best[i + 1][j], best[i][j + 1])
    pairs: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < len(rows) or j < len(column):
        if i < len(rows) and j < len(column):
            met = _likeness(rows[i], column[j])
            if met and best[i][j] == best[i + 1][j + 1] + met:
                pairs.append((i, j))
                i, j = i + 1, j + 1
                continue
        if i < len(rows) and (j == len(column) or best[i][j] == best[i + 1][j]):
            pairs.append((i, None))
            i += 1
        else:
            pairs.append((None, j))
            j += 1
    return pairs


def _likeness(row: Sequence[Key], stage: Key) -> int:
    if stage in row:
        return _EQUAL
    return _SIMILAR if any(kind == stage[0] for kind, _ in row) else 0
