"""What each operator of ONNX computes, as calls of torch's functions. Those with weights are in layers.py."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from netspec.capture.lowering.forms import NoForm
from netspec.capture.onnx.maps import MAPS
from netspec.capture.onnx.moving import MOVES
from netspec.capture.onnx.reading import OnnxNode, dtype_read
from netspec.capture.onnx.values import beside, numbers, plain

Operator = Callable[[OnnxNode, list[Any]], Any]
"""Of a node and its values, what it gives; several values in a tuple."""


def _unary(function: Callable[[Tensor], Tensor]) -> Operator:
    return lambda _, x: function(x[0])


def _of_two(function: Callable[[Any, Any], Any]) -> Operator:
    def compute(_: OnnxNode, x: list[Any]) -> Any:
        a, b = beside(x[0], x[1]), beside(x[1], x[0])
        if not isinstance(a, Tensor) and not isinstance(b, Tensor):
            a = plain(x[0])
        return function(*_aligned(a, b))

    return compute


def _aligned(a: Any, b: Any) -> tuple[Any, Any]:
    """Two tensors with as many axes each, as a join of a spec has them."""
    if isinstance(a, Tensor) and isinstance(b, Tensor) and a.ndim and b.ndim and a.ndim != b.ndim:
        if a.ndim < b.ndim:
            a = a.reshape((1,) * (b.ndim - a.ndim) + tuple(a.shape))
        else:
            b = b.reshape((1,) * (a.ndim - b.ndim) + tuple(b.shape))
    return a, b


def _several(function: Callable[[Any, Any], Any]) -> Operator:
    pair = _of_two(function)

    def compute(node: OnnxNode, x: list[Any]) -> Any:
        found = x[0]
        for other in x[1:]:
            found = pair(node, [found, other])
        return found

    return compute


def _divided(a: Any, b: Any) -> Any:
    whole = all(
        not value.is_floating_point() if isinstance(value, Tensor) else isinstance(value, int) for value in (a, b)
    )
    return torch.div(torch.as_tensor(a), b, rounding_mode="trunc") if whole else a / b


def _power(a: Any, b: Any) -> Any:
    if isinstance(a, Tensor) and not isinstance(b, Tensor) and b == int(b):
        return a ** int(b)
    return a**b


def _larger(a: Any, b: Any) -> Any:
    return torch.maximum(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else _clamped(a, b, "min")


def _smaller(a: Any, b: Any) -> Any:
    return torch.minimum(a, b) if isinstance(a, Tensor) and isinstance(b, Tensor) else _clamped(a, b, "max")


def _clamped(a: Any, b: Any, end: str) -> Any:
    value, bound = (a, b) if isinstance(a, Tensor) else (b, a)
    return F.relu(value) if end == "min" and bound == 0 else torch.clamp(value, **{end: bound})


def _clip(node: OnnxNode, x: list[Any]) -> Any:
    low, high = ([*x, None, None][i] for i in (1, 2))
    low = node.attributes.get("min") if low is None else numbers(low)[0]
    high = node.attributes.get("max") if high is None else numbers(high)[0]
    low = None if low is not None and low <= -3e38 else low
    high = None if high is not None and high >= 3e38 else high
    if low == 0 and high in (None, 6):
        return F.relu(x[0]) if high is None else F.relu6(x[0])
    return x[0] if low is None and high is None else torch.clamp(x[0], low, high)


def _gemm(node: OnnxNode, x: list[Any]) -> Any:
    own = node.attributes
    a, b = (value.T if own.get(name, 0) else value for value, name in zip(x[:2], ("transA", "transB"), strict=True))
    found = own.get("alpha", 1.0) * (a @ b) if own.get("alpha", 1.0) != 1 else a @ b
    return found if len(x) < 3 or x[2] is None else found + own.get("beta", 1.0) * x[2]


def _softmax(function: Callable[[Tensor, int], Tensor]) -> Operator:
    return lambda node, x: function(x[0], node.attributes.get("axis", -1))


def _hard_sigmoid(node: OnnxNode, x: list[Any]) -> Any:
    alpha, beta = node.attributes.get("alpha", 0.2), node.attributes.get("beta", 0.5)
    if math.isclose(alpha, 1 / 6, rel_tol=1e-5) and beta == 0.5:
        return F.hardsigmoid(x[0])
    return torch.clamp(x[0] * alpha + beta, 0, 1)


def _gelu(node: OnnxNode, x: list[Any]) -> Any:
    return F.gelu(x[0], approximate=node.attributes.get("approximate", "none"))


def _vector_norm(x: Tensor, axes: list[int], keep: bool) -> Tensor:
    linalg: Any = torch.linalg
    return linalg.vector_norm(x, dim=axes, keepdim=keep)


def _reduction(function: Callable[..., Tensor]) -> Operator:
    def compute(node: OnnxNode, x: list[Any]) -> Any:
        axes = node.attributes.get("axes") if len(x) < 2 or x[1] is None else numbers(x[1])
        keep = bool(node.attributes.get("keepdims", 1))
        if not axes:
            if node.attributes.get("noop_with_empty_axes", 0):
                return x[0]
            axes = list(range(x[0].ndim))
        return function(x[0], axes, keep)

    return compute


def _product(x: Tensor, axes: Sequence[int], keep: bool) -> Tensor:
    for axis in sorted((axis % max(x.ndim, 1) for axis in axes), reverse=True):
        x = torch.prod(x, axis, keepdim=keep)
    return x


def _cast(node: OnnxNode, x: list[Any]) -> Any:
    dtype = dtype_read(node.attributes.get("to", 0))
    if dtype is None:
        raise NoForm(f"dtype {node.attributes.get('to')} has no form in a spec")
    return _as_dtype(x[0], dtype)


def _as_dtype(x: Tensor, dtype: torch.dtype) -> Tensor:
    if x.dtype == dtype or (x.is_floating_point() and dtype.is_floating_point):
        return x
    return x.to(torch.get_default_dtype() if dtype.is_floating_point else dtype)


def _dropout(node: OnnxNode, x: list[Any]) -> Any:
    if len(x) > 2 and x[2] is not None and numbers(x[2])[0]:
        raise NoForm("it drops values, and the file is read as a network that is done training")
    return x[0]


def _where(_: OnnxNode, x: list[Any]) -> Any:
    own = next((value for value in x[1:] if isinstance(value, Tensor)), x[0])
    return torch.where(beside(x[0], own), beside(x[1], own), beside(x[2], own))


def _einsum(node: OnnxNode, x: list[Any]) -> Any:
    own = next(value for value in x if isinstance(value, Tensor))
    return torch.einsum(node.attributes["equation"], *(beside(value, own) for value in x))


def _normalized(node: OnnxNode, x: list[Any]) -> Any:
    return F.normalize(x[0], p=float(node.attributes.get("p", 2)), dim=node.attributes.get("axis", -1), eps=1e-12)


def _tri(node: OnnxNode, x: list[Any]) -> Any:
    at = 0 if len(x) < 2 or x[1] is None else numbers(x[1])[0]
    return torch.triu(x[0], at) if node.attributes.get("upper", 1) else torch.tril(x[0], at)


OPERATORS: Final[dict[str, Operator]] = {
    "Abs": _unary(torch.abs),
    "Add": _of_two(lambda a, b: a + b),
    "And": _of_two(torch.logical_and),
    "Cast": _cast,
    "CastLike": lambda _, x: _as_dtype(x[0], plain(x[1]).dtype if not isinstance(x[1], Tensor) else x[1].dtype),
    "Ceil": _unary(torch.ceil),
    "Celu": lambda node, x: F.celu(x[0], node.attributes.get("alpha", 1.0)),
    "Clip": _clip,
    "Cos": _unary(torch.cos),
    "Div": _of_two(_divided),
    "Dropout": _dropout,
    "Einsum": _einsum,
    "Elu": lambda node, x: F.elu(x[0], node.attributes.get("alpha", 1.0)),
    "Equal": _of_two(lambda a, b: a == b),
    "Erf": _unary(torch.erf),
    "Exp": _unary(torch.exp),
    "Floor": _unary(torch.floor),
    "Gelu": _gelu,
    "Gemm": _gemm,
    "Greater": _of_two(lambda a, b: a > b),
    "GreaterOrEqual": _of_two(lambda a, b: a >= b),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _unary(F.hardswish),
    "Identity": lambda _, x: x[0],
    "LeakyRelu": lambda node, x: F.leaky_relu(x[0], node.attributes.get("alpha", 0.01)),
    "Less": _of_two(lambda a, b: a < b),
    "LessOrEqual": _of_two(lambda a, b: a <= b),
    "Log": _unary(torch.log),
    "LogSoftmax": _softmax(F.log_softmax),
    "LpNormalization": _normalized,
    "MatMul": _of_two(torch.matmul),
    "Max": _several(_larger),
    "Mean": lambda node, x: _several(lambda a, b: a + b)(node, x) / len(x),
    "Min": _several(_smaller),
    "Mish": _unary(F.mish),
    "Mod": _of_two(torch.remainder),
    "Mul": _of_two(lambda a, b: a * b),
    "Neg": _unary(torch.neg),
    "Not": _unary(torch.logical_not),
    "Or": _of_two(torch.logical_or),
    "Pow": _of_two(_power),
    "Reciprocal": _unary(torch.reciprocal),
    "ReduceL2": _reduction(_vector_norm),
    "ReduceMax": _reduction(torch.amax),
    "ReduceMean": _reduction(torch.mean),
    "ReduceMin": _reduction(torch.amin),
    "ReduceProd": _reduction(_product),
    "ReduceSum": _reduction(torch.sum),
    "Relu": _unary(F.relu),
    "Selu": lambda node, x: _selu(node, x[0]),
    "Sigmoid": _unary(torch.sigmoid),
    "Silu": _unary(F.silu),
    "Sin": _unary(torch.sin),
    "Softmax": _softmax(F.softmax),
    "Softplus": _unary(F.softplus),
    "Softsign": _unary(F.softsign),
    "Sqrt": _unary(torch.sqrt),
    "Sub": _of_two(lambda a, b: a - b),
    "Sum": _several(lambda a, b: a + b),
    "Swish": lambda node, x: _swish(node, x[0]),
    "Tanh": _unary(torch.tanh),
    "Trilu": _tri,
    "Where": _where,
    **MAPS,
    **MOVES,
}
"""For each operator what it computes."""


def _selu(node: OnnxNode, x: Tensor) -> Tensor:
    alpha, gamma = (
        node.attributes.get("alpha", 1.67326319217681884765625),
        node.attributes.get("gamma", 1.0507010221481323),
    )
    if not math.isclose(alpha, 1.6732632, rel_tol=1e-6) or not math.isclose(gamma, 1.050701, rel_tol=1e-6):
        raise NoForm(f"alpha {alpha:g} and gamma {gamma:g} are not those of `SELU`, which a spec has")
    return F.selu(x)


def _swish(node: OnnxNode, x: Tensor) -> Tensor:
    alpha = node.attributes.get("alpha", 1.0)
    return F.silu(x) if alpha == 1 else x * torch.sigmoid(x * alpha)
