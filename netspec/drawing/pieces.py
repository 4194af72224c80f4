"""The parts that a stack is put together from: boxes, frames and joins around a line that goes through them.

A `Piece` has its line at x = 0, its lower end, where values come in, at y = `height`, and its upper end at y = 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from netspec.drawing.scene import MAIN, SMALL, Anchor, Box, Circle, Phrase, Shape, Stroke, Tip, Words, moved
from netspec.drawing.text import lines, printable, width

WIDEST: Final = 240.0
"""The text of a box is broken into lines that are no longer."""
_PAD: Final = 8.0
_STEP: Final = 12.5
"""From line to line."""
GAP: Final = 11.0
"""Between two boxes of a chain: the length of an arrow."""
_HEADER: Final = 13.0
"""The height of a frame's heading, for each of its lines."""
_APART: Final = 14.0
"""Between two branches."""
_SIGN: Final = 7.0
"""The radius of a join."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a stack."""

    left: float
    """How far it reaches to the left of its line, at least 0."""
    right: float
    height: float
    shapes: tuple[Shape, ...]
    takes: bool = True
    """Whether it takes what flows in; else it begins with another value."""
    pointed: bool = True
    """Whether an arrow ends at it: at a box, and not at a frame around boxes."""


def text_lines(runs: Sequence[Phrase], most: float = WIDEST) -> list[tuple[Phrase, ...]]:
    """Runs in lines: all in one if they fit, else the quiet ones in lines of their own."""
    last = len(runs)
    whole = tuple(Phrase(printable(r.words) + " " * (at < last), r.role, r.bold) for at, r in enumerate(runs, 1))
    if sum(width(run.words, MAIN, bold=run.bold) for run in whole) <= most:
        return [whole]
    found: list[tuple[Phrase, ...]] = []
    for quiet in (False, True):
        part = [run for run in whole if (run.role == "quiet") == quiet]
        if sum(width(run.words, MAIN, bold=run.bold) for run in part) <= most:
            found += [tuple(part)] if part else []
            continue
        for run in part:
            found += [(Phrase(line, run.role, run.bold),) for line in lines(run.words, most, MAIN, bold=run.bold)]
    return [_stripped(row) for row in found]


def _stripped(row: tuple[Phrase, ...]) -> tuple[Phrase, ...]:
    """A line without the blanks at its end, and without the dot that parts what follows a layer at its beginning."""
    first, *middle = row
    runs = [Phrase(first.words.removeprefix("· "), first.role, first.bold), *middle]
    last = runs[-1]
    return (*runs[:-1], Phrase(last.words.rstrip(), last.role, last.bold))


def measured(runs: Sequence[Phrase], most: float = WIDEST) -> float:
    """The width of a box around a text, that of its longest line."""
    return _around(text_lines(runs, most))


def _around(rows: Sequence[Sequence[Phrase]]) -> float:
    return max(sum(width(run.words, MAIN, bold=run.bold) for run in line) for line in rows) + 2 * _PAD


def box(
    runs: Sequence[Phrase],
    role: str,
    tip: str,
    *,
    least: float = 0,
    most: float = WIDEST,
    heavy: bool = False,
    dashed: bool = False,
    apart: bool = False,
) -> Piece:
    """A box with text, at least as wide as `least`; its lines are no longer than `most`. With `apart` each run has a
    line of its own."""
    rows = [row for run in runs for row in text_lines([run], most)] if apart else text_lines(runs, most)
    half = max(_around(rows), least) / 2
    high = _STEP * len(rows) + 6
    words = tuple(Words(0, 4 + MAIN * 0.86 + _STEP * number, row) for number, row in enumerate(rows))
    shape = Box(-half, 0, 2 * half, high, role, heavy=heavy, dashed=dashed)
    return Piece(half, half, high, (Tip(tip, (shape, *words)) if tip else shape, *(() if tip else words)))


def noted(piece: Piece, note: str) -> Piece:
    """A piece with a short text to the right of its upper end, such as the shape of what comes out."""
    at = piece.right + 5
    words = Words(at, 4 + MAIN * 0.86, (Phrase(note, "faint"),), SMALL, "start")
    return replace(piece, right=at + words.width, shapes=(*piece.shapes, words))


def named(name: str) -> Piece:
    """A point on the line at which a value gets a name."""
    (*rest, last) = lines(name, WIDEST, SMALL)
    rows = [*rest, last]
    anchor: Anchor = "start"
    words = tuple(Words(12, 8 + 11 * n, (Phrase(row, "ink", True),), SMALL, anchor) for n, row in enumerate(rows))
    high = 11.0 * len(rows) + 1
    line = (Stroke(((0, 0), (0, high))), Stroke(((0, 5), (9, 5)), thin=True))
    return Piece(0, 12 + max(w.width for w in words), high, (*line, *words), pointed=False)


def handed(value: Piece) -> Piece:
    """A point on the line at which a value is given to the outside, beside what goes on."""
    level = value.height / 2
    x = value.left + 2 * GAP
    shapes = (
        Stroke(((0, 0), (0, value.height))),
        Stroke(((0, level), (x - value.left, level)), arrow=True),
        *moved(value.shapes, x, 0),
    )
    return Piece(0, x + value.right, value.height, shapes, pointed=False)


def chain(pieces: Sequence[Piece], *, gap: float = GAP) -> Piece:
    """Pieces one above the other, the first one at the bottom, with arrows between them."""
    if not pieces:
        return Piece(0, 0, 0, ())
    shapes: list[Shape] = []
    y = 0.0
    for number, piece in enumerate(reversed(pieces)):
        if number:
            above = pieces[len(pieces) - number]
            if above.takes:
                shapes.append(Stroke(((0, y + gap), (0, y)), arrow=above.pointed))
            y += gap
        shapes += moved(piece.shapes, 0, y)
        y += piece.height
    left, right = max(p.left for p in pieces), max(p.right for p in pieces)
    return Piece(left, right, y, tuple(shapes), pieces[0].takes, pieces[0].pointed)


def framed(inside: Piece, heading: str, *, heavy: bool, tip: str = "", dashed: bool = False) -> Piece:
    """A piece in a frame, whose heading stands to the left of the line that leaves at the top."""
    rows = lines(heading, WIDEST, SMALL, bold=True) if heading else []
    wide = max((width(row, SMALL, bold=True) for row in rows), default=0.0)
    left = max(inside.left + 7, wide + 12)
    right = inside.right + 7
    top = _HEADER * len(rows) + (4 if rows else 8)
    words = tuple(
        Words(-left + 6, 10 + _HEADER * number, (Phrase(row, "ink", True),), SMALL, "start")
        for number, row in enumerate(rows)
    )
    high = top + inside.height + 9
    frame = Box(-left, 0, left + right, high, "frame", radius=4, heavy=heavy, dashed=dashed, frame=True)
    back: tuple[Shape, ...] = (Tip(tip, (frame, *words)),) if tip else (frame, *words)
    enters = (Stroke(((0, high), (0, top + inside.height)), arrow=inside.pointed),) if inside.takes else ()
    through = (Stroke(((0, top), (0, 0))), *enters)
    return Piece(left, right, high, (*back, *through, *moved(inside.shapes, 0, top)), inside.takes, False)


@dataclass(frozen=True, slots=True)
class Joint:
    """How branches meet: a sign in a circle, or words in a box."""

    sign: str
    words: str
    tip: str

    def piece(self) -> Piece:
        """The piece at which they meet."""
        if not self.sign:
            return box((Phrase(self.words),), "end", self.tip)
        circle = Circle(0, _SIGN, _SIGN, self.sign)
        return Piece(_SIGN, _SIGN, 2 * _SIGN, (Tip(self.tip, (circle,)),))


def joined(branches: Sequence[Piece], joint: Joint, *, passes: bool, split: str = "") -> Piece:
    """Branches side by side, from a fork at the bottom to a join at the top.

    Args:
        branches: one piece each; one of height 0 passes on what comes in.
        joint: how they meet.
        passes: whether what comes in goes to the join, too, beside the branches.
        split: what each branch gets, where that is not the whole.
    """
    meeting = joint.piece()
    every = [*branches, *([Piece(0, 0, 0, ())] if passes else [])]
    full = [piece for piece in every if piece.height]
    tallest = max((piece.height for piece in every), default=0.0)
    if len(full) == 1:  # the body stands on the line, and what passes by goes to its right
        every = [*full, *(piece for piece in every if not piece.height)]
        places = [0.0]
        for piece in every[:-1]:
            places.append(places[-1] + max(piece.right, meeting.right) + _APART)
    else:
        places = _spread(every)
    top = meeting.height + 16
    shapes: list[Shape] = list(meeting.shapes)
    bottom = top + tallest + 16
    for piece, x in zip(every, places, strict=True):
        shapes += moved(piece.shapes, x, bottom - 16 - piece.height)
        shapes += _upper(x, bottom - 16 - piece.height, meeting, straight=len(full) == 1)
        if piece.takes:
            shapes += _lower(x, bottom, bottom - 16, arrow=piece.height > 0)
    taking = [x for x, piece in zip(places, every, strict=True) if piece.takes]
    if taking:
        shapes.append(Stroke(((min(*taking, 0.0, 0.0), bottom - 5), (max(*taking, 0.0, 0.0), bottom - 5))))
        shapes.append(Stroke(((0, bottom), (0, bottom - 5))))
    left = max(meeting.left, *(piece.left - x for piece, x in zip(every, places, strict=True)), 0)
    right = max(meeting.right, *(piece.right + x for piece, x in zip(every, places, strict=True)), 0)
    whole = Piece(left, right, bottom, tuple(shapes), bool(taking), False)
    return chain([box((Phrase(split),), "tag", ""), whole]) if split and taking else whole


def _spread(pieces: Iterable[Piece]) -> list[float]:
    """The places of branches next to each other, their middle at 0."""
    places: list[float] = []
    x = 0.0
    for piece in pieces:
        places.append(x + piece.left)
        x += piece.left + piece.right + _APART
    return [place - (x - _APART) / 2 for place in places]


def _upper(x: float, y: float, meeting: Piece, *, straight: bool) -> list[Shape]:
    """The line from a branch's end to the join."""
    if abs(x) < 0.01:
        return [Stroke(((x, y), (0, meeting.height)), arrow=True)]
    if straight:
        middle = meeting.height / 2
        return [Stroke(((x, y), (x, middle), (meeting.right, middle)), arrow=True)]
    level = meeting.height + 10
    return [Stroke(((x, y), (x, level), (0, level), (0, meeting.height)), arrow=True)]


def _lower(x: float, bottom: float, top: float, *, arrow: bool) -> list[Shape]:
    return [Stroke(((x, bottom - 5), (x, top)), arrow=arrow)]


def headed(main: Piece | None, head: Piece) -> Piece:
    """The line that goes on, and to its right a head that runs in training alone."""
    x = (main.right if main else 0) + head.left + _APART
    high = head.height + 12
    shapes = [
        Stroke(((0, 0), (0, high))),
        Stroke(((0, high - 4), (x, high - 4), (x, head.height)), arrow=True, dashed=True),
        *moved(head.shapes, x, 0),
    ]
    return Piece(0, x + head.right, high, tuple(shapes), pointed=False)
