"""Make the DOT graph of a net: nodes, edges, frames and their attributes."""
# graphviz ships no stub file and annotates only a part of its signatures:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal, get_args

import graphviz

from netspec.drawing import labels
from netspec.drawing.palette import FRAME, LINE, PAGE
from netspec.net import As, Computed, Leaf, Net, Read, Term, Use
from netspec.views.describe import term_text
from netspec.views.fold import FOLLOWERS, Item, Join, LayerGroup, Unit, fold, height, ranges, stacked
from netspec.views.graph import Cluster, Edge, FlowGraph, Vertex, flow

Direction = Literal["TB", "BT", "LR", "RL"]
DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)

FONT: Final = "Helvetica,Arial,sans-serif"
MOST_VERTICES: Final = 100
"""Without a given depth, the deepest levels of a net are closed until at most this many vertices remain."""

_WIDEST: Final = 260
"""The greatest common width of the boxes of a chain, in points."""


def diagram(nets: Net | Sequence[Net], *, depth: int | None = None, direction: Direction = "TB") -> graphviz.Digraph:
    """The diagram of a net, or of several nets side by side.

    Layers are coloured by family; an activation, norm or dropout after a layer is a slim box below it. Edges are
    labelled with shapes, without the batch axis. Equal neighbours are drawn once, in a frame with their count.

    Args:
        nets: one net or several.
        depth: levels of blocks, loops and combinators to show, at least 1; deeper ones are closed boxes. None shows
            all levels, or as many as leave at most `MOST_VERTICES` vertices.
        direction: the direction of the edges: top to bottom (`TB`), left to right (`LR`) …
    """
    nets = [nets] if isinstance(nets, Net) else list(nets)
    dot = graphviz.Digraph(
        "netspec",
        graph_attr={
            "rankdir": direction, "bgcolor": PAGE, "fontname": FONT, "nodesep": "0.25", "ranksep": "0.16", "pad": "0.2",
        } | _side_by_side(len(nets)),
        node_attr={"fontname": FONT, "shape": "plain"},
        edge_attr={"fontname": FONT, "color": LINE, "arrowsize": "0.7", "penwidth": "1.2"},
    )  # fmt: skip
    names = _Names()
    for number, net in enumerate(nets):
        part = graphviz.Digraph(f"cluster_{names.next()}")
        part.attr(label=labels.title(net), labelloc="t", penwidth="0", margin="12", sortv=str(number))
        items = _items(net, depth)
        _draw(part, flow(net, items, forks=True), names, ranges(items))
        dot.subgraph(part)
    return dot


def _side_by_side(count: int) -> dict[str, str]:
    """Attributes that make Graphviz lay out each net separately, in the given order: in a common layout, a tall box of
    one net would stretch the ranks of the others."""
    return {"pack": "24", "packmode": f"array_tu{count}"} if count > 1 else {}


class _Names:
    """Generates names for nodes and clusters. Texts of a spec are never used as identifiers."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> str:
        self.count += 1
        return f"n{self.count}"


def _items(net: Net, depth: int | None) -> tuple[Item, ...]:
    """The items to draw for a net, see `diagram` for the depth."""
    levels = depth if depth is not None else height(net) + 1
    while True:
        items = stacked(fold(net, levels))
        if depth is not None or levels <= 1 or len(flow(net, items, forks=True).vertices) <= MOST_VERTICES:
            return items
        levels -= 1


def _draw(dot: graphviz.Digraph, drawn: FlowGraph, names: _Names, lasts: Mapping[int, Leaf]) -> None:
    """Add the vertices of a net to `dot`, each in its frame, and then the edges."""
    ids = {name: names.next() for name in drawn.vertices}
    frames = [graphviz.Digraph(f"cluster_{names.next()}") for _ in drawn.clusters]
    width = _common_width(drawn)
    for name, vertex in drawn.vertices.items():
        _node(dot if vertex.cluster is None else frames[vertex.cluster], ids[name], vertex, width, lasts)
    edges = graphviz.Digraph()
    for edge in drawn.edges:
        tail, head = drawn.vertices[edge.tail], drawn.vertices[edge.head]
        called = _called(edge, tail, head)
        if called or _says_shape(tail, head):
            between = _common_frame(tail.cluster, head.cluster, drawn)
            shape = names.next()
            _tensor(dot if between is None else frames[between], shape, labels.shape(edge.tensor, called=called))
            _edge(edges, ids[edge.tail], shape, edge, head, dir="none")
            _edge(edges, shape, ids[edge.head], edge, head)
        else:
            arrow = {"dir": "none"} if head.kind == "fork" else {}
            _edge(edges, ids[edge.tail], ids[edge.head], edge, head, **arrow)
    for index in range(len(frames) - 1, -1, -1):  # inner frames come after their outer ones
        frame = drawn.clusters[index]
        _frame(frames[index], frame)
        (dot if frame.parent is None else frames[frame.parent]).subgraph(frames[index])
    dot.body.extend(edges.body)


def _called(edge: Edge, tail: Vertex, head: Vertex) -> str:
    """The name of the tensor of an edge, where the box that it goes to says it and what it comes from does not."""
    in_words = isinstance(head.item, As | Use) and head.item.term is not None and not _operation(head.item.term)
    return edge.name if in_words and edge.name != tail.name else ""


def _says_shape(tail: Vertex, head: Vertex) -> bool:
    """Whether an edge is labelled with its shape: once per tensor, and not before a vertex that keeps the shape."""
    return tail.kind not in ("input", "fork") and head.kind not in ("fork", "output") and not _keeps_shape(head)


def _common_frame(a: int | None, b: int | None, drawn: FlowGraph) -> int | None:
    """The innermost frame that contains both frames; None for the whole drawing."""
    around: set[int | None] = {None}
    while a is not None:
        around.add(a)
        a = drawn.clusters[a].parent
    while b not in around:
        assert b is not None
        b = drawn.clusters[b].parent
    return b


def _common_width(drawn: FlowGraph) -> int:
    """The common width of all boxes in points, if the net is a chain; 0 if it has branches, where boxes keep their own
    widths."""
    if any(vertex.kind == "join" for vertex in drawn.vertices.values()):
        return 0
    boxes = [v.item for v in drawn.vertices.values() if isinstance(v.item, Unit | LayerGroup)]
    return min(max((labels.estimated_width(box) for box in boxes), default=0), _WIDEST)


def _frame(dot: graphviz.Digraph, frame: Cluster) -> None:
    dot.attr(
        label=labels.cluster(frame.label, frame.count), labelloc="t", labeljust="l", style="rounded,filled",
        fillcolor=FRAME.fill, color=FRAME.line, penwidth="2" if frame.count > 1 else "1", margin="8",
    )  # fmt: skip
    if frame.auxiliary:
        dot.attr(style="rounded,dashed")


def _node(dot: graphviz.Digraph, name: str, vertex: Vertex, width: int, lasts: Mapping[int, Leaf]) -> None:
    match vertex.item:
        case Unit() as item:
            dot.node(name, labels.unit(item, width, lasts))
        case LayerGroup() as item:
            dot.node(name, labels.group(item, width))
        case Join() as item:
            _join(dot, name, item.combinator.joining.sign, item.combinator.joining.box_text())
        case As() | Use() as item:
            assert item.term is not None
            _join(dot, name, _operation(item.term), term_text(item.term))
        case _ if vertex.kind == "fork":
            _tensor(dot, name, labels.shape(vertex.tensor, vertex.part))
        case _:
            _tensor(dot, name, labels.end(vertex.name or vertex.kind, vertex.tensor))


def _tensor(dot: graphviz.Digraph, name: str, label: str) -> None:
    dot.node(name, label, shape="plaintext", margin="0.04,0.02", width="0", height="0")


def _operation(term: Term) -> str:
    """The sign of a single operation over two values; empty for longer arithmetic, which stands in words."""
    if isinstance(term, Computed) and isinstance(term.left, Read) and isinstance(term.right, Read):
        return {"*": "×", "-": "−", "/": "÷", "**": ""}.get(term.op, term.op)
    return ""


def _join(dot: graphviz.Digraph, name: str, sign: str, words: str) -> None:
    if sign:
        dot.node(
            name, labels.sign(sign), shape="circle", style="filled", fillcolor=PAGE, color=LINE,
            width="0.3", fixedsize="true", penwidth="1.4",
        )  # fmt: skip
    else:
        dot.node(
            name, labels.word(words), shape="box", style="filled", fillcolor=PAGE, color=LINE, height="0.25",
            width="1.2",
        )  # fmt: skip


def _edge(dot: graphviz.Digraph, tail: str, head: str, edge: Edge, to: Vertex, **attributes: str) -> None:
    if edge.auxiliary:
        attributes["style"] = "dashed"
    weight = "1" if edge.skip else "2" if to.kind == "join" else "30"  # heavy edges are straight and short
    dot.edge(tail, head, weight=weight, **attributes)


def _keeps_shape(vertex: Vertex) -> bool:
    """Whether a vertex has equal input and output shapes, so that only its outgoing edge needs a label: joins of equal
    shapes such as sums, and followers that are units of their own."""
    match vertex.item:
        case Join() as item:
            node = item.combinator
            equal = all(chain.output.shape == node.output.shape for _, chain in node.branches)
            return node.joining.equal_shapes and equal
        case As() | Use():
            return True
        case Unit() as item:
            return item.layers[0].family in FOLLOWERS and item.input == item.output
        case _:
            return False
