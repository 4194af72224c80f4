"""What a picture says of a vertex, an edge or a frame to whoever points at it: lines of plain text."""

from __future__ import annotations

from netspec.diagnostics import Span
from netspec.net import As, Leaf, Node, Use
from netspec.views.describe import count_text, plural, tensors_text, value_text, wanted_arguments
from netspec.views.fold import Join, LayerGroup, Unit
from netspec.views.graph import Cluster, Edge, Vertex


def vertex_tip(vertex: Vertex) -> str:
    """Of a layer and its followers the lines of the spec, the arguments, the shapes and the counts; of other vertices
    what there is of those."""
    match vertex.item:
        case Unit(layers=layers):
            return "\n".join(leaf_tip(leaf) for leaf in layers)
        case LayerGroup() as group:
            return _group_tip(group.label, group.count, group.nodes)
        case Join(combinator=node):
            return f"{node.kind} · {_place(node.span)}\n{_shape(vertex)}"
        case As() | Use() as node:
            return f"{_place(node.span)}\n{_shape(vertex)}"
        case _:
            return f"{vertex.name or vertex.kind} {_shape(vertex)}"


def leaf_tip(leaf: Leaf) -> str:
    """A layer: `Conv2d · line 7`, its arguments, what it takes and gives, its counts."""
    counts = [f"{count_text(leaf.params)} parameters"] if leaf.params != 0 else []
    counts += [f"{count_text(leaf.macs)} MACs"] if leaf.macs != 0 else []
    title = leaf.type if leaf.name is None else f"{leaf.name}: {leaf.type}"
    lines = [f"{title} · {_place(leaf.span)}", all_arguments(leaf), flow_text(leaf), ", ".join(counts)]
    return "\n".join(filter(None, lines))


def all_arguments(leaf: Leaf) -> str:
    """The arguments with their names, those that follow from the input first: `in_channels 1, out_channels 96,
    kernel_size 11, stride 4`. Values that are torch's defaults are left out."""
    given = leaf.layer.inferred(leaf.input) | wanted_arguments(leaf)
    return ", ".join(f"{name} {value_text(leaf.type, name, value)}" for name, value in given.items())


def flow_text(leaf: Leaf) -> str:
    """What a layer takes and gives: `1 × 224 × 224 → 96 × 54 × 54`."""
    return f"{tensors_text(None, (leaf.input,))} → {tensors_text(None, (leaf.output,))}"


def edge_tip(edge: Edge) -> str:
    """The name of the tensor, if it has one, and its shape."""
    return tensors_text(edge.name or None, (edge.tensor,))


def cluster_tip(frame: Cluster) -> str:
    """A frame: what it is called, where in the spec, how often it runs."""
    return _group_tip(frame.label, frame.count, frame.nodes)


def _group_tip(label: str, count: int, nodes: tuple[Node, ...]) -> str:
    name = f"{label} ×{count}".strip() if count > 1 else label
    first = nodes[0]
    lines = f"{name} · {_place(first.span)}"
    return f"{lines}\n{plural(len(nodes), 'item')} in a row" if len(nodes) > count > 1 else lines


def _shape(vertex: Vertex) -> str:
    return tensors_text(None, (vertex.tensor,))


def _place(span: Span) -> str:
    """The line of the spec."""
    return span.place if span.in_setting else f"line {span.line}"
