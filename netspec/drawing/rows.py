"""A net in rows or in columns: as one line of boxes from left to right it would be a ribbon, and downwards a ladder."""

from __future__ import annotations

from typing import Final

from netspec.drawing.labels import estimated_width
from netspec.views.fold import LayerGroup, Unit
from netspec.views.graph import Edge, FlowGraph, Vertex

GOES_ON: Final = "⋯"
"""The name of a tensor at the end of a row, and of the same one at the beginning of the next."""
_WIDEST: Final = 1000
"""Points of a row, about."""
_BETWEEN: Final = 90
"""Points of an arrow with its shape."""
_OTHER: Final = 60
"""Points of a vertex that is neither a layer nor a group."""
_DOWN, _BOX, _STRIP = 42, 42, 17
"""Points of an arrow with its shape and what it leads from, of a box, and of each slim one below it."""


def rows(drawn: FlowGraph, most: int) -> list[FlowGraph]:
    """The graph in rows of about a page's width; `most` is the width of a box that is not exceeded."""
    return _cut(drawn, [_length(vertex, most) for vertex in drawn.vertices.values()], _WIDEST)


def columns(drawn: FlowGraph, number: int) -> list[FlowGraph]:
    """The graph in at most so many columns, the tallest as short as it can be."""
    if number < 2:
        return [drawn]
    heights = [_height(vertex) for vertex in drawn.vertices.values()]
    low, high = max(heights), sum(heights)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if len(_cut(drawn, heights, middle)) <= number else (middle + 1, high)
    return _cut(drawn, heights, high)


def _cut(drawn: FlowGraph, lengths: list[int], most: float) -> list[FlowGraph]:
    """The graph in pieces of about this length; one that cannot be cut stays whole. It is cut where one tensor alone
    goes on, in no frame."""
    order = list(drawn.vertices)
    ends = [0]
    length = 0
    cut: int | None = None
    crossing = _crossing(drawn, order)
    for at in range(len(order)):
        length += lengths[at]
        if length > most and cut is not None and at + 1 < len(order):
            ends.append(cut)
            length, cut = sum(lengths[cut : at + 1]), None
        if at > ends[-1] and _may_cut(drawn, order, at, crossing):
            cut = at
    return [_piece(drawn, order[a:b], order) for a, b in zip(ends, [*ends[1:], len(order)], strict=True)]


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
    """For each vertex, how many edges lead from those before it to it or those behind it."""
    place = {name: at for at, name in enumerate(order)}
    change = [0] * (len(order) + 1)
    for edge in drawn.edges:
        first, last = sorted((place[edge.tail], place[edge.head]))
        change[first + 1] += 1
        change[last + 1] -= 1
    counts: list[int] = []
    for step in change:
        counts.append(step + (counts[-1] if counts else 0))
    return counts


def _may_cut(drawn: FlowGraph, order: list[str], at: int, crossing: list[int]) -> bool:
    """Whether a row may begin with this vertex."""
    before, here = drawn.vertices[order[at - 1]], drawn.vertices[order[at]]
    return (
        crossing[at] == 1
        and here.kind not in ("output", "fork")
        and _frames(drawn, before).isdisjoint(_frames(drawn, here))
    )


def _frames(drawn: FlowGraph, vertex: Vertex) -> set[int]:
    """The frames around a vertex."""
    found: set[int] = set()
    index = vertex.cluster
    while index is not None:
        found.add(index)
        index = drawn.clusters[index].parent
    return found


def _piece(drawn: FlowGraph, names: list[str], order: list[str]) -> FlowGraph:
    """The part of the graph that has these vertices, with a vertex for what comes from the row before and goes on."""
    inside = set(names)
    piece = FlowGraph({}, [], drawn.clusters)
    begins = next((edge for edge in drawn.edges if edge.tail not in inside and edge.head in inside), None)
    ends = next((edge for edge in drawn.edges if edge.tail in inside and edge.head not in inside), None)
    if begins is not None:
        piece.vertices[GOES_ON] = Vertex("input", begins.tensor, name=GOES_ON)
        piece.edges.append(Edge(GOES_ON, begins.head, begins.tensor, name=begins.name))
    piece.vertices |= {name: drawn.vertices[name] for name in names}
    piece.edges += [edge for edge in drawn.edges if edge.tail in inside and edge.head in inside]
    if ends is not None:
        piece.vertices[f"{GOES_ON} "] = Vertex("output", ends.tensor, name=GOES_ON)
        piece.edges.append(Edge(ends.tail, f"{GOES_ON} ", ends.tensor))
    return piece
