"""The style `map`: a network at a glance, stages as boxes, and beside them once what their blocks are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final

from netspec.drawing.closing import block_of, closed, count, opened
from netspec.drawing.coarse import StageBox, coarse, stage_boxes
from netspec.drawing.grid import Cell, by_branch, by_line, by_size, is_chain
from netspec.drawing.heading import heading
from netspec.drawing.page import Sheet
from netspec.drawing.parts import PieceMaker
from netspec.drawing.pieces import framed
from netspec.drawing.routes import Grid
from netspec.drawing.scene import SMALL, Box, Phrase, Scene, Tip, Words, below, beside, moved
from netspec.drawing.short import Voice, place_text, tip_text
from netspec.drawing.text import lines, width
from netspec.net import As, Leaf, Net, Use, total
from netspec.views.describe import count_text, shape_text, term_text
from netspec.views.fold import Item, Join, LayerGroup, Unit

_ROOMS: Final = (165.0, 100.0)
"""The greatest width of the text of a card, and another one for narrow pages."""
_LONGEST_LINE: Final = 10
_PAD: Final = 7.0
_STEP: Final = 12.0
_MOST_LINES: Final = 6
_INSETS: Final = 3
_INSET_BOXES: Final = 16


def layouts(nets: Sequence[Net], page: Sheet, depth: int | None = None) -> Iterator[tuple[Scene, str]]:
    """Layouts of nets, each with words for what it leaves out: with insets of blocks first, and then with fewer.

    Args:
        nets: one net, or several beside each other.
        page: what is asked of the picture.
        depth: how many levels of a block its inset shows; None for as many as stay small.
    """
    made = [[_Overview(net, page.voice, depth, room) for net in nets] for room in _ROOMS]
    most = max(len(overview.insets) for overview in made[0])
    for number in range(most, -1, -1):
        left = most - number
        words = f"{left} of the blocks {'is' if left == 1 else 'are'} not opened" if number < most else ""
        for overviews in made:
            scenes = [list(overview.scenes(number)) for overview in overviews]
            both = [beside, below] if len(nets) > 1 else [beside]
            found = [put(each, 36) for each in _together(scenes) for put in both]
            yield from ((scene, words) for scene in sorted(found, key=_size))


def _together(scenes: Sequence[Sequence[Scene]]) -> Iterator[list[Scene]]:
    """A layout of each net: the first of all, the second of all."""
    for at in range(max(map(len, scenes))):
        yield [each[min(at, len(each) - 1)] for each in scenes]


def _size(scene: Scene) -> float:
    """How much room a scene takes on a page that is a little wider than high."""
    return max(scene.width / 1.3, scene.height)


class _Overview:
    """One net: its boxes, where they stand, and the insets."""

    def __init__(self, net: Net, voice: Voice, depth: int | None, room: float) -> None:
        self.net, self.voice, self.room = net, voice, room
        items = opened(net)
        self.boxes = stage_boxes(net, coarse(net, items))
        self.edges = [(p, at) for at, box in enumerate(self.boxes) for p in box.before]
        self.cards = [self._card(box) for box in self.boxes]
        self.insets = list(self._insets(items, depth))

    def scenes(self, insets: int) -> Iterator[Scene]:
        """The overview with so many insets, in all ways to arrange them."""
        shown = self.insets[:insets]
        around = [put(shown, 16) for put in ((beside, below) if len(shown) > 1 else (beside,))] if shown else []
        for cells in self._cells():
            body = Grid(self.cards, cells).scene(self.edges)
            wholes = [put([body, inset], 12) for inset in around for put in (beside, below)] or [body]
            for whole in wholes:
                yield below([heading(self.net, self.voice, whole.width), whole], 4)

    def _cells(self) -> Iterator[Sequence[Cell]]:
        """The ways in which the boxes may stand."""
        if is_chain(self.boxes):
            yield from (by_line(self.boxes, number) for number in range(1, min(len(self.boxes), _LONGEST_LINE) + 1))
            return
        for tight in (False, True):
            found = by_size(self.boxes, tight=tight)
            if found is not None:
                yield found
        if found is None:
            yield by_branch(self.boxes)
        yield by_line(self.boxes, 1)  # the narrowest

    # ---- a card

    def _card(self, box: StageBox) -> Scene:
        shape = shape_text(box.output.shape) + ("" if box.output.dtype == "float32" else f" {box.output.dtype}")
        if box.kind != "stage":
            word = ", ".join(box.called) or self.voice.word(box.kind)
            return _boxed([(word, "quiet", False), (shape, "text", True)], "end", "", self.room, heavy=False)
        rows = [(shape, "text", True), *((text, "text", False) for text in self._texts(box.items))]
        if box.called:
            rows.append((f"→ {', '.join(box.called)}", "text", True))
        if box.auxiliary:
            rows.append((self.voice.word("training only"), "quiet", False))
        heavy = any(isinstance(item, LayerGroup) and item.count > 1 for item in box.items)
        return _boxed(rows, _role(box.items), "\n\n".join(self._tips(box)), self.room, heavy=heavy)

    def _texts(self, items: Iterable[Item]) -> list[str]:
        """What stands in a stage, equal neighbours once, and of many the first and the last."""
        said = [self._text(item) for item in items]
        texts = [(text, len(list(run))) for text, run in groupby(said)]
        rows = [f"{text} ×{number}" if number > 1 else text for text, number in texts]
        if len(rows) > _MOST_LINES:
            rows = [*rows[: _MOST_LINES - 2], f"… {len(rows) - _MOST_LINES + 1} …", rows[-1]]
        return rows

    def _text(self, item: Item) -> str:
        match item:
            case Unit():
                first = item.layers[0]
                words = self.voice.layer(first, brief=True)
                return words if first.name is None else f"{first.name}: {words}"
            case LayerGroup():
                label = block_of(item) or item.label
                return f"{label} ×{item.count}" if item.count > 1 else label
            case Join():
                return item.combinator.joining.sign or item.combinator.joining.box_text()
            case As() | Use():
                return "" if item.term is None else term_text(item.term)
            case Leaf():
                return self._text(Unit((item,)))

    def _tips(self, box: StageBox) -> Iterator[str]:
        for item in box.items:
            match item:
                case Unit():
                    yield from (tip_text(leaf) for leaf in item.layers)
                case LayerGroup():
                    params = count_text(total(leaf.params for leaf in item.leaves))
                    yield f"{self._text(item)}\n{params} parameters\n{place_text(item.nodes[0].span)}"
                case _:
                    pass

    # ---- insets

    def _insets(self, items: Sequence[Item], depth: int | None) -> Iterator[Scene]:
        """The blocks that the overview has closed, each once, those that compute most first."""
        groups: dict[str, list[LayerGroup]] = {}
        for box in self.boxes:
            for item in box.items:
                if isinstance(item, LayerGroup) and item.closed:
                    groups.setdefault(block_of(item) or item.label, []).append(item)
        inside = {id(group.nodes[0]): group for group in _all_groups(items)}
        ranked = sorted(groups.items(), key=lambda pair: -sum(len(list(g.leaves)) for g in pair[1]))
        for name, same in ranked[:_INSETS]:
            shown = _shown(same, inside)
            if shown is None:
                continue
            opens = (closed(shown.items, n) for n in ([depth] if depth else (4, 3, 2, 1)))
            inner = next((i for i in opens if count(i) <= _INSET_BOXES and not _is_closed(i)), None)
            if inner is None:
                continue
            number = sum(group.count for group in same)
            title = f"{name} ×{number}" if number > 1 else name
            maker = PieceMaker(self.voice)
            piece = framed(maker.chain(inner), title, heavy=number > 1)
            yield Scene(piece.left + piece.right, piece.height, moved(piece.shapes, piece.left, 0))


def _shown(same: Sequence[LayerGroup], inside: dict[int, LayerGroup]) -> LayerGroup | None:
    """Of calls of one block the one to open: one that repeats, else the first."""
    found = [inside[id(node)] for group in same for node in group.nodes if id(node) in inside]
    return max(found, key=lambda group: group.count, default=None)


def _is_closed(items: Sequence[Item]) -> bool:
    """Whether items are one closed box."""
    return len(items) == 1 and isinstance(items[0], LayerGroup) and items[0].closed


def _all_groups(items: Iterable[Item]) -> Iterator[LayerGroup]:
    for item in items:
        match item:
            case LayerGroup():
                yield item
                yield from _all_groups(item.items)
            case Join():
                node = item.combinator
                yield LayerGroup("", 1, (node,), (item,), node.input, node.output, closed=False)
                for _, branch in item.branches:
                    yield from _all_groups(branch)
            case _:
                pass


def _role(items: Sequence[Item]) -> str:
    """The colour of a stage: that of the family of layers which has most of its parameters."""
    sizes: dict[str, int] = {}
    for leaf in (leaf for item in items for leaf in _leaves(item)):
        sizes[leaf.layer.family] = sizes.get(leaf.layer.family, 0) + (
            leaf.params if isinstance(leaf.params, int) else 1
        )
    return max(sizes, key=lambda family: sizes[family], default="end")


def _leaves(item: Item) -> Iterator[Leaf]:
    match item:
        case Unit():
            yield from item.layers
        case LayerGroup():
            yield from item.leaves
        case _:
            pass


def _boxed(rows: Sequence[tuple[str, str, bool]], role: str, tip: str, room: float, *, heavy: bool) -> Scene:
    """A box with lines of text: what each says, its colour, whether it is bold."""
    broken = [(part, ink, bold) for text, ink, bold in rows if text for part in lines(text, room, SMALL, bold=bold)]
    wide = max(width(text, SMALL, bold=bold) for text, _, bold in broken) + 2 * _PAD
    high = _STEP * len(broken) + 6
    words = tuple(
        Words(wide / 2, 3 + SMALL + _STEP * at, (Phrase(text, ink, bold),), SMALL)
        for at, (text, ink, bold) in enumerate(broken)
    )
    box = Box(0, 0, wide, high, role, heavy=heavy)
    return Scene(wide, high, (Tip(tip, (box, *words)),) if tip else (box, *words))
