"""A table of texts as part of a picture."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.drawing.scene import SMALL, Anchor, Phrase, Scene, Shape, Stroke, Words
from netspec.drawing.text import lines, printable, width

_LINE = 12.0
_APART = 18.0
_WIDEST = 150.0
"""The width of a column, beyond which its texts are broken."""


def table(rows: Sequence[Sequence[str]]) -> Scene:
    """Rows of texts in columns: the first column begins at the left, the others end at the right, and the first row
    stands above a line."""
    broken = [[_broken(cell, bold=number == 0) for cell in row] for number, row in enumerate(rows)]
    widths = [
        max(width(line, SMALL, bold=number == 0) for number, row in enumerate(broken) for line in row[column])
        for column in range(len(rows[0]))
    ]
    wide = sum(widths) + _APART * (len(widths) - 1)
    shapes: list[Shape] = []
    y = 0.0
    for number, row in enumerate(broken):
        x = 0.0
        for column, (cell, room) in enumerate(zip(row, widths, strict=True)):
            anchor: Anchor = "start" if column == 0 else "end"
            for at, line in enumerate(cell):
                look = Phrase(line, "ink" if number == 0 or column else "faint", number == 0)
                place = x if column == 0 else x + room
                shapes.append(Words(place, y + 9 + _LINE * at, (look,), SMALL, anchor))
            x += room + _APART
        y += _LINE * max(map(len, row))
        if number == 0:
            shapes.append(Stroke(((0, y + 1), (wide, y + 1)), thin=True))
            y += 4
    return Scene(wide, y, tuple(shapes))


def _broken(cell: str, *, bold: bool) -> list[str]:
    return lines(printable(cell), _WIDEST, SMALL, bold=bold)
