"""Crops, flips and distortions of batches (N, C, H, W), with parameters (N,), one for each example.

The functions compute for each image what torchvision's functionals of the same name do. The host reads no value, and no
shape depends on a value, so they can be captured in a CUDA graph.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Boxes(NamedTuple):
    """A rectangle for each example, in pixels: four tensors, int64 (N,)."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor


def crop(x: Tensor, top: Tensor, left: Tensor, size: tuple[int, int]) -> Tensor:
    """Crop each image to `size` (height, width) at its own position."""
    rows = top.unsqueeze(1) + torch.arange(size[0], device=x.device)  # (N, h)
    columns = left.unsqueeze(1) + torch.arange(size[1], device=x.device)  # (N, w)
    return _taken(x, rows, columns)


def _taken(x: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Gather the pixels at each image's own rows (N, h) and columns (N, w): (N, C, h, w)."""
    n, c = x.shape[:2]
    image = torch.arange(n, device=x.device).view(n, 1, 1, 1)
    channel = torch.arange(c, device=x.device).view(1, c, 1, 1)
    return x[image, channel, rows[:, None, :, None], columns[:, None, None, :]]


def _nearest(start: Tensor, length: Tensor, size: int) -> Tensor:
    """The source index of each of `size` output pixels along an axis: int64 (N, size). By torch's rule for `nearest`,
    in float32 as there."""
    i = torch.arange(size, device=start.device, dtype=torch.float32)
    ratio = (length.to(torch.float32) / size).unsqueeze(1)
    within = torch.minimum((i * ratio).floor().to(torch.int64), length.unsqueeze(1) - 1)
    return start.unsqueeze(1) + within


def flip(x: Tensor, chosen: Tensor, axis: int) -> Tensor:
    """Mirror the chosen images (bool, (N,)) along an axis."""
    return torch.where(chosen.view(-1, 1, 1, 1), x.flip(axis), x)


def resized_crop(
    x: Tensor, boxes: Boxes, size: tuple[int, int], interpolation: str = "bilinear", *, antialias: bool = True
) -> Tensor:
    """Crop each image to its own box, and resample the crop to `size` (height, width).

    Resampling along an axis is a product with a matrix that has a row of filter weights for each output pixel; the
    images of a batch only differ in their matrices. For N images these are two batched products with
    N · C · h · H · W and N · C · h · W · w multiplications. `nearest` takes the pixel at ⌊i · length / size⌋.
    """
    if interpolation == "nearest":
        rows, columns = _nearest(boxes.top, boxes.height, size[0]), _nearest(boxes.left, boxes.width, size[1])
        return _taken(x, rows, columns)
    rows = weights(boxes.top, boxes.height, x.shape[-2], size[0], interpolation, antialias=antialias)
    columns = weights(boxes.left, boxes.width, x.shape[-1], size[1], interpolation, antialias=antialias)
    return torch.matmul(torch.matmul(rows.unsqueeze(1), x), columns.unsqueeze(1).transpose(-1, -2))


def weights(start: Tensor, length: Tensor, full: int, size: int, interpolation: str, *, antialias: bool) -> Tensor:
    """The matrices (N, size, full) of a resampling; row i has the weights of the source pixels for output pixel i.

    The filter is torch's: centred on (i + 1/2) · length / size, stretched by that ratio if it is greater than 1, cut
    off at the border of the box and normalised.
    """
    length_ = length.to(torch.float32).view(-1, 1, 1)
    scale = length_ / size
    i = torch.arange(size, device=start.device, dtype=torch.float32).view(1, -1, 1)
    j = torch.arange(full, device=start.device, dtype=torch.float32).view(1, 1, -1) - start.view(-1, 1, 1)
    distance = j + 0.5 - (i + 0.5) * scale
    if antialias:
        distance = distance / scale.clamp(min=1)
    distance = distance.abs()
    weight = _cubic(distance) if interpolation == "bicubic" else (1 - distance).clamp(min=0)
    weight = torch.where((j >= 0) & (j < length_), weight, torch.zeros_like(weight))
    return weight / weight.sum(-1, keepdim=True)


def _cubic(d: Tensor) -> Tensor:
    """Keys' cubic filter with a = −1/2, which torch uses with antialiasing."""
    near = (1.5 * d - 2.5) * d * d + 1
    far = ((-0.5 * d + 2.5) * d - 4) * d + 2
    return torch.where(d < 1, near, torch.where(d < 2, far, torch.zeros_like(d)))


def affine(
    x: Tensor,
    angle: Tensor,
    translate: tuple[Tensor, Tensor],
    scale: Tensor,
    shear: tuple[Tensor, Tensor],
    interpolation: str = "nearest",
    fill: float = 0.0,
    center: tuple[float, float] | None = None,
) -> Tensor:
    """Rotate clockwise, translate, scale and shear each image by its own parameters (N,).

    Angles are in degrees, translations in pixels, and `center` in pixels from the upper left corner, None for the
    middle.
    """
    height, width = x.shape[-2:]
    cx, cy = (0.0, 0.0) if center is None else (center[0] - width * 0.5, center[1] - height * 0.5)
    return warp(x, angle, translate, scale, shear, cx, cy, interpolation, fill)


def warp(
    x: Tensor,
    angle: Tensor,
    translate: tuple[Tensor, Tensor],
    scale: Tensor,
    shear: tuple[Tensor, Tensor],
    cx: Tensor | float,
    cy: Tensor | float,
    interpolation: str,
    fill: float,
) -> Tensor:
    """As `affine`, about a point `cx`, `cy` in pixels from the middle, which each image may have for itself. The
    matrices are computed in float64, as torchvision's scalars are."""
    height, width = x.shape[-2:]
    rotation = torch.deg2rad(angle.double())
    sx, sy = (torch.deg2rad(s.double()) for s in shear)
    tx, ty = (t.double() for t in translate)
    scale = scale.double()
    # The inverse of shift · centre · rotation · scaling · shear · centre⁻¹ maps an output pixel to its source.
    a = torch.cos(rotation - sy) / torch.cos(sy)
    b = -(a * torch.tan(sx) + torch.sin(rotation))
    c = torch.sin(rotation - sy) / torch.cos(sy)
    d = torch.cos(rotation) - c * torch.tan(sx)
    m00, m01, m10, m11 = d / scale, -b / scale, -c / scale, a / scale
    m02 = cx - m00 * (cx + tx) - m01 * (cy + ty)
    m12 = cy - m10 * (cx + tx) - m11 * (cy + ty)
    theta = torch.stack((m00, m01, m02, m10, m11, m12), dim=1).view(-1, 2, 3).to(torch.float32)
    return _sample(x, _grid(theta, height, width), interpolation, fill)


def rotate(
    x: Tensor,
    angle: Tensor,
    interpolation: str = "nearest",
    fill: float = 0.0,
    center: tuple[float, float] | None = None,
) -> Tensor:
    """Rotate each image counter-clockwise by its own angle (N,) in degrees."""
    zero, one = torch.zeros_like(angle), torch.ones_like(angle)
    return affine(x, -angle, (zero, zero), one, (zero, zero), interpolation, fill, center)


def _grid(theta: Tensor, height: int, width: int) -> Tensor:
    """The grid for `F.grid_sample`, (N, H, W, 2) in [−1, 1], from matrices (N, 2, 3) in pixels from the middle."""
    device = theta.device
    x = torch.linspace((1.0 - width) * 0.5, (width - 1.0) * 0.5, steps=width, device=device)
    y = torch.linspace((1.0 - height) * 0.5, (height - 1.0) * 0.5, steps=height, device=device).unsqueeze(1)
    # Sums of products and not a matrix product, which might be computed in TF32: an error of 0.1 pixels at width 224.
    t = theta.view(-1, 2, 3, 1, 1)
    across, down = (t[:, i, 0] * x + t[:, i, 1] * y + t[:, i, 2] for i in (0, 1))  # (N, H, W), in pixels
    return torch.stack((across / (0.5 * width), down / (0.5 * height)), dim=3)


def _sample(x: Tensor, grid: Tensor, interpolation: str, fill: float) -> Tensor:
    """Sample images at the positions of a grid; outside of the image, the value is `fill`.

    At the border, bilinear sampling blends with the fill as torchvision does: with the weight m of the neighbouring
    pixels that are inside, m · (value − fill) + fill, where `value` is already blended with 0 by m.
    """
    sampled = F.grid_sample(x, grid, mode=interpolation, padding_mode="zeros", align_corners=False)
    if interpolation == "nearest" and fill == 0.0:
        return sampled
    inside = F.grid_sample(
        torch.ones_like(x[:, :1]), grid, mode=interpolation, padding_mode="zeros", align_corners=False
    )
    if interpolation == "nearest":
        return torch.where(inside < 0.5, fill, sampled)
    return (sampled - fill) * inside + fill


def erase(x: Tensor, boxes: Boxes, chosen: Tensor, value: float = 0.0) -> Tensor:
    """Set a rectangle of each chosen image (bool, (N,)) to a value."""
    rows = torch.arange(x.shape[-2], device=x.device).view(1, -1, 1)
    columns = torch.arange(x.shape[-1], device=x.device).view(1, 1, -1)
    top, left, height, width = (side.view(-1, 1, 1) for side in boxes)
    inside = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    return x.masked_fill((inside & chosen.view(-1, 1, 1)).unsqueeze(1), value)


# ---- parameters from random numbers

TRIES = 10
"""The number of candidate rectangles: torchvision draws up to ten until one fits; here all ten are drawn at once."""


def draw_windows(
    u: Tensor, height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Boxes, Tensor]:
    """Draw the box of each example for a RandomResizedCrop: the first of ten candidates that fits into the image, else
    a centred box with the nearest allowed aspect ratio.

    Args:
        u: uniform random numbers (N, 2 · TRIES + 2).
        height: the height of the images.
        width: the width of the images.
        scale: the range of the box's area, as a share of the image.
        ratio: the range of its aspect ratio, width / height.

    Returns:
        The boxes, and whether a candidate fits: bool (N,).
    """
    area = _between(u[:, :TRIES], *scale) * (height * width)
    aspect = torch.exp(_between(u[:, TRIES : 2 * TRIES], math.log(ratio[0]), math.log(ratio[1])))
    w, h = torch.sqrt(area * aspect).round(), torch.sqrt(area / aspect).round()
    good = (w > 0) & (w <= width) & (h > 0) & (h <= height)
    fallback_h, fallback_w = _middle(height, width, ratio)
    return _first(u, h, w, good, height, width, fallback_h, fallback_w)


def draw_erased(
    u: Tensor, height: int, width: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Boxes, Tensor]:
    """Draw the rectangle of each example for a RandomErasing; arguments and results as for `draw_windows`, but `ratio`
    is height / width, and an example without a fitting candidate is not to be erased."""
    area = _between(u[:, :TRIES], *scale) * (height * width)
    aspect = torch.exp(_between(u[:, TRIES : 2 * TRIES], math.log(ratio[0]), math.log(ratio[1])))
    h, w = torch.sqrt(area * aspect).round(), torch.sqrt(area / aspect).round()
    return _first(u, h, w, (h < height) & (w < width), height, width, height, width)


def _first(
    u: Tensor, h: Tensor, w: Tensor, good: Tensor, height: int, width: int, fallback_h: int, fallback_w: int
) -> tuple[Boxes, Tensor]:
    """The first good candidate of each row, at a random position; or the fallback, centred."""
    found = good.any(1)
    first = good.to(torch.int8).argmax(1, keepdim=True)
    h = torch.where(found, h.gather(1, first).squeeze(1), torch.full_like(found, fallback_h, dtype=h.dtype))
    w = torch.where(found, w.gather(1, first).squeeze(1), torch.full_like(found, fallback_w, dtype=w.dtype))
    top = torch.where(found, torch.floor(u[:, -2] * (height - h + 1)), torch.floor((height - h) / 2))
    left = torch.where(found, torch.floor(u[:, -1] * (width - w + 1)), torch.floor((width - w) / 2))
    return Boxes(*(side.to(torch.int64) for side in (top, left, h, w))), found


def _middle(height: int, width: int, ratio: tuple[float, float]) -> tuple[int, int]:
    """Height and width of the largest box with an allowed aspect ratio."""
    shape = width / height
    if shape < ratio[0]:
        return round(width / ratio[0]), width
    if shape > ratio[1]:
        return height, round(height * ratio[1])
    return height, width


def _between(u: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * u
