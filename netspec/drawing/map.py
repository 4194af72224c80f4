"""The style `map`: a network at a glance, stages as boxes, and beside them once what their blocks are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from copy import copy
from itertools import groupby
from typing import Final

from netspec.drawing.calls import Call, alike, by_kind, calls_of
from netspec.drawing.closing import block_of, closed, count, given, label_of, opened
from netspec.drawing.coarse import StageBox, coarse, stage_boxes
from netspec.drawing.coarser import fewer
from netspec.drawing.grid import Cell, by_branch, by_line, by_size, is_chain
from netspec.drawing.heading import heading
from netspec.drawing.page import Sheet
from netspec.drawing.parts import PieceMaker, is_shared
from netspec.drawing.pieces import WIDEST, framed
from netspec.drawing.routes import Grid
from netspec.drawing.scene import SMALL, Box, Phrase, Scene, Tip, Words, below, beside, moved
from netspec.drawing.short import Voice, place_text, tip_text
from netspec.drawing.text import lines, width
from netspec.net import As, Combinator, Leaf, Net, Node, Use, leaves, total, walk
from netspec.views.describe import contents_text, count_text, shape_text, tensors_text, term_text
from netspec.views.fold import Item, Join, LayerGroup, Unit, stacked
from netspec.wiring import Wiring

ROOMS: Final = ((165.0, WIDEST), (100.0, 108.0))
"""The greatest width of the text of a card and of a box in an inset, and others for narrow pages."""
_LONGEST_LINE: Final = 10
_PAD: Final = 7.0
_STEP: Final = 12.0
_MOST_LINES: Final = 6
_MOST_BETWEEN: Final = 9
_MOST_NAMES: Final = 6
_INSETS: Final = 3
_MOST_LETTERS: Final = 12
"""Of so many kinds of one block a letter tells which is which."""
_INSET_BOXES: Final = 16


Layouts = Iterator[tuple[Scene, str]]


def layouts(nets: Sequence[Net], page: Sheet, depth: int | None = None) -> Layouts:
    """Layouts of nets, each with words for what it leaves out: with insets of blocks first, then with fewer, and then
    with fewer boxes.

    Args:
        nets: one net, or several beside each other.
        page: what is asked of the picture.
        depth: how many levels of a block its inset shows; None for as many as stay small.
    """
    items = [opened(net) for net in nets]
    steps = [list(fewer(stage_boxes(net, coarse(net, inside)))) for net, inside in zip(nets, items, strict=True)]
    parts = [(net, inside, each[0][0]) for net, inside, each in zip(nets, items, steps, strict=True)]
    first = [[Overview(*part, page.voice, depth, room) for part in parts] for room in ROOMS]
    for step in range(max(map(len, steps))):
        boxes, words = zip(*(each[min(step, len(each) - 1)] for each in steps), strict=True)
        made = [[o.with_boxes(b) for o, b in zip(each, boxes, strict=True)] for each in first] if step else first
        yield from ((scene, ", ".join(filter(None, (max(words), left)))) for scene, left in _arranged(made))


def _arranged(made: Sequence[Sequence[Overview]]) -> Layouts:
    """The layouts of overviews, those with most insets first; `made` has them for each of the `ROOMS`."""
    every = max(len(overview.insets) for overview in made[0])
    chain = all(is_chain(overview.boxes) for overview in made[0])
    for narrow in (False,) if chain else (False, True):
        for number in range(min(every, _INSETS), -1, -1):
            left = every - number
            words = f"{left} of the blocks {'is' if left == 1 else 'are'} not opened" if left else ""
            for overviews in made:
                scenes = [list(overview.scenes(number, narrow=narrow)) for overview in overviews]
                both = [beside, below] if len(overviews) > 1 else [beside]
                found = [put(each, 36) for each in _together(scenes) for put in both]
                yield from ((scene, words) for scene in sorted(found, key=_size))


def _together(scenes: Sequence[Sequence[Scene]]) -> Iterator[list[Scene]]:
    """A layout of each net: the first of all, the second of all."""
    for at in range(max(map(len, scenes))):
        yield [each[min(at, len(each) - 1)] for each in scenes]


def _size(scene: Scene) -> float:
    """How much room a scene takes on a page that is a little wider than high."""
    return max(scene.width / 1.3, scene.height)


class Overview:
    """One net: its boxes, where they stand, and the insets."""

    def __init__(
        self,
        net: Net,
        items: Sequence[Item],
        boxes: Sequence[StageBox],
        voice: Voice,
        depth: int | None,
        rooms: tuple[float, float],
    ) -> None:
        self.net, self.voice, self.boxes = net, voice, boxes
        self.room, self.widest = rooms
        self.kinds = self._kinds()
        self.wiring = Wiring(net)
        self._place(boxes)
        self.insets = list(self._insets(items, depth))

    def with_boxes(self, boxes: Sequence[StageBox]) -> Overview:
        """The same with other boxes for the same items."""
        found = copy(self)
        found._place(boxes)
        return found

    def _place(self, boxes: Sequence[StageBox]) -> None:
        self.boxes = boxes
        self.edges = [(p, at) for at, box in enumerate(self.boxes) for p in box.before]
        self.bodies: dict[tuple[bool, bool], list[Scene]] = {}
        self.explained = True
        self.cards = [self._card(box) for box in self.boxes]
        self.explained = False
        self.plain = [self._card(box) for box in self.boxes]
        """The same without letters that only insets explain."""

    def scenes(self, insets: int, *, narrow: bool) -> Iterator[Scene]:
        """The overview with so many insets, in all ways to arrange them; if `narrow`, in one column."""
        shown = self.insets[:insets]
        around = [put(shown, 16) for put in ((beside, below) if len(shown) > 1 else (beside,))] if shown else []
        for body in self._bodies(lettered=insets > 0, narrow=narrow):
            wholes = [put([body, inset], 12) for inset in around for put in (beside, below)] or [body]
            for whole in wholes:
                yield below([heading(self.net, self.voice, whole.width), whole], 4)

    def _bodies(self, *, lettered: bool, narrow: bool) -> list[Scene]:
        """The boxes with their lines, in all ways in which they may stand."""
        known = self.bodies.get((lettered, narrow))
        if known is None:
            cards = self.cards if lettered else self.plain
            ways = [by_line(self.boxes, 1)] if narrow else self.cells()
            known = self.bodies[lettered, narrow] = [Grid(cards, cells).scene(self.edges) for cells in ways]
        return known

    def cells(self) -> Iterator[Sequence[Cell]]:
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
        yield by_branch(self.boxes, across=True)

    # ---- a card

    def _card(self, box: StageBox) -> Scene:
        shape = tensors_text(None, (box.output,))
        if box.kind != "stage":
            word = shortened(box.called) or self.voice.word(box.kind)
            return _boxed([(word, "quiet", False), (shape, "text", True)], "end", "", self.room, heavy=False)
        last = box.items[-1] if box.items else None
        several = given(last, self.wiring) if isinstance(last, LayerGroup) else []
        if several:
            shape = " … ".join(shape_text(type_.shape) for _, type_ in (several[0], several[-1]))
        rows = [(shape, "text", True), *((text, "text", False) for text in self._texts(box.items))]
        if box.called:
            rows.append((f"→ {shortened(box.called)}", "text", True))
        if box.auxiliary:
            rows.append((self.voice.word("training only"), "quiet", False))
        heavy = any(isinstance(item, LayerGroup) and item.count > 1 for item in box.items)
        return _boxed(rows, _role(box.items), "\n\n".join(self._tips(box)), self.room, heavy=heavy)

    def _texts(self, items: Iterable[Item]) -> list[str]:
        """What stands in a stage, equal neighbours once, and of many the first, the last, and where values meet."""
        said = [(self._text(item), isinstance(item, Join | Use | As)) for item in items]
        texts = [(text, meets, len(list(run))) for (text, meets), run in groupby(said) if text]
        rows = [(f"{text} ×{number}" if number > 1 else text, meets) for text, meets, number in texts]
        if len(rows) <= _MOST_LINES:
            return [text for text, _ in rows]
        first, between, last = rows[: _MOST_LINES - 2], rows[_MOST_LINES - 2 : -1], rows[-1]
        middle: list[str] = []
        for meets, run in groupby(between, key=lambda row: row[1]):
            inside = [text for text, _ in run]
            middle += inside if meets or len(inside) == 1 else [f"… {len(inside)} …"]
        if len(middle) > _MOST_BETWEEN:  # values meet all along: where they do is not what one sees at a glance
            middle = [f"… {len(between)} …"]
        return [*(text for text, _ in first), *middle, last[0]]

    def _text(self, item: Item) -> str:
        match item:
            case Unit():
                first = item.layers[0]
                words = self.voice.layer(first, brief=True) + self._shared(item.layers)
                return words if first.name is None else f"{first.name}: {words}"
            case LayerGroup():
                return self._group_text(item)
            case Join():
                return item.combinator.joining.sign or item.combinator.joining.box_text()
            case As() | Use():
                return "" if item.term is None else term_text(item.term)
            case Leaf():
                return self._text(Unit((item,)))

    def _name(self, group: LayerGroup) -> str:
        """What a closed group is called; rounds of a loop by what they hold."""
        return block_of(group) or label_of(group) or contents_text(group.nodes[0]) or group.label

    def _group_text(self, group: LayerGroup) -> str:
        layer = one_layer(group)
        name = self._name(group) if layer is None else self.voice.layer(layer, brief=True)
        shared = self._shared(group.leaves)
        if not (self.explained and self.lettered(name)):
            return (f"{name} ×{group.count}" if group.count > 1 else name) + shared
        letters = {id(call[0]): _letter(at) for at, calls in enumerate(self.kinds[name]) for call in calls}
        runs = [(letter, len(list(same))) for letter, same in groupby(letters[id(call[0])] for call in calls_of(group))]
        return f"{name} " + ", ".join(f"({a}) ×{n}" if n > 1 else f"({a})" for a, n in runs) + shared

    def _shared(self, inside: Iterable[Leaf]) -> str:
        return f", {self.voice.word('shared')}" if is_shared(inside) else ""

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

    def _kinds(self) -> dict[str, list[list[Call]]]:
        """The calls of each block that the overview has closed, by kind; the blocks that compute most first."""
        groups: dict[str, list[LayerGroup]] = {}
        for box in self.boxes:
            for item in box.items:
                if isinstance(item, LayerGroup) and item.closed and one_layer(item) is None:
                    groups.setdefault(self._name(item), []).append(item)
        ranked = sorted(groups.items(), key=lambda pair: -sum(len(list(g.leaves)) for g in pair[1]))
        return {name: by_kind((c for g in same for c in calls_of(g)), self.voice) for name, same in ranked}

    def _insets(self, items: Sequence[Item], depth: int | None) -> Iterator[Scene]:
        """Once each kind of block that the overview has closed."""
        inside = {(id(group.nodes[0]), len(group.nodes) // group.count): group for group in _all_groups(items)}
        for name, kinds in self.kinds.items():
            every = sum(map(len, kinds))
            for number, calls in enumerate(kinds):
                shown = next((call for call in calls if (id(call[0]), len(call)) in inside), None)
                if shown is None:
                    continue
                group = inside[id(shown[0]), len(shown)]
                opens = (closed(group.items, n) for n in ([depth] if depth else (4, 3, 2, 1)))
                inner = next((i for i in opens if count(i) <= _INSET_BOXES and not _is_closed(i)), None)
                if inner is None:
                    continue
                title = f"{name} ({_letter(number)})" if self.lettered(name) else name
                title = f"{title} ×{len(calls)}" if every > 1 else title
                title += f" {self.voice.word('of')} {every}" if len(kinds) > 1 else ""
                maker = PieceMaker(self.voice, self.wiring, alike(shown, calls), self.widest)
                piece = framed(maker.chain(inner), title, heavy=every > 1)
                yield Scene(piece.left + piece.right, piece.height, moved(piece.shapes, piece.left, 0))

    def lettered(self, name: str) -> bool:
        """Whether a block has several kinds, so that a letter tells which is which."""
        return 1 < len(self.kinds.get(name, ())) <= _MOST_LETTERS


def _letter(number: int) -> str:
    return chr(ord("a") + number)


def shortened(names: Sequence[str]) -> str:
    """Names in a row; of many the first and the last."""
    return ", ".join(names) if len(names) <= _MOST_NAMES else f"{names[0]} … {names[-1]} ({len(names)})"


def one_layer(group: LayerGroup) -> Leaf | None:
    """The layer that a loop repeats, with nothing but its followers; None for other groups."""
    if block_of(group) or group.count < 2:
        return None
    period = len(group.nodes) // group.count
    units = stacked([leaf for node in group.nodes[:period] for leaf in leaves(node)])
    only = units[0] if len(units) == 1 and not any(_joins(node) for node in group.nodes[:period]) else None
    return only.layers[0] if isinstance(only, Unit) else None


def _joins(node: Node) -> bool:
    return any(isinstance(inner, Combinator | As | Use) for inner in walk(node))


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
