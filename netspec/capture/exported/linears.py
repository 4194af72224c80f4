"""Linear layers that decompositions have written as matrix products of a transposed weight, as they were."""

from __future__ import annotations

from collections import Counter
from math import prod

from netspec.capture.exported.functional import operator_of
from netspec.capture.exported.program import ExportedGraph, ProgramNode, ValueName


def with_linears(graph: ExportedGraph) -> None:
    """Turn `addmm(bias, x, weight.T)` and its like into `linear(x, weight, bias)`, and take away the views that make a
    matrix of `x`."""
    makers = {name: node for node in graph.nodes for name in node.outputs if name is not None}
    counts = Counter([*graph.outputs, *(name for node in graph.nodes for name in node.reads)])
    for node in graph.nodes:
        _of_product(graph, makers, node)
    for node in graph.nodes:
        _with_bias(graph, makers, counts, node)
    same: dict[str, str] = {}
    for node in graph.nodes:
        _without_matrix(graph, makers, counts, node, same)
    for node in graph.nodes:
        _replaced(node, same)
    graph.outputs[:] = [same.get(name, name) for name in graph.outputs]
    graph.nodes[:] = [node for node in graph.nodes if node.outputs[0] not in same]


def _replaced(node: ProgramNode, same: dict[str, str]) -> None:
    for name, value in node.args.items():
        if isinstance(value, ValueName) and value.name in same:
            node.args[name] = ValueName(same[value.name])
        elif isinstance(value, list):
            node.args[name] = [  # pyright: ignore[reportUnknownVariableType]  # any arguments
                ValueName(same.get(each.name, each.name)) if isinstance(each, ValueName) else each
                for each in value  # pyright: ignore[reportUnknownVariableType]  # as above
            ]
    node.reads = [same.get(name, name) for name in node.reads]


def _weight(graph: ExportedGraph, makers: dict[str, ProgramNode], value: object) -> str | None:
    """The parameter whose transpose a value is, perhaps repeated along other axes in front."""
    while isinstance(value, ValueName):
        node = makers.get(value.name)
        if node is None:
            return None
        source = node.args.get("self")
        word = operator_of(node.target)
        is_turned = word == "t" or (word == "permute" and node.args.get("dims") == [1, 0])
        is_turned = is_turned or (word == "transpose" and {node.args.get("dim0"), node.args.get("dim1")} == {0, 1})
        if is_turned and isinstance(source, ValueName):
            held = graph.held.get(source.name)
            return source.name if held is not None and len(graph.tensors[source.name].sizes) == 2 else None
        if word not in ("expand", "view", "_unsafe_view") or not isinstance(source, ValueName):
            return None
        if graph.tensors[value.name].sizes[-2:] != graph.tensors[source.name].sizes[-2:]:
            return None
        value = source
    return None


def _of_product(graph: ExportedGraph, makers: dict[str, ProgramNode], node: ProgramNode) -> None:
    word = operator_of(node.target)
    if word not in ("addmm", "mm", "bmm") or any(node.args.get(name, 1) != 1 for name in ("alpha", "beta")):
        return
    weight = _weight(graph, makers, node.args.get("mat2"))
    given, bias = node.args.get("mat1" if word == "addmm" else "self"), None
    if word == "addmm":
        bias = node.args.get("self")
        if not isinstance(bias, ValueName) or bias.name not in graph.held or len(graph.tensors[bias.name].sizes) != 1:
            return
    if weight is not None and isinstance(given, ValueName):
        _linear(node, given, weight, bias)


def _linear(node: ProgramNode, given: ValueName, weight: str, bias: ValueName | None) -> None:
    node.target = "aten.linear.default"
    node.args = {"input": given, "weight": ValueName(weight), "bias": bias}
    node.reads = [given.name, weight, *([bias.name] if bias is not None else [])]


def _is_linear(node: ProgramNode | None) -> bool:
    return node is not None and node.target == "aten.linear.default"


def _with_bias(graph: ExportedGraph, makers: dict[str, ProgramNode], counts: Counter[str], node: ProgramNode) -> None:
    """A bias that is added to what a product gives, behind a view: it goes into the layer."""
    left, bias = node.args.get("self"), node.args.get("other")
    if node.target != "aten.add.Tensor" or not isinstance(left, ValueName) or not isinstance(bias, ValueName):
        return
    if bias.name not in graph.held or counts[left.name] != 1 or node.args.get("alpha", 1) != 1:
        return
    view = makers.get(left.name)
    source = None if view is None else view.args.get("self")
    if view is None or operator_of(view.target) not in ("view", "_unsafe_view") or not isinstance(source, ValueName):
        return
    linear = makers.get(source.name)
    if linear is None or not _is_linear(linear) or linear.args["bias"] is not None or counts[source.name] != 1:
        return
    width = graph.tensors[source.name].sizes[-1:]
    if graph.tensors[bias.name].sizes != width or graph.tensors[left.name].sizes[-1:] != width:
        return
    _linear(linear, linear.args["input"], linear.args["weight"].name, bias)
    node.target, node.args, node.reads = "aten.alias.default", {"self": left}, [left.name]


def _without_matrix(
    graph: ExportedGraph, makers: dict[str, ProgramNode], counts: Counter[str], node: ProgramNode, same: dict[str, str]
) -> None:
    """`view(linear(view(x)))`, whose views merge the axes in front and cut them again."""
    source = node.args.get("self")
    if operator_of(node.target) not in ("view", "_unsafe_view") or not isinstance(source, ValueName):
        return
    linear = makers.get(source.name)
    if linear is None or not _is_linear(linear) or counts[source.name] != 1 or node.outputs[0] is None:
        return
    view = makers.get(linear.args["input"].name)
    base = None if view is None else view.args.get("self")
    if view is None or operator_of(view.target) not in ("view", "_unsafe_view", "reshape"):
        return
    if not isinstance(base, ValueName):
        return
    before, after = graph.tensors[base.name].sizes, graph.tensors[node.outputs[0]].sizes
    matrix = graph.tensors[linear.args["input"].name].sizes
    if before[:-1] != after[:-1] or before[-1] != matrix[-1] or prod(before) != prod(matrix):
        return
    _linear(linear, base, linear.args["weight"].name, linear.args["bias"])
    assert linear.outputs[0] is not None
    graph.tensors[linear.outputs[0]] = graph.tensors[node.outputs[0]]
    same[node.outputs[0]] = linear.outputs[0]
