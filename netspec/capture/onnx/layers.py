"""Operators with weights: which layer of torch's each is, with which weights, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from netspec.capture.lowering.forms import NoForm
from netspec.capture.onnx.maps import padded, pads_of
from netspec.capture.onnx.reading import OnnxNode
from netspec.capture.onnx.recurrent import RECURRENT, recurrent, run_recurrent
from netspec.capture.onnx.values import KnownNumbers, plain


@dataclass(eq=False)
class OnnxLayer:
    """A layer of torch's on the meta device, and the numbers that its `state_dict` is to have."""

    module: nn.Module
    weights: Mapping[str, Tensor]


def _known(node: OnnxNode, x: list[Any], at: int, what: str) -> Tensor:
    value = x[at] if at < len(x) else None
    if not isinstance(value, KnownNumbers):
        raise NoForm(f"its {what} are no numbers of the file")
    return value.tensor


def _is_known(x: list[Any], at: int) -> bool:
    return at < len(x) and isinstance(x[at], KnownNumbers)


def _bias(node: OnnxNode, x: list[Any], at: int) -> Tensor | None:
    return _known(node, x, at, "biases") if at < len(x) and x[at] is not None else None


def _layer(module: nn.Module, **weights: Tensor | None) -> OnnxLayer:
    given = {name: value for name, value in weights.items() if value is not None}
    for name, wanted in module.state_dict().items():
        if name in given and given[name].shape != wanted.shape:
            raise NoForm(f"its {name} has the sizes {tuple(given[name].shape)}, where {tuple(wanted.shape)} are wanted")
        if name not in given and name != "num_batches_tracked":
            raise NoForm(f"its {name} is not there")
    given.setdefault("num_batches_tracked", torch.tensor(0))
    return OnnxLayer(module, {name: given[name] for name in module.state_dict()})


def _convolution(node: OnnxNode, x: list[Any]) -> OnnxLayer:
    weight, bias, own = _known(node, x, 1, "weights"), _bias(node, x, 2), node.attributes
    axes = weight.ndim - 2
    if axes not in (1, 2, 3) or x[0].ndim != weight.ndim:
        raise NoForm(f"weights of {weight.ndim} axes meet a tensor of {x[0].ndim}")
    kernel, group = list(weight.shape[2:]), own.get("group", 1)
    if own.get("kernel_shape", kernel) != kernel or x[0].shape[1] != weight.shape[1] * group:
        told = f"weights of {tuple(weight.shape)} in {group} groups meet {x[0].shape[1]} channels"
        raise NoForm(f"{told}, and a kernel of {own.get('kernel_shape', kernel)}")
    pads = pads_of(node, x[0].shape[2:], kernel)
    symmetric = all(a == b for a, b in pads)
    node.attributes["#pads"] = [] if symmetric else pads
    kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
    module = kind(
        weight.shape[1] * group, weight.shape[0], tuple(kernel),  # pyright: ignore[reportArgumentType]  # any of the three
        stride=tuple(own.get("strides") or [1] * axes), padding=tuple(a for a, _ in pads) if symmetric else 0,  # pyright: ignore[reportArgumentType]  # as above
        dilation=tuple(own.get("dilations") or [1] * axes), groups=group, bias=bias is not None, device="meta",  # pyright: ignore[reportArgumentType]  # as above
    )  # fmt: skip
    return _layer(module, weight=weight, bias=bias)


def _run_padded(node: OnnxNode, layer: nn.Module, x: list[Any]) -> Any:
    return layer(padded(x[0], node.attributes["#pads"]))


def _transposed(node: OnnxNode, x: list[Any]) -> OnnxLayer:
    weight, bias, own = _known(node, x, 1, "weights"), _bias(node, x, 2), node.attributes
    axes = weight.ndim - 2
    if axes not in (1, 2, 3) or x[0].ndim != weight.ndim or own.get("output_shape"):
        raise NoForm(f"a transposed convolution of {axes} axes on {x[0].ndim}, or with `output_shape`, has no form")
    kernel, group = list(weight.shape[2:]), own.get("group", 1)
    strides, dilations = own.get("strides") or [1] * axes, own.get("dilations") or [1] * axes
    more = own.get("output_padding") or [0] * axes
    if own.get("auto_pad", "NOTSET") in ("SAME_UPPER", "SAME_LOWER"):
        totals = [max(m + (k - 1) * d + 1 - s, 0) for m, k, d, s in zip(more, kernel, dilations, strides, strict=True)]
        pads = [(t // 2, t - t // 2) if own["auto_pad"] == "SAME_UPPER" else (t - t // 2, t // 2) for t in totals]
    else:
        pads = pads_of(node, x[0].shape[2:], kernel)
    symmetric = all(a == b for a, b in pads)
    node.attributes["#cut"] = [] if symmetric else pads
    kind = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)[axes - 1]
    module = kind(
        weight.shape[0], weight.shape[1] * group, tuple(kernel),  # pyright: ignore[reportArgumentType]  # any of the three
        stride=tuple(strides), padding=tuple(a for a, _ in pads) if symmetric else 0, output_padding=tuple(more),  # pyright: ignore[reportArgumentType]  # as above
        dilation=tuple(dilations), groups=group, bias=bias is not None, device="meta",  # pyright: ignore[reportArgumentType]  # as above
    )  # fmt: skip
    return _layer(module, weight=weight, bias=bias)


def _run_cut(node: OnnxNode, layer: nn.Module, x: list[Any]) -> Any:
    found = layer(x[0])
    cut: list[tuple[int, int]] = node.attributes["#cut"]
    return found[(slice(None), slice(None), *(slice(a, -b if b else None) for a, b in cut))] if cut else found


def _linear(node: OnnxNode, x: list[Any]) -> OnnxLayer | None:
    own = node.attributes
    if not _is_known(x, 1) or plain(x[1]).ndim != 2 or (len(x) > 2 and x[2] is not None and not _is_known(x, 2)):
        return None
    if any(own.get(name, wanted) != wanted for name, wanted in (("alpha", 1), ("beta", 1), ("transA", 0))):
        return None
    weight, bias = plain(x[1]), _bias(node, x, 2)
    weight = weight if own.get("transB", 0) else weight.T
    if bias is not None and bias.numel() == 1 != weight.shape[0]:
        bias = bias.expand(weight.shape[0])
    bias = None if bias is None else bias.reshape(-1)
    module = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None, device="meta")
    return _layer(module, weight=weight, bias=bias)


def _batch_norm(node: OnnxNode, x: list[Any]) -> OnnxLayer:
    if node.attributes.get("training_mode", 0):
        raise NoForm("it normalises by the batch, and the file is read as a network that is done training")
    names = ("weight", "bias", "running_mean", "running_var")
    weights = {name: _known(node, x, i + 1, name) for i, name in enumerate(names)}
    kinds = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d, 5: nn.BatchNorm3d}
    if x[0].ndim not in kinds:
        raise NoForm(f"it normalises a tensor of {x[0].ndim} axes")
    eps, momentum = (_short(node.attributes.get(name, n)) for name, n in (("epsilon", 1e-5), ("momentum", 0.9)))
    momentum = _short(1 - momentum)
    module = kinds[x[0].ndim](weights["weight"].numel(), eps, momentum, device="meta")
    return _layer(module, **weights)


def _short(number: float) -> float:
    """A number of 32 bits as it was typed."""
    return float(f"{number:.6g}")


def _instance_norm(node: OnnxNode, x: list[Any]) -> OnnxLayer:
    weight, bias = _known(node, x, 1, "weights"), _known(node, x, 2, "biases")
    kinds = {3: nn.InstanceNorm1d, 4: nn.InstanceNorm2d, 5: nn.InstanceNorm3d}
    if x[0].ndim not in kinds:
        raise NoForm(f"it normalises a tensor of {x[0].ndim} axes")
    eps = _short(node.attributes.get("epsilon", 1e-5))
    return _layer(kinds[x[0].ndim](weight.numel(), eps, affine=True, device="meta"), weight=weight, bias=bias)


def _group_norm(node: OnnxNode, x: list[Any]) -> OnnxLayer:
    weight, bias = _known(node, x, 1, "weights"), _known(node, x, 2, "biases")
    groups, channels = node.attributes["num_groups"], x[0].shape[1]
    if groups < 1 or channels % groups:
        raise NoForm(f"{groups} groups do not divide {channels} channels")
    if weight.numel() == groups != channels:  # one for each group, before version 21
        weight, bias = (value.repeat_interleave(channels // groups) for value in (weight, bias))
    module = nn.GroupNorm(groups, channels, _short(node.attributes.get("epsilon", 1e-5)), device="meta")
    return _layer(module, weight=weight, bias=bias)


def _layer_norm(node: OnnxNode, x: list[Any]) -> OnnxLayer:
    axis = node.attributes.get("axis", -1) % x[0].ndim
    if node.attributes.get("#last") and axis != x[0].ndim - 1:
        raise NoForm("it normalises over an axis that is not the last")
    sizes, eps = list(x[0].shape[axis:]), _short(node.attributes.get("epsilon", 1e-5))
    bias = _bias(node, x, 2)
    weight = _known(node, x, 1, "weights") if len(x) > 1 and x[1] is not None else None
    weight = torch.ones(sizes) if weight is None and bias is not None else weight
    weight, bias = (None if value is None else value.expand(sizes) for value in (weight, bias))
    if node.op == "RMSNormalization":
        return _layer(nn.RMSNorm(sizes, eps, elementwise_affine=weight is not None, device="meta"), weight=weight)
    norm = nn.LayerNorm(sizes, eps, weight is not None, bias is not None, device="meta")
    return _layer(norm, weight=weight, bias=bias)


def _embedding(node: OnnxNode, x: list[Any]) -> OnnxLayer | None:
    if not _is_known(x, 0) or not isinstance(x[1], Tensor) or node.attributes.get("axis", 0) != 0:
        return None
    table = plain(x[0])
    if table.ndim != 2 or not table.is_floating_point():
        return None
    return _layer(nn.Embedding(table.shape[0], table.shape[1], device="meta"), weight=table)


def _run_embedding(_: OnnxNode, layer: nn.Module, x: list[Any]) -> Any:
    return layer(x[1])


def _prelu(node: OnnxNode, x: list[Any]) -> OnnxLayer:
    slope = _known(node, x, 1, "slopes")
    if slope.numel() != 1 and (x[0].ndim < 2 or slope.numel() != x[0].shape[1] or slope.shape[-(x[0].ndim - 1)] == 1):
        raise NoForm(f"slopes of {tuple(slope.shape)} are not one for each of {tuple(x[0].shape[1:2])} channels")
    return _layer(nn.PReLU(slope.numel(), device="meta"), weight=slope.reshape(-1))


def _recurrent(node: OnnxNode, x: list[Any]) -> OnnxLayer:
    module, weights = recurrent(node, x)
    return _layer(module, **weights)


def _plain_run(_: OnnxNode, layer: nn.Module, x: list[Any]) -> Any:
    return layer(x[0])


LAYERS: Final[dict[str, Callable[[OnnxNode, list[Any]], OnnxLayer | None]]] = {
    "BatchNormalization": _batch_norm,
    "Conv": _convolution,
    "ConvTranspose": _transposed,
    "Gather": _embedding,
    "Gemm": _linear,
    "GroupNormalization": _group_norm,
    "InstanceNormalization": _instance_norm,
    "LayerNormalization": _layer_norm,
    "MatMul": _linear,
    "PRelu": _prelu,
    "RMSNormalization": _layer_norm,
    **dict.fromkeys(RECURRENT, _recurrent),
}
"""For each operator that may have weights its layer; None where it is a function of tensors."""

RUNS: Final[dict[str, Callable[[OnnxNode, nn.Module, list[Any]], Any]]] = {
    **dict.fromkeys(LAYERS, _plain_run),
    "Conv": _run_padded,
    "ConvTranspose": _run_cut,
    "Gather": _run_embedding,
    **dict.fromkeys(RECURRENT, run_recurrent),
}
"""How the layer of an operator is called."""
