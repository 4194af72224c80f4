"""Operators behind a transpose are put in front of it where that is the same: what is turned back stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from torch import Tensor

from netspec.capture.onnx.reading import OnnxNode
from netspec.capture.onnx.values import KnownNumbers, numbers

_EACH: Final = frozenset(
    (
        "Abs",
        "Add",
        "Celu",
        "Clip",
        "Cos",
        "Div",
        "Elu",
        "Erf",
        "Exp",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "Log",
        "Max",
        "Min",
        "Mish",
        "Mul",
        "Neg",
        "Pow",
        "Reciprocal",
        "Relu",
        "Selu",
        "Sigmoid",
        "Silu",
        "Sin",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Sub",
        "Swish",
        "Tanh",
    )
)
"""Operators of each value alone, or of two at the same place."""


class TurnedValue(NamedTuple):
    """A value whose axes are those of another in this order."""

    base: str
    order: tuple[int, ...]


def unturned(
    node: OnnxNode, turned: Mapping[str, TurnedValue], values: Mapping[str, list[Any]]
) -> tuple[OnnxNode, tuple[int, ...] | None] | None:
    """The operator in front of the transpose, and how what it gives is turned then; None where it stays where it is."""
    own = [name for name in node.inputs if name and isinstance(values[name][0], Tensor)]
    orders = {turned[name].order if name in turned else None for name in own}
    order = next(iter(orders), None)
    if len(orders) != 1 or order is None or len(node.outputs) != 1:
        return None
    inputs = [turned[name].base if name in turned else name for name in node.inputs]
    if node.op == "Mul" and len(own) == 1:  # a scale of attention stays where what finds it looks for it
        return None
    if node.op in _EACH and all(_is_number(values[name][0]) for name in node.inputs if name and name not in own):
        return replace(node, inputs=inputs), order
    if node.op == "Concat" and len(own) == len(inputs):
        axis = order[int(node.attributes["axis"])]
        return replace(node, inputs=inputs, attributes={"axis": axis}), order
    if node.op in ("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"):
        return _reduced(node, inputs, order, values)
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, KnownNumbers) and value.tensor.numel() == 1


def _reduced(
    node: OnnxNode, inputs: list[str], order: tuple[int, ...], values: Mapping[str, list[Any]]
) -> tuple[OnnxNode, tuple[int, ...] | None] | None:
    axes: list[int] = node.attributes.get("axes") or (
        numbers(values[node.inputs[1]][0]) if len(node.inputs) > 1 else []
    )
    if not axes:
        return None
    found = [order[axis] for axis in axes]
    left = [axis for axis in order if axis not in found]
    keep = bool(node.attributes.get("keepdims", 1))
    if not keep and left != sorted(left):
        return None
    attributes = {"axes": sorted(found), "keepdims": int(keep)}
    return replace(node, inputs=inputs[:1], attributes=attributes), order if keep else None
