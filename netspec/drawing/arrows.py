"""What an arrow says, and what stands where several meet: the same in every diagram of boxes and arrows."""

from __future__ import annotations

from collections import Counter

from netspec.net import As, Computed, Read, Term, Use
from netspec.views.fold import FOLLOWERS, Join, Unit
from netspec.views.graph import Edge, FlowGraph, Vertex


def numbers(drawn: FlowGraph) -> list[int | None]:
    """For each edge which operand it is, 1 for the first, where several go to a vertex to which their order matters."""
    count = Counter(edge.head for edge in drawn.edges)
    reached: Counter[str] = Counter()
    found: list[int | None] = []
    for edge in drawn.edges:
        reached[edge.head] += 1
        several = count[edge.head] > 1 and _ordered(drawn.vertices[edge.head])
        found.append(reached[edge.head] if several else None)
    return found


def _ordered(vertex: Vertex) -> bool:
    """Whether it matters in which order a vertex is given its operands, and nothing else tells which is which."""
    match vertex.item:
        case Join(combinator=node):
            return not node.joining.sign and not node.joining.equal_shapes
        case As(term=term) | Use(term=term) if term is not None:
            return operation(term) not in ("", "+", "×")
        case _:
            return False


def called(edge: Edge, tail: Vertex, head: Vertex) -> str:
    """The name of the tensor of an edge, where the box that it goes to says it and what it comes from does not."""
    in_words = isinstance(head.item, As | Use) and head.item.term is not None and not operation(head.item.term)
    return edge.name if in_words and edge.name != tail.name else ""


def says_shape(tail: Vertex, head: Vertex) -> bool:
    """Whether an edge is labelled with its shape: once per tensor, and not before a vertex that keeps the shape."""
    return tail.kind not in ("input", "fork") and head.kind not in ("fork", "output") and not _keeps_shape(head)


def operation(term: Term) -> str:
    """The sign of a single operation over two values; empty for longer arithmetic, which stands in words."""
    if isinstance(term, Computed) and isinstance(term.left, Read) and isinstance(term.right, Read):
        return {"*": "×", "-": "−", "/": "÷", "**": ""}.get(term.op, term.op)
    return ""


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


def main(drawn: FlowGraph) -> set[Edge]:
    """The edges of the longest way through a net, of several the first: what passes layers by is not on it, nor what
    runs in training alone."""
    before: dict[str, list[Edge]] = {name: [] for name in drawn.vertices}
    after: dict[str, list[Edge]] = {name: [] for name in drawn.vertices}
    for edge in drawn.edges:
        if not edge.auxiliary:
            before[edge.head].append(edge)
            after[edge.tail].append(edge)
    missing = {name: len(edges) for name, edges in before.items()}
    ready = [name for name, number in missing.items() if not number]
    steps: dict[str, int] = {}
    while ready:
        name = ready.pop()
        steps[name] = max((steps[edge.tail] + 1 for edge in before[name]), default=0)
        for edge in after[name]:
            missing[edge.head] -= 1
            if not missing[edge.head]:
                ready.append(edge.head)
    found: set[Edge] = set()
    name = max(drawn.vertices, key=lambda name: steps[name])
    while before[name]:
        last = max(before[name], key=lambda edge: steps[edge.tail])
        found.add(last)
        name = last.tail
    return found
