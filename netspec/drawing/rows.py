"""A net in rows or in columns: as one line of boxes from left to right it would be a ribbon, and downwards a ladder."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, NamedTuple

from netspec.drawing.labels import estimated_width
from netspec.layers.base import TensorType
from netspec.views.fold import LayerGroup, Unit
from netspec.views.graph import Cluster, Edge, FlowGraph, Vertex

GOES_ON: Final = "…"
"""The name of a tensor at the end of a piece, and of the same one at the beginning of the next; with a letter behind it
where several go on."""
SEVERAL: Final = 6
"""More tensors than so many never go on from one piece."""
_PATIENCE: Final = 1.6
"""A piece that can be cut in a frame alone may be so much longer than it should be."""
_BETWEEN: Final = 90
"""Points of an arrow with its shape."""
_OTHER: Final = 60
"""Points of a vertex that is neither a layer nor a group."""
_DOWN, _BOX, _STRIP = 42, 42, 17
"""Points of an arrow with its shape and what it leads from, of a box, and of each slim one below it."""


class Cuts(NamedTuple):
    """Where a net may be broken."""

    columns: int = 1
    """Into so many columns at most, if it runs up or down."""
    tensors: int = 1
    """Where so many tensors go on at most; if one, in no frame. Rows, which else would be ribbons, are broken where up
    to `SEVERAL` do, and in frames if there is no other place."""
    row: float = 1000
    """Points of a row, about, if it runs to the left or right."""


WHOLE: Final = Cuts()
"""In no columns, and in rows of the usual length."""


def rows(drawn: FlowGraph, cuts: Cuts, most: int) -> list[FlowGraph]:
    """The graph in rows, the longest as short as it can be; `most` is the width of a box that is not exceeded."""
    lengths = [_length(vertex, most) for vertex in drawn.vertices.values()]
    number = len(_cut(drawn, lengths, cuts.row, SEVERAL))
    return _pieces(drawn, _even(drawn, lengths, number, SEVERAL))


def columns(drawn: FlowGraph, cuts: Cuts) -> list[FlowGraph]:
    """The graph in columns, the tallest as short as it can be."""
    heights = [_height(vertex) for vertex in drawn.vertices.values()]
    return _pieces(drawn, _even(drawn, heights, cuts.columns, cuts.tensors))


def _even(drawn: FlowGraph, lengths: list[int], number: int, tensors: int) -> list[list[str]]:
    """The vertices in at most so many pieces, the longest as short as it can be."""
    if number < 2:
        return [list(drawn.vertices)]
    low, high = max(lengths), sum(lengths)
    while low < high:
        middle = (low + high) // 2
        few = len(_cut(drawn, lengths, middle, tensors)) <= number
        low, high = (low, middle) if few else (middle + 1, high)
    return _cut(drawn, lengths, high, tensors)


def _cut(drawn: FlowGraph, lengths: list[int], most: float, tensors: int) -> list[list[str]]:
    """The vertices in pieces of about this length, each cut where it may be and is wished most, and there as late as
    can be; one that cannot be cut stays whole."""
    order = list(drawn.vertices)
    crossing = _crossing(drawn, order)
    before = _before(drawn)
    found: list[list[str]] = []
    start = 0
    ways: list[int] = []
    """For each vertex of the piece, the longest way to its end: branches run side by side."""
    places: list[tuple[int, int]] = []
    """Where the piece may end: how little that is wished, and the vertex, the latest first."""
    for at in range(len(order)):
        ways.append(_way(ways, start, at, before) + lengths[at])
        best = min(places, default=None)
        room = most * (_PATIENCE if best is not None and best[0] > 2 * SEVERAL else 1)
        if max(ways) > room and best is not None and at + 1 < len(order):  # an output alone is no piece
            cut = -best[1]
            found.append(order[start:cut])
            start, ways = cut, []
            for again in range(cut, at + 1):
                ways.append(_way(ways, start, again, before) + lengths[again])
            places = [place for place in places if -place[1] > cut]
        if at > start and crossing[at] <= tensors and _may_begin(drawn, order, at):
            framed = _framed(drawn, order[at - 1], order[at])
            short = 4 * max(ways[:-1]) < 3 * most
            if not framed or (tensors > 1 and all(drawn.clusters[frame].count == 1 for frame in framed)):
                places.append(((2 if framed else short) * SEVERAL + crossing[at], -at))
    return [*found, order[start:]]


def _before(drawn: FlowGraph) -> list[list[int]]:
    """For each vertex the places of those that it takes values from."""
    place = {name: at for at, name in enumerate(drawn.vertices)}
    found: list[list[int]] = [[] for _ in place]
    for edge in drawn.edges:
        found[place[edge.head]].append(place[edge.tail])
    return found


def _way(ways: list[int], start: int, at: int, before: list[list[int]]) -> int:
    """The longest way to the beginning of a vertex in a piece from `start` on."""
    return max((ways[p - start] for p in before[at] if start <= p < at), default=0)


def _may_begin(drawn: FlowGraph, order: list[str], at: int) -> bool:
    """Whether a piece may begin with a vertex by what it is, and what stands in front of it: an input alone is none,
    and a fork begins what its tensor goes to."""
    before, here = drawn.vertices[order[at - 1]], drawn.vertices[order[at]]
    return before.kind not in ("input", "fork") and here.kind != "output"


def _framed(drawn: FlowGraph, before: str, after: str) -> set[int]:
    """The frames that two vertices stand in together."""
    return _frames(drawn, drawn.vertices[before]) & _frames(drawn, drawn.vertices[after])


def _length(vertex: Vertex, most: int) -> int:
    item = vertex.item
    return _BETWEEN + (min(estimated_width(item), most) if isinstance(item, Unit | LayerGroup) else _OTHER)


def _height(vertex: Vertex) -> int:
    match vertex.item:
        case Unit(layers=layers):
            return _DOWN + _BOX + _STRIP * (len(layers) - 1)
        case LayerGroup():
            return _DOWN + _BOX
        case _:
            return _DOWN


def _crossing(drawn: FlowGraph, order: list[str]) -> list[int]:
    """For each vertex, how many tensors go from those before it to it or those behind it."""
    place = {name: at for at, name in enumerate(order)}
    reach: dict[_Value, tuple[int, int]] = {}
    for edge in drawn.edges:
        first, last = reach.get(_value(edge), (place[edge.tail],) * 2)
        reach[_value(edge)] = min(first, place[edge.head]), max(last, place[edge.head])
    counts = [0] * len(order)
    for first, last in reach.values():
        for at in range(first + 1, last + 1):
            counts[at] += 1
    return counts


_Value = tuple[str, TensorType]
"""A tensor: which vertex it is of, and which one of those that a closed group gives."""


def _value(edge: Edge) -> _Value:
    return edge.tail, edge.tensor


def _frames(drawn: FlowGraph, vertex: Vertex) -> set[int]:
    """The frames around a vertex."""
    found: set[int] = set()
    index = vertex.cluster
    while index is not None:
        found.add(index)
        index = drawn.clusters[index].parent
    return found


def _pieces(drawn: FlowGraph, parts: list[list[str]]) -> list[FlowGraph]:
    """The parts of the graph that have these vertices, each with a vertex for what comes from another one and for what
    goes on to one."""
    home = {name: at for at, part in enumerate(parts) for name in part}
    leaving = dict.fromkeys(_value(edge) for edge in drawn.edges if home[edge.tail] != home[edge.head])
    alone = len(leaving) < len(parts)  # each piece but the last gives at least one
    called = {value: GOES_ON if alone else f"{GOES_ON} {_letters(at)}" for at, value in enumerate(leaving)}
    vertices: list[dict[str, Vertex]] = [{name: drawn.vertices[name] for name in part} for part in parts]
    begins: list[dict[str, Vertex]] = [{} for _ in parts]
    edges: list[list[Edge]] = [[] for _ in parts]
    for edge in drawn.edges:
        out, into = home[edge.tail], home[edge.head]
        if out == into:
            edges[out].append(edge)
            continue
        word = called[_value(edge)]
        start, end = f"{word} <", f"{word} >"
        begins[into][start] = Vertex("input", edge.tensor, name=word)
        edges[into].append(replace(edge, tail=start))
        if end not in vertices[out]:
            vertices[out][end] = Vertex("output", edge.tensor, name=word)
            edges[out].append(Edge(edge.tail, end, edge.tensor, auxiliary=edge.auxiliary))
    begun: set[int] = set()
    pieces: list[FlowGraph] = []
    for first, rest, here in zip(begins, vertices, edges, strict=True):
        pieces.append(FlowGraph(first | rest, here, _gone_on(drawn.clusters, begun)))
        begun |= {frame for vertex in rest.values() for frame in _frames(drawn, vertex)}
    return pieces


def _gone_on(clusters: list[Cluster], begun: set[int]) -> list[Cluster]:
    """The frames, those of them that began in an earlier piece with a title that says so."""
    return [
        replace(frame, label=f"{GOES_ON} {frame.label}") if at in begun and frame.label else frame
        for at, frame in enumerate(clusters)
    ]


def _letters(number: int) -> str:
    """`a` to `z`, `aa`, `ab` …"""
    before, last = divmod(number, 26)
    return (_letters(before - 1) if before else "") + chr(ord("a") + last)
