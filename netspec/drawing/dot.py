"""Make the DOT graph of a net: nodes, edges, frames and their attributes."""
# graphviz ships no stub file and annotates only a part of its signatures:
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, NamedTuple, get_args

import graphviz

from netspec.drawing import arrows, labels
from netspec.drawing.language import Language, said
from netspec.drawing.palette import FRAME, LINE, PAGE
from netspec.drawing.rendering import Diagram
from netspec.drawing.rows import WHOLE, Cuts, columns, rows
from netspec.drawing.tips import cluster_tip, edge_tip, vertex_tip
from netspec.net import As, Leaf, Net, Use, need_net
from netspec.views.describe import term_text, title_text
from netspec.views.fold import Join, LayerGroup, Unit, fold, height, ranges, stacked
from netspec.views.graph import Cluster, Edge, FlowGraph, Vertex, flow

Direction = Literal["TB", "BT", "LR", "RL"]
DIRECTIONS: Final[tuple[Direction, ...]] = get_args(Direction)

FONT: Final = "Helvetica,Arial,sans-serif"
MOST_VERTICES: Final = 100
"""Without a given depth, the deepest levels of a net are closed until at most this many vertices remain."""

_WIDEST: Final = 260
"""The greatest common width of the boxes of a chain, in points."""
_NARROW: Final = 150
"""The same for a chain that runs from left to right."""


def diagram(
    nets: Net | Sequence[Net],
    *,
    depth: int | None = None,
    direction: Direction = "TB",
    language: Language = "en",
    cuts: Cuts = WHOLE,
    everything: bool = False,
) -> Diagram:
    """The diagram of a net, or of several nets side by side.

    Layers are coloured by family; an activation, norm or dropout after a layer is a slim box below it. Edges are
    labelled with shapes, without the batch axis. Equal neighbours are drawn once, in a frame with their count.

    Args:
        nets: one net or several.
        depth: levels of blocks, loops and combinators to show, at least 1; deeper ones are closed boxes. None shows all
            levels, or as many as leave at most `MOST_VERTICES` vertices.
        direction: the direction of the edges: top to bottom (`TB`), left to right (`LR`) …
        language: that of the few words that are no names.
        cuts: where a net may be broken into columns, or into rows if it runs to the left or right.
        everything: whether arguments are said that tell nothing of the structure, as `eps 1e-06`.

    >>> graph = netspec.diagram(netspec.load("specs/lenet.yaml"), direction="LR")
    >>> graph.source.splitlines()[0]
    'digraph netspec {'
    """
    if isinstance(nets, str) or not hasattr(nets, "__iter__"):
        need_net(nets, "diagram")
    nets = [nets] if isinstance(nets, Net) else list(nets)
    for net in nets:
        need_net(net, "diagram")
    across = direction in ("LR", "RL")
    dot = Diagram(
        "netspec",
        graph_attr={
            "rankdir": direction, "bgcolor": PAGE, "fontname": FONT, "nodesep": "0.25", "ranksep": "0.16", "pad": "0.2",
            "tooltip": labels.tip(" | ".join(map(title_text, nets))),
        },
        node_attr={"fontname": FONT, "shape": "plain"},
        edge_attr={"fontname": FONT, "color": LINE, "arrowsize": "0.7", "penwidth": "1.2"},
    )  # fmt: skip
    names = _Names()
    pieces = [piece for net in nets for piece in _pieces(net, depth, across, cuts)]
    dot.attr(**_side_by_side(len(pieces)))
    if across:
        pieces.reverse()  # Graphviz lays out from top to bottom and turns that: the first one is then at the bottom
    for number, (net, begins, drawn, lasts) in enumerate(pieces):
        part = graphviz.Digraph(f"cluster_{names.next()}")
        part.attr(
            label=labels.title(net, language) if begins else "", labelloc="b" if direction == "BT" else "t",
            penwidth="0", margin="12", sortv=str(number),
            tooltip=labels.tip(title_text(net)),
        )  # fmt: skip
        _Drawing(part, drawn, names, lasts, across, language, everything).draw()
        dot.subgraph(part)
    return dot


class _Piece(NamedTuple):
    """What is laid out by itself: a net, or a row of one."""

    net: Net
    begins: bool
    drawn: FlowGraph
    lasts: Mapping[int, Leaf]


def _pieces(net: Net, depth: int | None, across: bool, cuts: Cuts) -> list[_Piece]:
    items = stacked(fold(net, levels_of(net) if depth is None else depth))
    drawn, lasts = flow(net, items, forks=True), ranges(items)
    parts = rows(drawn, cuts, _NARROW) if across else columns(drawn, cuts)
    return [_Piece(net, at == 0, part, lasts) for at, part in enumerate(parts)]


def parts_of(net: Net, depth: int, *, across: bool, cuts: Cuts) -> tuple[int, int]:
    """Into how many columns or rows a net is broken, and the number of vertices on the longest way through one."""
    pieces = _pieces(net, depth, across, cuts)
    return len(pieces), max(len(arrows.main(piece.drawn)) + 1 for piece in pieces)


def _side_by_side(count: int) -> dict[str, str]:
    """Attributes that make Graphviz lay out each net separately, in the given order: in a common layout, a tall box of
    one net would stretch the ranks of the others. What runs from left to right stands below each other."""
    return {"pack": "24", "packmode": f"array_tu{count}"} if count > 1 else {}


class _Names:
    """Generates names for nodes and clusters. Texts of a spec are never used as identifiers."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> str:
        self.count += 1
        return f"n{self.count}"


def levels_of(net: Net) -> int:
    """The levels that are shown where no depth is given, see `diagram`."""
    levels = height(net) + 1
    while levels > 1 and len(flow(net, stacked(fold(net, levels)), forks=True).vertices) > MOST_VERTICES:
        levels -= 1
    return levels


@dataclass
class _Drawing:
    """One net on its way into a graph."""

    dot: graphviz.Digraph
    drawn: FlowGraph
    names: _Names
    lasts: Mapping[int, Leaf]
    across: bool
    """Whether it runs from left to right or back."""
    language: Language
    everything: bool

    def __post_init__(self) -> None:
        drawn = self.drawn
        self.ids = {name: self.names.next() for name in drawn.vertices}
        self.frames = [graphviz.Digraph(f"cluster_{self.names.next()}") for _ in drawn.clusters]
        self.around = {index: _around(index, drawn) for index in (None, *range(len(drawn.clusters)))}
        """Each frame with the frames around it, the inner ones first."""
        self.shown = {i for v in drawn.vertices.values() for i in self.around[v.cluster] if i is not None}
        self.main = arrows.main(drawn)
        self.titles: dict[int, str] = {}
        """The vertex that is the title of a frame, for those into which no arrow has led so far."""

    @property
    def most(self) -> int:
        """The width of a box or a title, in points, after which its text goes on in another line."""
        return _NARROW if self.across else _WIDEST

    def draw(self) -> None:
        """Add the vertices, each in its frame, and then the edges."""
        drawn = self.drawn
        width = _common_width(drawn, self.most)
        for index in sorted(self.shown):
            frame = drawn.clusters[index]
            if frame.label or frame.count > 1:
                self.titles[index] = self.names.next()
                label = labels.cluster(frame.label, frame.count, self.most)
                _tensor(self.frames[index], self.titles[index], label, tooltip=labels.tip(cluster_tip(frame)))
        vertices = list(drawn.vertices.items())
        for name, vertex in reversed(vertices) if self.across else vertices:
            self.node(self.place(vertex.cluster), self.ids[name], vertex, width)
        edges = graphviz.Digraph()
        numbers = arrows.numbers(drawn)
        pairs = list(zip(drawn.edges, numbers, strict=True))
        for edge, number in reversed(pairs) if self.across else pairs:  # Graphviz turns them so that the first is below
            self.edge(edges, edge, number)
        for index in range(len(self.frames) - 1, -1, -1):  # inner frames come after their outer ones
            if index not in self.shown:
                continue
            frame = drawn.clusters[index]
            _frame(self.frames[index], frame)
            self.place(frame.parent).subgraph(self.frames[index])
        self.dot.body.extend(edges.body)

    def place(self, frame: int | None) -> graphviz.Digraph:
        return self.dot if frame is None else self.frames[frame]

    def edge(self, edges: graphviz.Digraph, edge: Edge, number: int | None) -> None:
        """Add an edge, on whose way its shape and the titles of frames may stand: no arrow is drawn across them."""
        tail, head = self.drawn.vertices[edge.tail], self.drawn.vertices[edge.head]
        called = arrows.called(edge, tail, head)
        tip = labels.tip(edge_tip(edge))
        stops: list[str] = []
        if called or number is not None or arrows.says_shape(tail, head):
            between = next(i for i in self.around[tail.cluster] if i in self.around[head.cluster])
            stops.append(self.names.next())
            _tensor(self.place(between), stops[0], labels.shape(edge.tensor, called=called, number=number), tooltip=tip)
        entered = [i for i in self.around[head.cluster] if i is not None and i not in self.around[tail.cluster]]
        stops += [self.titles.pop(i) for i in reversed(entered) if i in self.titles]
        places = [self.ids[edge.tail], *stops, self.ids[edge.head]]
        for start, end in pairwise(places):
            arrow = end == places[-1] and head.kind != "fork"
            weight = _weight(edge, head, main=edge in self.main)
            _edge(edges, start, end, edge, weight, tooltip=tip, **({} if arrow else {"dir": "none"}))

    def node(self, dot: graphviz.Digraph, name: str, vertex: Vertex, width: int) -> None:
        tip = labels.tip(vertex_tip(vertex))
        most = self.most
        match vertex.item:
            case Unit() as item:
                words = labels.unit(item, width, self.lasts, most, self.language, everything=self.everything)
                dot.node(name, words, tooltip=tip)
            case LayerGroup() as item:
                dot.node(name, labels.group(item, width, most, self.language), tooltip=tip)
            case Join() as item:
                _join(dot, name, item.combinator.joining.sign, item.combinator.joining.box_text(), tip)
            case As() | Use() as item:
                assert item.term is not None
                _join(dot, name, arrows.operation(item.term), term_text(item.term), tip)
            case _ if vertex.kind == "fork":
                _tensor(dot, name, labels.shape(vertex.tensor, vertex.part), tooltip=tip)
            case _:
                _tensor(
                    dot, name, labels.end(vertex.name or said(vertex.kind, self.language), vertex.tensor), tooltip=tip
                )


def _around(index: int | None, drawn: FlowGraph) -> list[int | None]:
    """A frame and those around it, from the inside out; None is the whole drawing."""
    found: list[int | None] = [index]
    while index is not None:
        index = drawn.clusters[index].parent
        found.append(index)
    return found


def _common_width(drawn: FlowGraph, most: int) -> int:
    """The common width of all boxes in points, if the net is a chain; 0 if it has branches, where boxes keep their own
    widths."""
    if any(vertex.kind == "join" for vertex in drawn.vertices.values()):
        return 0
    boxes = [v.item for v in drawn.vertices.values() if isinstance(v.item, Unit | LayerGroup)]
    return min(max((labels.estimated_width(box) for box in boxes), default=0), most)


def _frame(dot: graphviz.Digraph, frame: Cluster) -> None:
    dot.attr(
        label="", style="rounded,filled", fillcolor=FRAME.fill, color=FRAME.line,
        penwidth="2" if frame.count > 1 else "1", margin="8", tooltip=labels.tip(cluster_tip(frame)),
    )  # fmt: skip
    if frame.auxiliary:
        dot.attr(style="rounded,dashed")


def _tensor(dot: graphviz.Digraph, name: str, label: str, *, tooltip: str) -> None:
    dot.node(name, label, shape="plaintext", margin="0.04,0.02", width="0", height="0", tooltip=tooltip)


def _join(dot: graphviz.Digraph, name: str, sign: str, words: str, tip: str) -> None:
    if sign:
        dot.node(
            name, labels.sign(sign), shape="circle", style="filled", fillcolor=PAGE, color=LINE,
            width="0.3", fixedsize="true", penwidth="1.4", tooltip=tip,
        )  # fmt: skip
    else:
        dot.node(
            name, labels.word(words), shape="box", style="filled", fillcolor=PAGE, color=LINE, height="0.25",
            width="1.2", tooltip=tip,
        )  # fmt: skip


def _edge(dot: graphviz.Digraph, tail: str, head: str, edge: Edge, weight: int, **attributes: str) -> None:
    if edge.auxiliary:
        attributes["style"] = "dashed"
    dot.edge(tail, head, weight=str(weight), **attributes)


def _weight(edge: Edge, to: Vertex, *, main: bool) -> int:
    """How much it matters that an edge is short and straight: the main path is one upright line, whatever goes by."""
    if main:
        return 1000
    return 1 if edge.skip else 2 if to.kind == "join" else 30
