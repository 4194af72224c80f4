"""A value in the style `volumes`, with its label, and values in rows from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from netspec.drawing.scene import SMALL, Area, Phrase, Scene, Stroke, Tip, Words, below
from netspec.drawing.solids import Scale, Solid, between, solid
from netspec.drawing.text import lines, width
from netspec.views.describe import shape_text

_LABEL: Final = 74.0
"""The width of what stands below a volume."""
_APART: Final = 16.0
_STEP: Final = 11.0


@dataclass(frozen=True, slots=True)
class Volume:
    """A value of the net's line, and what it is made by."""

    shape: tuple[int, ...]
    words: str
    role: str
    tip: str
    kernel: tuple[int, int] | None = None
    linked: bool = True
    """Whether it is made of the value in front of it; else another value is taken."""
    named: tuple[int, ...] = ()
    """The slots of the names that the spec gives it."""
    reads: tuple[int, ...] = ()
    """The slots of the named values that it is made of beside the one in front."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A volume of a row at its place."""

    volume: Volume
    body: Solid
    corner: tuple[float, float]
    """Upper left of its front."""
    right: float
    """Where its room ends, label and all."""

    @property
    def middle(self) -> float:
        """Half-way down its front."""
        return self.corner[1] + self.body.high / 2

    def above(self, share: float = 0.5) -> tuple[float, float]:
        """A point of its upper side, so far from the left."""
        x, y = self.corner
        return x + self.body.deep / 2 + self.body.thick * share, y - self.body.deep / 2


def in_rows(volumes: Sequence[Volume], scale: Scale, number: int) -> Scene:
    """The volumes in rows of so many, from left to right."""
    rows = [volumes[at : at + number] for at in range(0, len(volumes), number)]
    return below([row(each, scale)[0] for each in rows], 16)


def row(volumes: Sequence[Volume], scale: Scale) -> tuple[Scene, list[Placed]]:
    """Volumes in a row, each linked to the one in front of it, and where each stands."""
    solids = [solid(volume.shape, scale) for volume in volumes]
    labels = [_label(volume) for volume in volumes]
    rooms = [max(s.width, _widest(words)) + _APART for s, words in zip(solids, labels, strict=True)]
    tall = max(s.high / 2 + s.deep for s in solids)
    foot = max(s.high / 2 for s in solids)
    shapes: list[Tip | Words] = []
    placed: list[Placed] = []
    x = 0.0
    for volume, body, words, room in zip(volumes, solids, labels, rooms, strict=True):
        corner = (x + (room - body.width) / 2, tall - body.high / 2)
        sides = tuple(body.sides(*corner, volume.role))
        shapes.append(Tip(volume.tip, sides) if volume.tip else Tip(shape_text(volume.shape), sides))
        shapes += [Words(x + room / 2, tall + foot + 13 + _STEP * at, (each,), SMALL) for at, each in enumerate(words)]
        x += room
        placed.append(Placed(volume, body, corner, x))
    links: list[Area | Stroke] = []
    for a, b in pairwise(placed):
        if b.volume.linked:
            links += between(a.body, a.corner, b.body, b.corner, b.volume.kernel)
    high = tall + foot + 13 + _STEP * max(map(len, labels))
    return Scene(x, high, (*shapes, *links)), placed


def _label(volume: Volume) -> list[Phrase]:
    """The shape of a value and, in lines, what it is made by."""
    shape = "×".join(map(str, volume.shape))
    return [
        Phrase(shape, "ink", bold=True),
        *(Phrase(words, "faint") for words in lines(volume.words, _LABEL, SMALL) if words),
    ]


def _widest(rows: Sequence[Phrase]) -> float:
    return max(width(row.words, SMALL, bold=row.bold) for row in rows)
