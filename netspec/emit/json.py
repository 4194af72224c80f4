"""Net → the `netspec.net/2` object, for programs that read a checked network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast

from netspec.dims import Shape, Size
from netspec.layers.base import Layer, TensorType
from netspec.net import (
    As,
    Call,
    Combinator,
    Computed,
    Leaf,
    Net,
    Node,
    Read,
    Scope,
    Sequential,
    Term,
    Use,
    folded,
    need_net,
)

FORMAT: Final = "netspec.net/2"


def to_json(net: Net) -> dict[str, Any]:
    """The net as plain dicts, lists, strings and numbers, in the order of the documented keys.

    `layers` are the leaves in execution order, `path` + `".weight"` is a `state_dict` key, `args` are all constructor
    arguments in signature order, inferred widths included. `tree` holds the same layers by their paths, nested as the
    spec nests them. A symbolic size is its formula, a string. Lines and columns count from 1.

    >>> record = netspec.to_json(netspec.load("specs/lenet.yaml"))
    >>> record["layers"][0]["type"], record["layers"][0]["output_shape"]
    ('Conv2d', [6, 28, 28])
    """
    need_net(net, "to_json")
    return {
        "format": FORMAT,
        "name": net.name,
        "source": net.source,
        "variant": net.variant,
        "inputs": [{"name": value.name, "slot": value.slot} | _tensor(value.type) for value in net.inputs],
        "outputs": [
            {
                "name": value.name,
                "slots": list(value.slots),
                "family": value.family,
                "values": [_tensor(type_) for type_ in value.types],
            }
            for value in net.outputs
        ],
        "layers": [_layer(leaf) for leaf in net.layers],
        "tree": folded(net.root, _node),
        "totals": {
            "layers": len(net.layers),
            "params": _size(net.params),
            "trainable_params": _size(net.trainable_params),
            "buffers": _size(net.buffers),
            "macs": _size(net.macs),
            "flops": _size(net.flops),
        },
    }


def _layer(leaf: Leaf) -> dict[str, Any]:
    params = _size(leaf.params)
    return (
        {
            "path": leaf.path,
            "name": leaf.name,
            "type": leaf.type,
            "args": {name: _value(value) for name, value in leaf.args.items()},
            "input_shape": _shape(leaf.input_shape),
            "output_shape": _shape(leaf.output_shape),
            "dtype": leaf.output.dtype,
            "inputs": {name: [_term(read) for read in reads] for name, reads in leaf.inputs.items()},
            "results": [{"name": result.name, "slot": result.slot} | _tensor(result.type) for result in leaf.results],
            "params": params,
            "trainable_params": 0 if leaf.frozen else params,
            "macs": _size(leaf.macs),
            "again": leaf.again,
            "ties": {tie.parameter: f"{tie.path}.{tie.name}" for tie in leaf.ties},
            "line": leaf.span.line,
            "column": leaf.span.column,
            "calls": [_call(call) for call in leaf.calls],
        }
        | _parametrized(leaf)
        | _sliced(leaf)
        | _constant(leaf.output)
    )


def _parametrized(leaf: Leaf) -> dict[str, Any]:
    """Said alone of a layer whose weight is computed of other parameters."""
    return {} if leaf.parametrization is None else {"parametrize": leaf.parametrization.written()}


def _sliced(node: Leaf | Combinator) -> dict[str, Any]:
    """Said alone of what runs for every slice of an `each`: how often for one example."""
    return {} if node.slices == 1 else {"slices": _size(node.slices)}


def _call(call: Call) -> dict[str, Any]:
    return {"block": call.block, "line": call.span.line, "column": call.span.column}


def _node(node: Node, inside: list[dict[str, Any]]) -> dict[str, Any]:
    match node:
        case Leaf():
            return {"kind": "layer", "path": node.path} | _again(node)
        case Scope():
            arguments = {name: _value(value) for name, value in node.arguments.items()}
            return {
                "kind": node.kind, "label": node.label, "block": node.block, "args": arguments, "children": inside,
            }  # fmt: skip
        case Sequential():
            arguments = {name: _value(value) for name, value in node.arguments.items()}
            return {
                "kind": "sequential", "path": node.path, "name": node.name, "block": node.block, "args": arguments,
                "children": inside,
            } | _again(node)  # fmt: skip
        case Combinator():
            keys = (key for key, _ in node.branches)
            return {
                "kind": node.kind, "path": node.path, "name": node.name,
                **{name: _value(value) for name, value in node.options.items()}, "macs": _size(node.macs),
                "branches": [{"key": key, **chain} for key, chain in zip(keys, inside, strict=True)],
            } | _again(node) | _constant(node.output)  # fmt: skip
        case As():
            return {"kind": "as", "name": node.name, "slot": node.slot, "value": _term(node.term)} | _tensor(node.type)
        case Use():
            return {"kind": "use", "value": _term(node.term)} | _tensor(node.output)


def _again(node: Leaf | Sequential | Combinator) -> dict[str, Any]:
    """Said of a `shared` module alone, where it runs once more."""
    return {"again": True} if node.again else {}


def _term(term: Term | None) -> Any:
    """None for the value that flows, a slot, a number, or an operation with its operands."""
    match term:
        case Read():
            return {"slot": term.slot, "name": term.name}
        case Computed():
            return {"op": term.op, "left": _term(term.left), "right": _term(term.right)}
        case _:
            return term


def _tensor(tensor: TensorType) -> dict[str, Any]:
    return {"shape": _shape(tensor.shape), "dtype": tensor.dtype} | _constant(tensor)


def _constant(tensor: TensorType) -> dict[str, Any]:
    """Said alone of what is computed of parameters and buffers alone: its batch axis is 1."""
    return {"constant": True} if tensor.constant else {}


def _shape(shape: Shape) -> list[int | str]:
    return [_size(size) for size in shape]


def _size(size: Size) -> int | str:
    return size if isinstance(size, int) else str(size)


def _value(value: Any) -> Any:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case Layer():
            return {type(value).__name__: {name: _value(getattr(value, name)) for name in type(value).model_fields}}
        case tuple() | list():
            return [_value(item) for item in cast("tuple[Any, ...] | list[Any]", value)]
        case Mapping():
            return {str(key): _value(item) for key, item in cast("Mapping[Any, Any]", value).items()}
        case _:  # a symbolic size, or the name of a layer or block that was given to a block
            return str(value)
