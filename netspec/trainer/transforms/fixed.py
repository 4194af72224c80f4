"""Resize, crop, pad, grey and normalise batches (N, C, H, W) of float32 images.

Height and width may be symbols of `torch.export`, for a graph that takes images of every size: then nothing is decided
by comparing them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from netspec.trainer.transforms.geometry import weights


def resize(x: Tensor, size: tuple[int, int], interpolation: str = "bilinear", *, antialias: bool = True) -> Tensor:
    """Resample to `size`, (height, width).

    For enlarging, the antialias filter is not used: it gives the same weights, and the kernel without it is faster.
    """
    height, width = x.shape[-2:]
    if not _is_symbolic(x) and (height, width) == size:
        return x
    if torch.compiler.is_exporting() and (antialias or interpolation != "bicubic"):
        return _resampled(x, size, interpolation, antialias=antialias)
    if interpolation in ("nearest", "nearest-exact"):
        return F.interpolate(x, size, mode=interpolation)
    shrinks = _is_symbolic(x) or size[0] < height or size[1] < width
    cubic = interpolation == "bicubic"  # the kernels with and without filter differ (a = -0.5, -0.75)
    return F.interpolate(x, size, mode=interpolation, align_corners=False, antialias=antialias and (shrinks or cubic))


def _resampled(x: Tensor, size: tuple[int, int], interpolation: str, *, antialias: bool) -> Tensor:
    """The same for a graph, as products and as a choice of pixels: what ONNX's Resize does at a border depends on who
    writes it and who runs it."""
    for wanted in size:
        length: Any = x.shape[-2]
        i = torch.arange(wanted, device=x.device, dtype=torch.float32)
        whole = torch.full((1,), length, dtype=torch.float32, device=x.device)
        if interpolation in ("nearest", "nearest-exact"):
            at = i + 0.5 if interpolation == "nearest-exact" else i
            x = x.index_select(-2, torch.minimum((at * (whole / wanted)).floor(), whole - 1).to(torch.int64))
        else:
            start = torch.zeros((1,), dtype=torch.int64, device=x.device)
            x = torch.matmul(weights(start, whole, length, wanted, interpolation, antialias=antialias), x)
        x = x.mT
    return x


def _is_symbolic(x: Tensor) -> bool:
    """Whether height or width is a symbol."""
    edges: tuple[Any, ...] = tuple(x.shape[-2:])
    return not all(isinstance(edge, int) for edge in edges)


def center_crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Crop the centre to `size`, (height, width). Smaller images are padded with 0, an odd pixel below or right."""
    height, width = x.shape[-2:]
    if _is_symbolic(x):
        return _symbolic_center_crop(x, size)
    dy, dx = max(size[0] - height, 0), max(size[1] - width, 0)
    if dy or dx:
        x = F.pad(x, (dx // 2, (dx + 1) // 2, dy // 2, (dy + 1) // 2))
        height, width = x.shape[-2:]
    top, left = round((height - size[0]) / 2.0), round((width - size[1]) / 2.0)
    return x[..., top : top + size[0], left : left + size[1]]


def _symbolic_center_crop(x: Tensor, size: tuple[int, int]) -> Tensor:
    """The same for symbolic sizes, without a comparison: rows and columns outside of the image are 0."""
    return _symbolic_crop(_symbolic_crop(x, size[0]).mT, size[1]).mT


def _symbolic_crop(x: Tensor, wanted: int) -> Tensor:
    """Crop the second last axis. Python rounds a half to the even number, so does this."""
    length: Any = x.shape[-2]
    most: Any = torch.sym_max
    spare, lacking = most(length - wanted, 0), most(wanted - length, 0)
    half = spare // 2
    i = torch.arange(wanted, device=x.device) + (half + (spare % 2) * (half % 2) - lacking // 2)
    inside = ((i >= 0) & (i < length)).to(x.dtype).unsqueeze(1)
    return x.index_select(-2, torch.minimum(i.clamp(min=0), torch.full_like(i, length - 1))) * inside


def pad(x: Tensor, sides: tuple[int, int, int, int], mode: str = "constant", fill: float = 0.0) -> Tensor:
    """Add a border; `sides` are its widths in pixels: left, top, right, bottom."""
    left, top, right, bottom = sides
    if mode == "constant":
        return F.pad(x, (left, right, top, bottom), value=fill)
    if mode in ("edge", "reflect"):
        return F.pad(x, (left, right, top, bottom), mode="replicate" if mode == "edge" else "reflect")
    rows = _mirrored(x.shape[-2], top, bottom, x.device)
    return x.index_select(-2, rows).index_select(-1, _mirrored(x.shape[-1], left, right, x.device))


def _mirrored(size: int, before: int, after: int, device: torch.device) -> Tensor:
    """The indices for a symmetric border, in which the edge is repeated: 1 0 | 0 1 2 | 2 1."""
    i = torch.arange(-before, size + after, device=device)
    return torch.where(i < 0, -1 - i, torch.where(i >= size, 2 * size - 1 - i, i))


def grayscale(x: Tensor, channels: int = 1) -> Tensor:
    """The luma of colour images, with torchvision's weights, in one channel or repeated in three."""
    if x.shape[1] != 1:
        red, green, blue = x.unbind(1)
        x = red.mul(0.2989).add_(green, alpha=0.587).add_(blue, alpha=0.114).unsqueeze(1)
    return x.expand(-1, channels, -1, -1)


def normalize(x: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """(x − mean) / std with one value per channel."""
    return x.sub(mean.view(-1, 1, 1)).div_(std.view(-1, 1, 1))
