"""The data flow graph of a net.

`flow` makes vertices and edges from the items of `fold.py`, in which blocks may be closed and layers stacked; the
diagram draws them. `graph(net)` is the exact graph of a net as a networkx graph, for questions about paths.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

import networkx as nx

from netspec.layers.base import TensorType
from netspec.net import Combinator, Leaf, Net, Scope
from netspec.views.fold import Item, Join, LayerGroup, Unit, fold

INPUT: Final = "<input>"
OUTPUT: Final = "<output>"
"""The vertices of the net's input and output. No module path contains `<`."""

Kind = Literal["input", "output", "layer", "group", "fork", "join"]


@dataclass(frozen=True, slots=True)
class Vertex:
    """A layer, a closed group, a join of branches, a fork to several branches, or the input or output of the net."""

    kind: Kind
    tensor: TensorType
    """Its output."""
    item: Item | None = None
    """The `Leaf`, `Unit`, closed `LayerGroup` or `Join` that it represents; None for forks, input and output."""
    cluster: int | None = None
    """Index of the innermost cluster that contains it."""
    auxiliary: bool = False
    """True if it runs in training only."""
    part: str = ""
    """For a fork that splits the tensor: the text to print after the shape."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A tensor that flows from one vertex to another."""

    tail: str
    head: str
    tensor: TensorType
    skip: bool = False
    """True for an identity branch, which passes by the layers of the other branches."""
    auxiliary: bool = False


@dataclass(frozen=True, slots=True)
class Cluster:
    """A frame around vertices: an open block, or the repeated part of a run."""

    label: str
    count: int
    parent: int | None
    auxiliary: bool = False


@dataclass(slots=True)
class FlowGraph:
    """Vertices by name in execution order, edges and clusters. A vertex is named by its module path if it has one."""

    vertices: dict[str, Vertex] = field(default_factory=dict[str, Vertex])
    edges: list[Edge] = field(default_factory=list[Edge])
    clusters: list[Cluster] = field(default_factory=list[Cluster])


def graph(net: Net) -> nx.MultiDiGraph[str]:
    """The net as a networkx graph.

    A node is a module path (`INPUT` and `OUTPUT` at the ends) with the attribute `kind`: `"layer"` (with `layer`, a
    `Leaf`), `"join"` (with `combinator`), `"input"` or `"output"`. An edge has `tensor`, a `TensorType`. Nodes and
    edges have `auxiliary`, true if they run in training only. Two edges may join the same nodes, as in
    `concat: [[], []]`.
    """
    view: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    exact = flow(net, fold(net, repeats="none"), forks=False)
    for name, vertex in exact.vertices.items():
        attributes: dict[str, object] = {"kind": vertex.kind, "auxiliary": vertex.auxiliary}
        match vertex.item:
            case Leaf():
                attributes["layer"] = vertex.item
            case Join():
                attributes["combinator"] = vertex.item.combinator
            case _:
                pass
        view.add_node(name, **attributes)
    for edge in exact.edges:
        view.add_edge(edge.tail, edge.head, tensor=edge.tensor, auxiliary=edge.auxiliary)
    return view


def flow(net: Net, items: Iterable[Item], *, forks: bool) -> FlowGraph:
    """Vertices and edges of a net that is shown as `items`.

    Args:
        net: the net.
        items: the items of the net by `fold`, perhaps with `stacked`.
        forks: add a vertex where a tensor goes to several branches, as in drawings.
    """
    grower = _Grower(FlowGraph(), forks)
    grower.flow.vertices[INPUT] = Vertex("input", net.input)
    end = grower.chain(items, INPUT, _Place(None, False))
    grower.flow.vertices[OUTPUT] = Vertex("output", net.output)
    grower.edge(end, OUTPUT, net.output, _Place(None, False))
    return grower.flow


@dataclass(frozen=True, slots=True)
class _Place:
    """Where new vertices are added: in which cluster, and whether inside an auxiliary head."""

    cluster: int | None
    auxiliary: bool


@dataclass(slots=True)
class _Grower:
    """Adds vertices and edges to a graph, from the input on. Methods return the name of the vertex to go on from."""

    flow: FlowGraph
    forks: bool

    def chain(self, items: Iterable[Item], source: str, place: _Place) -> str:
        """Add the items one after the other, from `source` on. Returns the last vertex."""
        for item in items:
            match item:
                case Leaf():
                    source = self.step(item.path, "layer", item, source, place)
                case Unit():
                    source = self.step(item.layers[0].path, "layer", item, source, place)
                case LayerGroup(closed=True):
                    auxiliary = place.auxiliary or _is_auxiliary(item)
                    end = self.step(self.name(item), "group", item, source, _Place(place.cluster, auxiliary))
                    source = source if auxiliary and not place.auxiliary else end  # a head's output goes nowhere
                case LayerGroup(items=(Join() as join,)) if join.combinator.joining.training_only:
                    source = self.fork(source, join.combinator, place)
                    self.branches(join, source, self.framed(item, _Place(place.cluster, True)))
                case LayerGroup():
                    source = self.chain(item.items, source, self.framed(item, place))
                case Join():
                    source = self.branches(item, source, place)
        return source

    def framed(self, group: LayerGroup, place: _Place) -> _Place:
        """Add a cluster for a group. Returns the place inside it."""
        self.flow.clusters.append(Cluster(group.label, group.count, place.cluster, place.auxiliary))
        return _Place(len(self.flow.clusters) - 1, place.auxiliary)

    def branches(self, join: Join, source: str, place: _Place) -> str:
        """Add a combinator: the fork, every branch, and the join. An auxiliary head has no join: `source` goes on."""
        node = join.combinator
        if node.joining.training_only:
            source = source if place.auxiliary else self.fork(source, node, place)
            for _, branch in join.branches:
                self.chain(branch, source, _Place(place.cluster, True))
            return source
        source = self.fork(source, node, place)
        ends = [
            (self.chain(branch, source, place), chain.output)
            for (_, branch), (_, chain) in zip(join.branches, node.branches, strict=True)
        ]
        if node.joining.input_joins:
            ends.append((source, node.input))
        self.flow.vertices[node.path] = Vertex("join", node.output, join, place.cluster, place.auxiliary)
        for end, tensor in ends:
            self.edge(end, node.path, tensor, place, skip=end == source)
        return node.path

    def fork(self, source: str, node: Combinator, place: _Place) -> str:
        """Add a fork after `source`, unless forks are off or `source` can serve as one (the input, another fork)."""
        vertex = self.flow.vertices[source]
        open_here = vertex.kind in ("fork", "input") and vertex.cluster == place.cluster
        part = node.joining.part_text()
        if not self.forks or (open_here and not part):
            return source
        name = f"{source}/{node.path}"
        self.flow.vertices[name] = Vertex("fork", node.input, None, place.cluster, place.auxiliary, part)
        self.edge(source, name, node.input, place)
        return name

    def step(self, name: str, kind: Kind, item: Leaf | Unit | LayerGroup, source: str, place: _Place) -> str:
        self.flow.vertices[name] = Vertex(kind, item.output, item, place.cluster, place.auxiliary)
        self.edge(source, name, item.input, place)
        return name

    def edge(self, tail: str, head: str, tensor: TensorType, place: _Place, *, skip: bool = False) -> None:
        self.flow.edges.append(Edge(tail, head, tensor, skip, place.auxiliary))

    def name(self, group: LayerGroup) -> str:
        first = group.nodes[0]
        return f"<group {len(self.flow.vertices)}>" if isinstance(first, Scope) else first.path


def _is_auxiliary(group: LayerGroup) -> bool:
    first = group.nodes[0]
    return isinstance(first, Combinator) and first.joining.training_only
