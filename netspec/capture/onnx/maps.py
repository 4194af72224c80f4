"""Operators of maps: pools, pads, and what makes them larger or smaller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
import torch.nn.functional as F
from torch import Tensor

from netspec.capture.lowering.forms import NoForm
from netspec.capture.onnx.reading import OnnxNode
from netspec.capture.onnx.values import numbers


def pads_of(node: OnnxNode, sizes: Sequence[int], kernel: Sequence[int]) -> list[tuple[int, int]]:
    """What is padded in front of and behind each axis of a map of these sizes."""
    own, axes = node.attributes, len(kernel)
    auto = own.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", ""):
        pads: list[int] = own.get("pads") or [0] * (2 * axes)
        if len(pads) != 2 * axes:
            raise NoForm(f"pads {pads} are not two for each of {axes} axes")
        return list(zip(pads[:axes], pads[axes:], strict=True))
    if auto == "VALID":
        return [(0, 0)] * axes
    strides, dilations = own.get("strides") or [1] * axes, own.get("dilations") or [1] * axes
    found: list[tuple[int, int]] = []
    for size, k, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        total = max((-(-size // stride) - 1) * stride + dilation * (k - 1) + 1 - size, 0)
        less = total // 2
        found.append((less, total - less) if auto == "SAME_UPPER" else (total - less, less))
    return found


def padded(x: Tensor, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Tensor:
    """A map with these numbers around it."""
    amounts = [amount for pair in reversed(pads) for amount in pair]
    return F.pad(x, amounts, value=value) if any(amounts) else x


def _pool(node: OnnxNode, x: list[Any]) -> tuple[int, list[int], list[int], list[tuple[int, int]]]:
    kernel: list[int] = node.attributes["kernel_shape"]
    axes = len(kernel)
    if axes not in (1, 2, 3) or x[0].ndim != axes + 2:
        raise NoForm(f"it is a pool of {axes} axes on a tensor of {x[0].ndim}")
    return axes, kernel, node.attributes.get("strides") or [1] * axes, pads_of(node, x[0].shape[2:], kernel)


def _max_pool(node: OnnxNode, x: list[Any]) -> Any:
    axes, kernel, strides, pads = _pool(node, x)
    if len([name for name in node.outputs if name]) > 1:
        raise NoForm("it gives indices, too")
    dilations = node.attributes.get("dilations") or [1] * axes
    ceil = bool(node.attributes.get("ceil_mode", 0))
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[axes - 1]
    if all(a == b and 2 * a <= k for (a, b), k in zip(pads, kernel, strict=True)):
        return pool(x[0], kernel, strides, [a for a, _ in pads], dilations, ceil)
    return pool(padded(x[0], pads, float("-inf")), kernel, strides, 0, dilations, ceil)


def _average_pool(node: OnnxNode, x: list[Any]) -> Any:
    axes, kernel, strides, pads = _pool(node, x)
    if any(n != 1 for n in node.attributes.get("dilations") or ()):
        raise NoForm("a pool of means with gaps between its values has no form in a spec")
    counts = bool(node.attributes.get("count_include_pad", 0))
    ceil = bool(node.attributes.get("ceil_mode", 0))
    pool: Any = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[axes - 1]
    if all(a == b and 2 * a <= k for (a, b), k in zip(pads, kernel, strict=True)):
        return pool(x[0], kernel, strides, [a for a, _ in pads], ceil, counts or not any(a for a, _ in pads))
    if not counts:
        told = " and ".join(f"{a} in front and {b} behind" for a, b in pads)
        raise NoForm(
            f"a pool of means that counts no padding, with {told}, has no form in a spec: both sides are alike there"
        )
    return pool(padded(x[0], pads), kernel, strides, 0, ceil)


def _whole(kind: str) -> Any:
    def compute(_: OnnxNode, x: list[Any]) -> Any:
        pools = {
            "avg": (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d),
            "max": (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d),
        }
        if x[0].ndim not in (3, 4, 5):
            raise NoForm(f"it pools a tensor of {x[0].ndim} axes")
        return pools[kind][x[0].ndim - 3](x[0], 1)

    return compute


def _pad(node: OnnxNode, x: list[Any]) -> Any:
    amounts = [int(n) for n in (node.attributes["pads"] if len(x) < 2 else numbers(x[1]))]
    value = 0.0 if len(x) < 3 or x[2] is None else float(numbers(x[2])[0])
    rank = x[0].ndim
    axes = list(range(rank)) if len(x) < 4 or x[3] is None else [int(n) % rank for n in numbers(x[3])]
    pads = [(0, 0)] * rank
    for i, axis in enumerate(axes):
        pads[axis] = (amounts[i], amounts[i + len(axes)])
    while pads and pads[0] == (0, 0):
        pads.pop(0)
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    mode = modes.get(node.attributes.get("mode", "constant"))
    if mode is None:
        raise NoForm(f"a pad of the mode {node.attributes['mode']!r} has no form in a spec")
    if rank > 2 and len(pads) == rank - 1 and pads[-1] == (0, 0):  # channels are last
        amounts = [amount for pair in reversed(pads[:-1]) for amount in pair]
        more = {"value": value} if mode == "constant" else {}
        return F.pad(x[0].movedim(-1, 1), amounts, mode, **more).movedim(1, -1)
    if mode == "constant":
        return padded(x[0], pads, value)
    pads = [(0, 0)] * (rank - 2 - len(pads)) + pads
    return F.pad(x[0], [amount for pair in reversed(pads) for amount in pair], mode)


def _resize(node: OnnxNode, x: list[Any]) -> Any:
    own, rank = node.attributes, x[0].ndim
    scales = numbers(x[2]) if len(x) > 2 and x[2] is not None else []
    sizes = [int(n) for n in numbers(x[3])] if len(x) > 3 and x[3] is not None else []
    axes = [axis % rank for axis in own.get("axes") or range(rank)]
    at = dict(zip(axes, scales or [n / x[0].shape[axis] for n, axis in zip(sizes, axes, strict=True)], strict=True))
    factors = [at.get(axis, 1.0) for axis in range(rank)]
    mode, how = own.get("mode", "nearest"), own.get("coordinate_transformation_mode", "half_pixel")
    if rank not in (3, 4, 5) or factors[:2] != [1.0, 1.0] or own.get("antialias", 0) or any(f <= 0 for f in factors):
        raise NoForm("it makes the axes of examples or channels larger, or filters what it makes smaller")
    kinds = {"linear": ("linear", "bilinear", "trilinear")[rank - 3], "nearest": "nearest", "cubic": "bicubic"}
    if mode == "nearest":
        fits = how == "asymmetric" and own.get("nearest_mode", "round_prefer_floor") == "floor"
        whole = all(factor >= 1 and factor == int(factor) for factor in factors)
        fits = fits or (whole and how in ("half_pixel", "pytorch_half_pixel"))
        corners = None
    else:
        fits = how in ("half_pixel", "pytorch_half_pixel", "align_corners") and mode in kinds
        fits = fits and (mode != "cubic" or own.get("cubic_coeff_a", -0.75) == -0.75)
        corners = how == "align_corners"
    if not fits:
        raise NoForm(f"a resize of the mode {mode!r} with places by {how!r} has no form in a spec")
    whole = all(factor == int(factor) for factor in factors)
    if whole:
        return F.interpolate(x[0], scale_factor=tuple(factors[2:]), mode=kinds[mode], align_corners=corners)
    after = [round(factor * n) if sizes else int(factor * n) for factor, n in zip(factors, x[0].shape, strict=True)]
    return F.interpolate(x[0], size=tuple(after[2:]), mode=kinds[mode], align_corners=corners)


def _response_norm(node: OnnxNode, x: list[Any]) -> Any:
    own = node.attributes
    return F.local_response_norm(x[0], own["size"], own.get("alpha", 1e-4), own.get("beta", 0.75), own.get("bias", 1.0))


def _depth_to_space(node: OnnxNode, x: list[Any]) -> Any:
    block = node.attributes["blocksize"]
    if node.attributes.get("mode", "DCR") == "CRD":
        return F.pixel_shuffle(x[0], block)
    n, c, h, w = x[0].shape
    moved = x[0].reshape(n, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
    return moved.reshape(n, c // block**2, h * block, w * block)


def _space_to_depth(node: OnnxNode, x: list[Any]) -> Any:
    block = node.attributes["blocksize"]
    n, c, h, w = x[0].shape
    moved = x[0].reshape(n, c, h // block, block, w // block, block).permute(0, 3, 5, 1, 2, 4)
    return torch.reshape(moved, (n, c * block**2, h // block, w // block))


MAPS: Final[dict[str, Any]] = {
    "AveragePool": _average_pool,
    "DepthToSpace": _depth_to_space,
    "GlobalAveragePool": _whole("avg"),
    "GlobalMaxPool": _whole("max"),
    "LRN": _response_norm,
    "MaxPool": _max_pool,
    "Pad": _pad,
    "Resize": _resize,
    "SpaceToDepth": _space_to_depth,
}
"""For each operator what it computes."""
