"""The style `stack`: a box a layer, from the input at the bottom to the output at the top, networks side by side.

As figure 8.1.2 of "Dive into Deep Learning" has LeNet and AlexNet: a line says what a layer is. Stages whose maps have
the same size stand at the same height.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from netspec.drawing.closing import closed, closing_text, count, flowing, levels, opened
from netspec.drawing.heading import heading
from netspec.drawing.page import Sheet
from netspec.drawing.parts import PieceMaker, end
from netspec.drawing.pieces import GAP, Piece, chain, handed
from netspec.drawing.scene import SMALL, Phrase, Scene, Shape, Stroke, Words, below, beside, moved
from netspec.drawing.short import Voice
from netspec.drawing.stages import Key, aligned, key
from netspec.layers.base import TensorType
from netspec.net import As, Net
from netspec.views.fold import Item
from netspec.wiring import Wiring

_BETWEEN: Final = 36.0
"""Between two networks or columns."""
_HEADING: Final = 14.0
_MOST_COLUMNS: Final = 6
_MOST_BOXES: Final = 60
"""Without a stated depth, levels at which more boxes would be open are left closed."""


@dataclass(slots=True)
class _Stage:
    """Pieces whose values have one size."""

    key: Key
    pieces: list[Piece] = field(default_factory=list[Piece])

    @property
    def piece(self) -> Piece:
        return chain(self.pieces)


def layouts(nets: Sequence[Net], page: Sheet, depth: int | None = None) -> Iterator[tuple[Scene, str]]:
    """Layouts of nets, each with words for how it is folded: the most that can be said first.

    Args:
        nets: one net, which may be broken into columns, or several side by side.
        page: what is asked of the picture.
        depth: the levels of blocks to show; None for all of them first, and then fewer and fewer.
    """
    voice = page.voice
    items = [opened(net) for net in nets]
    deepest = max(map(levels, items))
    for level in [depth] if depth is not None else range(deepest, -1, -1):
        if depth is None and level and sum(map(count, (closed(inside, level) for inside in items))) > _MOST_BOXES:
            continue
        folded = "" if level >= deepest else closing_text(level)
        columns = [_stages(net, closed(inside, level), voice) for net, inside in zip(nets, items, strict=True)]
        for number in range(1, _MOST_COLUMNS + 1 if len(nets) == 1 else 2):
            broken = f"{number} columns" if number > 1 else ""
            yield _scene(nets, columns, number, voice), ", ".join(filter(None, (folded, broken)))


def _stages(net: Net, items: Sequence[Item], voice: Voice) -> list[_Stage]:
    parts = PieceMaker(voice, Wiring(net))
    pieces = parts.pieces(items, shapes=True, before=net.input.shape)
    inputs = end(voice.word("input"), [(value.name, value.type) for value in net.inputs])
    early = _given_early(net, items)
    for at, (name, type_) in early.items():
        given = end(voice.word("output"), [(name, type_)])
        goes_on = at + 1 < len(pieces) and pieces[at + 1].takes
        named = [pieces[at]] if isinstance(item := items[at], As) and item.name != name else []
        pieces[at] = chain([*named, handed(given) if goes_on else given])
    told = {item.slot for at in early if isinstance(item := items[at], As)}
    outputs = [(name, type_) for slot, name, type_ in _given(net) if slot not in told]
    found = [_Stage(("input", ()), [inputs])]
    keyed = zip((key(flowing(item).shape) for item in items), pieces, strict=True)
    found += [_Stage(size, [piece for _, piece in group]) for size, group in groupby(keyed, key=lambda pair: pair[0])]
    return [*found, _Stage(("output", ()), [end(voice.word("output"), outputs)])]


def _given(net: Net) -> list[tuple[int | None, str | None, TensorType]]:
    """The tensors that a net gives: where each is kept, its name, its type."""
    return [
        (slot, value.name, type_)
        for value in net.outputs
        for slot, type_ in zip(value.slots or (None,), value.types, strict=True)
    ]


def _given_early(net: Net, items: Sequence[Item]) -> dict[int, tuple[str | None, TensorType]]:
    """Where in a chain tensors get a name that the network gives, those at its end excepted; with what they are."""
    given = {slot: (name, type_) for slot, name, type_ in _given(net)}
    at_end = next((at for at in range(len(items), 0, -1) if not isinstance(items[at - 1], As)), 0)
    return {
        at: given[item.slot]
        for at, item in enumerate(items[:at_end])
        if isinstance(item, As) and item.term is None and item.slot in given
    }


def _scene(nets: Sequence[Net], columns: Sequence[Sequence[_Stage]], number: int, voice: Voice) -> Scene:
    if len(nets) == 1:
        body = beside(_broken(columns[0], number), _BETWEEN)
        return below([heading(nets[0], voice, body.width), body], _HEADING)
    side = _side_by_side(columns)
    widths = [max(p.left for p in column) + max(p.right for p in column) for column in side]
    heads = [heading(net, voice, wide) for net, wide in zip(nets, widths, strict=True)]
    top = max(head.height for head in heads) + _HEADING
    parts: list[Scene] = []
    for column, head, wide in zip(side, heads, widths, strict=True):
        room = max(wide, head.width)
        high = top + sum(piece.height for piece in column) + GAP * (len(column) - 1)
        axis = max(piece.left for piece in column) + (room - wide) / 2
        shapes = (*moved(head.shapes, (room - head.width) / 2, 0), *moved(chain(column).shapes, axis, top))
        parts.append(Scene(room, high, shapes))
    return beside(parts, _BETWEEN)


def _broken(stages: Sequence[_Stage], number: int) -> list[Scene]:
    """One network in columns, from left to right, each from the bottom to the top."""
    pieces = [piece for stage in stages for piece in stage.pieces]
    parts = _balanced(pieces, number)
    wholes = [chain(part) for part in parts]
    tallest = max(whole.height for whole in wholes)
    found: list[Scene] = []
    for at, whole in enumerate(wholes):
        top = tallest - whole.height + 24
        shapes = [*moved(whole.shapes, whole.left, top)]
        if at + 1 < len(wholes):
            shapes += _marker(whole.left, top, chr(ord("a") + at), up=True)
        if at:
            shapes += _marker(whole.left, top + whole.height, chr(ord("a") + at - 1), up=False)
        found.append(Scene(whole.left + whole.right, tallest + 48, tuple(shapes)))
    if len(wholes) == 1:
        return [Scene(found[0].width, tallest, moved(found[0].shapes, 0, -24))]
    return found


def _marker(x: float, y: float, sign: str, *, up: bool) -> list[Shape]:
    """Where a column goes on in the next one."""
    if up:
        return [
            Stroke(((x, y), (x, y - 10)), arrow=True),
            Words(x + 7, y - 4, (Phrase(sign, "ink", True),), SMALL, "start"),
        ]
    return [
        Stroke(((x, y + 12), (x, y)), arrow=True),
        Words(x + 7, y + 10, (Phrase(sign, "ink", True),), SMALL, "start"),
    ]


def _balanced(pieces: Sequence[Piece], number: int) -> list[list[Piece]]:
    """Pieces in at most so many columns, in order, so that the tallest is as short as it can be."""
    low, high = max(p.height for p in pieces), sum(p.height + GAP for p in pieces)
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(pieces, middle)) <= number else (middle, high)
    return _filled(pieces, high)


def _filled(pieces: Sequence[Piece], room: float) -> list[list[Piece]]:
    columns: list[list[Piece]] = [[]]
    used = 0.0
    for piece in pieces:
        if columns[-1] and used + GAP + piece.height > room:
            columns.append([])
            used = 0.0
        used += piece.height + (GAP if columns[-1] else 0.0)
        columns[-1].append(piece)
    return columns


def _side_by_side(columns: Sequence[Sequence[_Stage]]) -> list[list[Piece]]:
    """The stages of each net as pieces, one for each row of the table of stages: all of a row are equally high."""
    rows = aligned([[stage.key for stage in column] for column in columns])
    found: list[list[Piece]] = [[] for _ in columns]
    for row in rows:
        here = [None if at is None else columns[c][at].piece for c, at in enumerate(row)]
        high = max(piece.height for piece in here if piece is not None)
        for column, piece in zip(found, here, strict=True):
            column.append(_raised(piece, high))
    return found


def _raised(piece: Piece | None, high: float) -> Piece:
    """A piece at the bottom of a room of this height, with a line through what is left of it."""
    if piece is None:
        return Piece(0, 0, high, (Stroke(((0, 0), (0, high))),), pointed=False)
    above = (Stroke(((0, 0), (0, high - piece.height))),) if high - piece.height > 0.01 else ()
    return replace(piece, height=high, shapes=(*above, *moved(piece.shapes, 0, high - piece.height)))
