"""The data flow graph of a net.

`flow` makes vertices and edges from the items of `fold.py`, in which blocks may be closed and layers stacked; the
diagram draws them. `graph(net)` is the exact graph of a net as a networkx graph, for questions about paths.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from netspec.layers.base import TensorType
from netspec.net import As, Combinator, Leaf, Net, Node, Read, Scope, Sequential, Term, Use, reads
from netspec.views.fold import Item, Join, LayerGroup, Unit, fold
from netspec.wiring import Wiring

if TYPE_CHECKING:
    import networkx as nx

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
    """A fork that gives each branch a part of the tensor: which, behind its shape."""
    name: str = ""
    """What the spec calls an input or an output."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A tensor that flows from one vertex to another."""

    tail: str
    head: str
    tensor: TensorType
    skip: bool = False
    """True for an identity branch, which passes by the layers of the other branches."""
    auxiliary: bool = False
    name: str = ""
    """What the spec calls the tensor, on the way into arithmetic over values."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A frame around vertices: an open block, or the repeated part of a run."""

    label: str
    count: int
    parent: int | None
    auxiliary: bool = False
    nodes: tuple[Node, ...] = ()
    """The tree nodes inside, those of all repetitions."""


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
    import networkx as nx  # here, since it takes as long as drawing a small net, which does without

    view: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    exact = flow(net, fold(net, repeats="none"), forks=False)
    for name, vertex in exact.vertices.items():
        attributes: dict[str, object] = {"kind": vertex.kind, "auxiliary": vertex.auxiliary}
        match vertex.item:
            case Leaf():
                attributes["layer"] = vertex.item
            case Join():
                attributes["combinator"] = vertex.item.combinator
            case As() | Use():
                attributes["value"] = vertex.item.term
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
    grower = _Grower(FlowGraph(), forks, Wiring(net))
    place = _Place(None, False)
    for number, value in enumerate(net.inputs):
        name = INPUT if number == 0 else f"<input {value.name}>"
        grower.flow.vertices[name] = Vertex("input", value.type, name=value.name or "")
        if value.slot is not None:
            grower.named[value.slot] = name
    end = grower.chain(items, INPUT, place)
    for number, value in enumerate(net.outputs):
        name = OUTPUT if number == 0 else f"<output {value.name}>"
        tails = [grower.named[slot] for slot in value.slots] or [end]
        for index, (tail, type_) in enumerate(zip(tails, value.types, strict=True)):
            inner = name if index == 0 else f"{name}[{index}]"
            called = value.name or ""
            if called and len(tails) > 1:
                called = f"{called}[{index}]"
            grower.flow.vertices[inner] = Vertex("output", type_, name=called)
            grower.edge(tail, inner, type_, place)
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
    wiring: Wiring
    named: dict[int, str] = field(default_factory=dict[int, str])
    """The vertex that gives each named value, by slot."""

    def chain(self, items: Iterable[Item], source: str, place: _Place) -> str:
        """Add the items one after the other, from `source` on. Returns the last vertex."""
        for item in items:
            match item:
                case Leaf():
                    source = self.step(self.free(item.path), "layer", item, source, place)
                    self.wire(item, source, place)
                case Unit():
                    source = self.step(self.free(item.layers[0].path), "layer", item, source, place)
                    for leaf in item.layers:
                        self.wire(leaf, source, place)
                case LayerGroup(closed=True):
                    auxiliary = place.auxiliary or is_auxiliary(item)
                    end = self.closed(item, source, _Place(place.cluster, auxiliary))
                    source = source if auxiliary and not place.auxiliary else end
                case LayerGroup(items=(Join() as join,)) if join.combinator.joining.training_only:
                    source = self.fork(source, join.combinator, place)
                    self.branches(join, source, self.framed(item, _Place(place.cluster, True)))
                case LayerGroup():
                    source = self.chain(item.items, source, self.framed(item, place))
                case Join():
                    source = self.branches(item, source, place)
                case As():
                    self.named[item.slot] = source if item.term is None else self.term(item, item.term, place)
                case Use():
                    source = self.term(item, item.term, place)
        return source

    def wire(self, leaf: Leaf, name: str, place: _Place) -> None:
        """Add what a layer reads beside what flows, and remember what it gives beside that."""
        for read in leaf.reads:
            self.edge(self.named[read.slot], name, read.type, place)
        self.named.update({result.slot: name for result in leaf.results})

    def term(self, node: As | Use, term: Term, place: _Place) -> str:
        """The vertex that gives a term: that of a named value, or one for the whole arithmetic."""
        if isinstance(term, Read):
            return self.named[term.slot]
        name = f"<value {len(self.flow.vertices)}>"
        tensor = node.type if isinstance(node, As) else node.output
        self.flow.vertices[name] = Vertex("join", tensor, node, place.cluster, place.auxiliary)
        for read in {read.slot: read for read in reads(term)}.values():
            self.edge(self.named[read.slot], name, read.type, place, called=read.name)
        return name

    def closed(self, group: LayerGroup, source: str, place: _Place) -> str:
        """Add a group that is not opened, with the named values that it reads and gives. Another group may give it
        values of several shapes: an edge each."""
        name = self.name(group)
        self.flow.vertices[name] = Vertex("group", given_by(group), group, place.cluster, place.auxiliary)
        taken = {(source, group.input): None} if takes_input(group.nodes) else {}
        wires = self.wiring.across(group.nodes)
        taken |= {(self.named[slot], self.wiring.types[slot]): None for slot in wires.reads}
        self.named.update(dict.fromkeys(wires.gives, name))
        for tail, tensor in taken:
            self.edge(tail, name, tensor, place)
        return name

    def framed(self, group: LayerGroup, place: _Place) -> _Place:
        """Add a cluster for a group. Returns the place inside it."""
        self.flow.clusters.append(Cluster(group.label, group.count, place.cluster, place.auxiliary, group.nodes))
        return _Place(len(self.flow.clusters) - 1, place.auxiliary)

    def branches(self, join: Join, source: str, place: _Place) -> str:
        """Add a combinator: the fork, every branch, and the join. An auxiliary head has no join: `source` goes on."""
        node = join.combinator
        if node.joining.training_only:
            source = source if place.auxiliary else self.fork(source, node, place)
            for _, branch in join.branches:
                self.chain(branch, source, _Place(place.cluster, True))
            return source
        if _reads_input(join):
            source = self.fork(source, node, place)
        before = set(self.flow.vertices)
        ends = [
            (self.chain(branch, source, place), chain.output)
            for (_, branch), (_, chain) in zip(join.branches, node.branches, strict=True)
        ]
        if node.joining.input_joins:
            ends.append((source, node.input))
        name = self.free(node.path)
        self.flow.vertices[name] = Vertex("join", node.output, join, place.cluster, place.auxiliary)
        for end, tensor in ends:
            self.edge(end, name, tensor, place, skip=end in before)
        return name

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
        if not _is_source(item):
            self.edge(source, name, item.input, place)
        return name

    def edge(
        self, tail: str, head: str, tensor: TensorType, place: _Place, *, skip: bool = False, called: str = ""
    ) -> None:
        self.flow.edges.append(Edge(tail, head, tensor, skip, place.auxiliary, called))

    def name(self, group: LayerGroup) -> str:
        first = group.nodes[0]
        return f"<group {len(self.flow.vertices)}>" if isinstance(first, (Scope, As, Use)) else self.free(first.path)

    def free(self, path: str) -> str:
        """The name of a vertex for a path: a shared module has a vertex for each time that it runs."""
        number = 2
        name = path
        while name in self.flow.vertices:
            name, number = f"{path} again {number}", number + 1
        return name


def _reads_input(join: Join) -> bool:
    """Whether the value that flows into a combinator goes anywhere: branches may all begin with another."""
    return join.combinator.joining.input_joins or any(_begins_with_input(branch) for _, branch in join.branches)


def _begins_with_input(items: tuple[Item, ...]) -> bool:
    match items[:1]:
        case (Use(),):
            return False
        case (Leaf() | Unit() as first,):
            return not _is_source(first)
        case (LayerGroup(closed=False) as group,):
            return _begins_with_input(group.items)
        case (As(term=None),):
            return True
        case (As(),):
            return _begins_with_input(items[1:])
        case _:
            return True


def takes_input(nodes: Iterable[Node]) -> bool:
    """Whether what flows into a chain goes anywhere in it: the chain may begin with another value."""
    for node in nodes:
        match node:
            case Leaf():
                return not node.layer.source
            case As(term=None):
                return True
            case As():
                continue
            case Use():
                return False
            case Combinator():
                return node.joining.input_joins or any(takes_input(chain.children) for _, chain in node.branches)
            case _:
                if node.children:
                    return takes_input(node.children)
    return True


def _is_source(item: Leaf | Unit | LayerGroup) -> bool:
    """Whether a layer reads no value."""
    first = item.layers[0] if isinstance(item, Unit) else item
    return isinstance(first, Leaf) and first.layer.source


def is_auxiliary(group: LayerGroup) -> bool:
    """Whether a group runs in training alone: heads, or blocks that hold nothing else."""
    return all(head_of(node) is not None for node in group.nodes)


def head_of(node: Node) -> Combinator | None:
    """The head that runs in training alone, if a node is one or holds nothing else."""
    while isinstance(node, Scope | Sequential) and len(node.children) == 1:
        node = node.children[0]
    return node if isinstance(node, Combinator) and node.joining.training_only else None


def given_by(group: LayerGroup) -> TensorType:
    """What a group gives: what flows on behind it, or, of a head that runs in training alone, what that ends with."""
    head = head_of(group.nodes[-1])
    return group.output if head is None else head.branches[-1][1].output
