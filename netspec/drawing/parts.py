"""The items of a net as the pieces of a stack: a box a layer, frames around blocks, branches side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from netspec.dims import Shape
from netspec.drawing.calls import crossing_of_all, label_of_all, layer_of_all, value_of_all
from netspec.drawing.closing import flowing, label_of
from netspec.drawing.language import layers_text
from netspec.drawing.pieces import WIDEST, Joint, Piece, box, chain, framed, headed, joined, measured, named, noted
from netspec.drawing.scene import Phrase
from netspec.drawing.short import Voice, place_text, tip_text
from netspec.layers.base import TensorType
from netspec.net import As, Leaf, Node, Use, total
from netspec.views.describe import container_text, count_text, shape_text, term_text
from netspec.views.fold import Item, Join, LayerGroup, Unit
from netspec.views.graph import given_by, is_auxiliary, takes_input
from netspec.wiring import Wiring


@dataclass(frozen=True, slots=True)
class PieceMaker:
    """Makes pieces of items, with words in one voice."""

    voice: Voice
    wiring: Wiring | None = None
    """Of the net, where closed blocks say the values that they read and give."""
    same: Mapping[int, Sequence[Node]] = field(default_factory=dict[int, Sequence[Node]])
    """For a block that is shown once for several calls: see `calls.alike`."""
    widest: float = WIDEST
    """The greatest length of a line in a box."""

    def chain(self, items: Sequence[Item], *, shapes: bool = False, before: Shape | None = None) -> Piece:
        """The items of a chain, one above the other. With `shapes` a layer's shape stands beside its box where it is
        another than that before it."""
        return chain(self.pieces(items, shapes=shapes, before=before))

    def pieces(self, items: Sequence[Item], *, shapes: bool, before: Shape | None = None) -> list[Piece]:
        """A piece for each item; all boxes are as wide as the widest."""
        least = max((measured(self.runs(item), self.widest) for item in items if isinstance(item, Unit)), default=0.0)
        found: list[Piece] = []
        for item in items:
            drawn = self.piece(item, least, shapes)
            shape = flowing(item).shape
            if (
                shapes
                and shape != before
                and (isinstance(item, Unit) or (isinstance(item, LayerGroup) and item.closed))
            ):
                drawn = noted(drawn, shape_text(shape))
            found.append(drawn)
            before = None if isinstance(item, Join) else shape
        return found

    def piece(self, item: Item, least: float, shapes: bool) -> Piece:
        """One item; see `pieces`."""
        match item:
            case Unit():
                leaf = item.layers[0]
                tip = "\n\n".join(tip_text(layer) for layer in item.layers)
                drawn = box(self.runs(item), leaf.layer.family, tip, least=least, most=self.widest)
                return _reading(drawn, takes=not leaf.layer.source)
            case Leaf():
                return self.piece(Unit((item,)), least, shapes)
            case LayerGroup(closed=True):
                return self.closed(item, least)
            case LayerGroup():
                inside = self.chain(item.items, shapes=shapes, before=item.input.shape)
                return framed(inside, self.times(item), heavy=item.count > 1, tip=_place(item))
            case Join():
                return self.join(item)
            case As():
                text = item.name if item.term is None else f"{item.name} = {term_text(item.term)}"
                return named(text)
            case Use():
                drawn = box((Phrase(value_of_all(item, self.same), "text", bold=True),), "tag", place_text(item.span))
                return _reading(drawn, takes=False)

    def runs(self, unit: Unit) -> tuple[Phrase, ...]:
        """The words in a layer's box: its name if it has one, what it is, and in a quieter colour what follows it."""
        first, *rest = unit.layers
        name = () if first.name is None else (Phrase(f"{first.name}:", bold=True),)
        behind = [layer_of_all(leaf, self.same, self.voice) for leaf in rest]
        behind += [self.voice.word("shared")] if any(leaf.borrows for leaf in unit.layers) else []
        quiet = (Phrase(f"· {words}", "quiet") for words in behind)
        return (*name, Phrase(layer_of_all(first, self.same, self.voice)), *quiet)

    def times(self, group: LayerGroup) -> str:
        """The title of a block, with how often it stands there."""
        label = label_of_all(group.nodes[0], self.same) or label_of(group)
        return f"{label} ×{group.count}".strip() if group.count > 1 else label

    def closed(self, group: LayerGroup, least: float) -> Piece:
        """A block that is not opened: what it is called, how often it stands there, how many layers it has."""
        inside = list(group.leaves)
        shared = f" · {self.voice.word('shared')}" if is_shared(inside) else ""
        count = Phrase(layers_text(len(inside), self.voice.language) + shared, "quiet")
        wires = [] if self.wiring is None else crossing_of_all(group, self.same, self.wiring)
        tip = f"{_place(group)}\n{shape_text(group.input.shape)} → {shape_text(given_by(group).shape)}"
        params = total(leaf.params for leaf in inside)
        if params != 0:
            tip += f"\n{count_text(params)} parameters"
        drawn = box(
            (Phrase(self.times(group), bold=True), count, *(Phrase(f"· {words}", "quiet") for words in wires)),
            "group",
            tip,
            least=least,
            most=self.widest,
            heavy=group.count > 1,
        )
        if is_auxiliary(group):
            return headed(None, self.head(drawn))
        return _reading(drawn, takes=takes_input(group.nodes))

    def head(self, piece: Piece) -> Piece:
        """A frame around what runs in training alone."""
        return framed(piece, self.voice.word("training only"), heavy=False, dashed=True)

    def join(self, join: Join) -> Piece:
        """A combinator with its branches; a head that runs in training alone stands beside the line."""
        node = join.combinator
        branches = [
            _reading(self.chain(items), takes=takes_input(chain.children))
            for (_, items), (_, chain) in zip(join.branches, node.branches, strict=True)
        ]
        if node.joining.training_only:
            piece: Piece | None = None
            for branch in branches:
                piece = headed(piece, self.head(branch))
            assert piece is not None
            return piece
        tip = f"{container_text(node)} → {shape_text(node.output.shape)}\n{place_text(node.span)}"
        joint = Joint(node.joining.sign, node.joining.box_text(), tip)
        return joined(branches, joint, passes=node.joining.input_joins, split=node.joining.part_text().strip())


def end(word: str, types: Sequence[tuple[str | None, TensorType]]) -> Piece:
    """The box of the inputs or the outputs, each with its shape."""
    runs: list[Phrase] = []
    for name, type_ in types:
        shape = shape_text(type_.shape) + ("" if type_.dtype == "float32" else f" {type_.dtype}")
        runs += [Phrase(f"{name or word} {shape}", bold=name is not None)]
    return box(runs, "end", "", apart=True)


def _reading(piece: Piece, *, takes: bool) -> Piece:
    return replace(piece, takes=takes)


def is_shared(leaves: Iterable[Leaf]) -> bool:
    """Whether layers have no parameters of their own, but those of earlier ones."""
    having = [leaf for leaf in leaves if leaf.borrows or leaf.params != 0]
    return bool(having) and all(leaf.borrows for leaf in having)


def _place(group: LayerGroup) -> str:
    first = group.nodes[0]
    return f"{group.label}\n{place_text(first.span)}" if group.label else place_text(first.span)
