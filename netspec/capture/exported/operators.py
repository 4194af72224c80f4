"""ATen's operators, each with the function of torch's that computes it: a closed table.

A row says how the arguments of the operator's schema are given on: `self dim=-1` by their places with what they are
where the program leaves them out, `=dim` behind a bar by name; what stands behind `!` is not given on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

import torch
from torch.nn import functional as F


class OperatorRow(NamedTuple):
    """A function of torch's, and how its arguments are named."""

    function: Callable[..., Any]
    arguments: str


class GivenArguments(NamedTuple):
    """What a function is called with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class UnknownArgument(Exception):
    """An operator is given what its row has not; the message is its name."""


class _Argument(NamedTuple):
    name: str
    default: Any
    kind: str
    """`place`, `name` or `unread`."""


_REQUIRED: Final = object()


@cache
def _parsed(text: str) -> tuple[_Argument, ...]:
    found: list[_Argument] = []
    kind = "place"
    for word in text.split():
        if word in ("|", "!"):
            kind = {"|": "name", "!": "unread"}[word]
            continue
        name, _, default = word.partition("=")
        found.append(_Argument(name, ast.literal_eval(default) if default else _REQUIRED, kind))
    return tuple(found)


def given_to(text: str, values: dict[str, Any]) -> GivenArguments:
    """The arguments of a function for those of an operator.

    Raises:
        UnknownArgument: one has no place in the row, or one is missing.
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    rest = dict(values)
    for name, default, kind in _parsed(text):
        value = rest.pop(name, default)
        if kind == "unread":
            continue
        if value is _REQUIRED:
            raise UnknownArgument(name)
        if kind == "place":
            args.append(value)
        else:
            kwargs[name] = value
    for name in rest:
        raise UnknownArgument(name)
    return GivenArguments(tuple(args), kwargs)


_vector_norm: Callable[..., Any] = torch.linalg.vector_norm  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # torch's

_POOL: Final = "kernel_size stride=None padding=0"

PLAIN: Final[dict[str, OperatorRow]] = {
    **{
        f"{name}.default": OperatorRow(function, "self")
        for name, function in {
            "relu": F.relu,
            "relu6": F.relu6,
            "silu": F.silu,
            "mish": F.mish,
            "hardswish": F.hardswish,
            "hardsigmoid": F.hardsigmoid,
            "selu": F.selu,
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
            "log_sigmoid": F.logsigmoid,
            "softsign": F.softsign,
            "exp": torch.exp,
            "log": torch.log,
            "sin": torch.sin,
            "cos": torch.cos,
            "abs": torch.abs,
            "sqrt": torch.sqrt,
            "rsqrt": torch.rsqrt,
            "neg": torch.neg,
            "square": torch.square,
            "reciprocal": torch.reciprocal,
            "erf": torch.erf,
            "sign": torch.sign,
            "floor": torch.floor,
            "ceil": torch.ceil,
            "round": torch.round,
            "isnan": torch.isnan,
            "log1p": torch.log1p,
            "expm1": torch.expm1,
            "logical_not": torch.logical_not,
            "bitwise_not": torch.bitwise_not,
            "t": torch.t,
            "det": torch.det,
            "nonzero": torch.nonzero,
            "squeeze": torch.squeeze,
            "tan": torch.tan,
        }.items()
    },
    "hardtanh.default": OperatorRow(F.hardtanh, "self min_val=-1.0 max_val=1.0"),
    "leaky_relu.default": OperatorRow(F.leaky_relu, "self negative_slope=0.01"),
    "gelu.default": OperatorRow(F.gelu, "self | approximate='none'"),
    "celu.default": OperatorRow(F.celu, "self alpha=1.0"),
    "softplus.default": OperatorRow(F.softplus, "self beta=1 threshold=20"),
    "glu.default": OperatorRow(F.glu, "self dim=-1"),
    "prelu.default": OperatorRow(F.prelu, "self weight"),
    "softmax.int": OperatorRow(F.softmax, "self | dim ! dtype"),
    "_softmax.default": OperatorRow(F.softmax, "self | dim ! half_to_float"),
    "_safe_softmax.default": OperatorRow(F.softmax, "self | dim ! dtype"),
    "log_softmax.int": OperatorRow(F.log_softmax, "self | dim ! dtype"),
    "_log_softmax.default": OperatorRow(F.log_softmax, "self | dim ! half_to_float"),
    # ---- layers
    **{
        f"conv{n}d.{form}": OperatorRow(function, "input weight bias=None stride=1 padding=0 dilation=1 groups=1")
        for n, function in ((1, F.conv1d), (2, F.conv2d), (3, F.conv3d))
        for form in ("default", "padding")
    },
    "linear.default": OperatorRow(F.linear, "input weight bias=None"),
    "group_norm.default": OperatorRow(F.group_norm, "input num_groups weight=None bias=None eps=1e-5 ! cudnn_enabled"),
    "layer_norm.default": OperatorRow(
        F.layer_norm, "input normalized_shape weight=None bias=None eps=1e-5 ! cudnn_enable"
    ),
    "native_layer_norm.default": OperatorRow(F.layer_norm, "input normalized_shape weight=None bias=None eps=1e-5"),
    "rms_norm.default": OperatorRow(F.rms_norm, "input normalized_shape weight=None eps=None"),
    "_fused_rms_norm.default": OperatorRow(F.rms_norm, "input normalized_shape weight=None eps=None"),
    # ---- pools
    **{
        f"max_pool{n}d{form}.default": OperatorRow(function, f"self {_POOL} dilation=1 ceil_mode=False")
        for n, function in ((1, F.max_pool1d), (2, F.max_pool2d), (3, F.max_pool3d))
        for form in ("", "_with_indices")
    },
    "avg_pool1d.default": OperatorRow(F.avg_pool1d, f"self {_POOL} ceil_mode=False count_include_pad=True"),
    **{
        f"avg_pool{n}d.default": OperatorRow(
            function, f"self {_POOL} ceil_mode=False count_include_pad=True divisor_override=None"
        )
        for n, function in ((2, F.avg_pool2d), (3, F.avg_pool3d))
    },
    **{
        f"{form}adaptive_avg_pool{n}d.default": OperatorRow(function, "self output_size")
        for n, function in ((1, F.adaptive_avg_pool1d), (2, F.adaptive_avg_pool2d), (3, F.adaptive_avg_pool3d))
        for form in ("", "_")
    },
    **{
        f"adaptive_max_pool{n}d.default": OperatorRow(function, "self output_size")
        for n, function in ((1, F.adaptive_max_pool1d), (2, F.adaptive_max_pool2d))
    },
    "pixel_shuffle.default": OperatorRow(F.pixel_shuffle, "self upscale_factor"),
    "pixel_unshuffle.default": OperatorRow(F.pixel_unshuffle, "self downscale_factor"),
    # ---- pads
    "pad.default": OperatorRow(F.pad, "self pad mode='constant' value=None"),
    "constant_pad_nd.default": OperatorRow(F.pad, "self pad | value=0"),
    # ---- arithmetic
    **{
        f"{name}.{form}": OperatorRow(function, "self other | alpha=1")
        for name, function in (("add", torch.add), ("sub", torch.sub), ("rsub", torch.rsub))
        for form in ("Tensor", "Scalar")
    },
    **{
        f"{name}.{form}": OperatorRow(function, "self other")
        for name, function in (("mul", torch.mul), ("div", torch.div))
        for form in ("Tensor", "Scalar")
    },
    "div.Tensor_mode": OperatorRow(torch.div, "self other | rounding_mode"),
    "pow.Tensor_Scalar": OperatorRow(torch.pow, "self exponent"),
    "pow.Scalar": OperatorRow(torch.pow, "self exponent"),
    "pow.Tensor_Tensor": OperatorRow(torch.pow, "self exponent"),
    "maximum.default": OperatorRow(torch.maximum, "self other"),
    "minimum.default": OperatorRow(torch.minimum, "self other"),
    "addcmul.default": OperatorRow(torch.addcmul, "self tensor1 tensor2 | value=1"),
    "matmul.default": OperatorRow(torch.matmul, "self other"),
    "mm.default": OperatorRow(torch.mm, "self mat2"),
    "bmm.default": OperatorRow(torch.bmm, "self mat2"),
    "addmm.default": OperatorRow(torch.addmm, "self mat1 mat2 | beta=1 alpha=1"),
    "baddbmm.default": OperatorRow(torch.baddbmm, "self batch1 batch2 | beta=1 alpha=1"),
    "einsum.default": OperatorRow(torch.einsum, "equation tensors ! path"),
    **{
        f"{name}.{form}": OperatorRow(function, "self other")
        for name, function in {
            "eq": torch.eq,
            "ne": torch.ne,
            "lt": torch.lt,
            "le": torch.le,
            "gt": torch.gt,
            "ge": torch.ge,
            "bitwise_and": torch.bitwise_and,
            "bitwise_or": torch.bitwise_or,
            "remainder": torch.remainder,
            "fmod": torch.fmod,
            "floor_divide": torch.floor_divide,
        }.items()
        for form in ("Tensor", "Scalar")
    },
    **{
        f"{name}.default": OperatorRow(function, "self other")
        for name, function in {
            "logical_and": torch.logical_and,
            "logical_or": torch.logical_or,
            "floor_divide": torch.floor_divide,
        }.items()
    },
    "clamp.default": OperatorRow(torch.clamp, "self min=None max=None"),
    "clamp_min.default": OperatorRow(torch.clamp, "self min"),
    # ---- reductions
    "mean.dim": OperatorRow(torch.mean, "self dim keepdim=False ! dtype"),
    "mean.default": OperatorRow(torch.mean, "self ! dtype"),
    "sum.dim_IntList": OperatorRow(torch.sum, "self dim keepdim=False ! dtype"),
    "sum.default": OperatorRow(torch.sum, "self ! dtype"),
    "amax.default": OperatorRow(torch.amax, "self dim=() keepdim=False"),
    "amin.default": OperatorRow(torch.amin, "self dim=() keepdim=False"),
    "max.dim": OperatorRow(torch.max, "self dim keepdim=False"),
    "min.dim": OperatorRow(torch.min, "self dim keepdim=False"),
    "max.other": OperatorRow(torch.max, "self other"),
    "min.other": OperatorRow(torch.min, "self other"),
    "var.correction": OperatorRow(torch.var, "self dim=None | correction=1 keepdim=False"),
    "var.dim": OperatorRow(torch.var, "self dim unbiased=True keepdim=False"),
    "argmax.default": OperatorRow(torch.argmax, "self dim=None keepdim=False"),
    "any.dim": OperatorRow(torch.any, "self dim keepdim=False"),
    "all.dim": OperatorRow(torch.all, "self dim keepdim=False"),
    "cumsum.default": OperatorRow(torch.cumsum, "self dim ! dtype"),
    "topk.default": OperatorRow(torch.topk, "self k dim=-1 largest=True sorted=True"),
    "sort.default": OperatorRow(torch.sort, "self dim=-1 descending=False"),
    "linalg_vector_norm.default": OperatorRow(_vector_norm, "self ord=2 dim=None keepdim=False ! dtype"),
    # ---- moves
    "cat.default": OperatorRow(torch.cat, "tensors dim=0"),
    "stack.default": OperatorRow(torch.stack, "tensors dim=0"),
    "split.Tensor": OperatorRow(torch.split, "self split_size dim=0"),
    "split_with_sizes.default": OperatorRow(torch.split, "self split_sizes dim=0"),
    "chunk.default": OperatorRow(torch.chunk, "self chunks dim=0"),
    "unbind.int": OperatorRow(torch.unbind, "self dim=0"),
    "select.int": OperatorRow(torch.select, "self dim index"),
    "unsqueeze.default": OperatorRow(torch.unsqueeze, "self dim"),
    "squeeze.dim": OperatorRow(torch.squeeze, "self dim"),
    "permute.default": OperatorRow(torch.permute, "self dims"),
    "transpose.int": OperatorRow(torch.transpose, "self dim0 dim1"),
    "swapaxes.default": OperatorRow(torch.transpose, "self axis0 axis1"),
    "movedim.int": OperatorRow(torch.movedim, "self source destination"),
    "movedim.intlist": OperatorRow(torch.movedim, "self source destination"),
    "flatten.using_ints": OperatorRow(torch.flatten, "self start_dim=0 end_dim=-1"),
    "roll.default": OperatorRow(torch.roll, "self shifts dims=()"),
    "flip.default": OperatorRow(torch.flip, "self dims"),
    "tril.default": OperatorRow(torch.tril, "self diagonal=0"),
    "triu.default": OperatorRow(torch.triu, "self diagonal=0"),
    "where.self": OperatorRow(torch.where, "condition self other"),
    "where.ScalarOther": OperatorRow(torch.where, "condition self other"),
    "masked_fill.Scalar": OperatorRow(torch.masked_fill, "self mask value"),
    "index_select.default": OperatorRow(torch.index_select, "self dim index"),
    "gather.default": OperatorRow(torch.gather, "self dim index ! sparse_grad"),
    "repeat_interleave.self_int": OperatorRow(torch.repeat_interleave, "self repeats dim=None ! output_size"),
}
"""Operators that torch has as functions with the same meaning, below `aten.`."""
