"""Colour and sharpness of batches (N, C, H, W) in [0, 1], with parameters (N,), one for each example.

The functions compute for each image what torchvision's functionals of the same name do. The host reads no value, and no
shape depends on a value, so they can be captured in a CUDA graph.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from netspec.trainer.transforms.fixed import grayscale


def adjust(x: Tensor, factor: Tensor, kind: Tensor) -> Tensor:
    """Adjust brightness, contrast or saturation of each image: blend it with black, with its mean grey value, or with
    its greyscale version.

    Args:
        x: (N, C, H, W).
        factor: (N,); 1 is no change.
        kind: (N,) int64; 0 is brightness, 1 contrast, 2 saturation.
    """
    factor, kind = factor.view(-1, 1, 1, 1), kind.view(-1, 1, 1, 1)
    grey = grayscale(x)  # (N, 1, H, W)
    other = torch.where(kind == 2, grey, torch.where(kind == 1, grey.mean(dim=(1, 2, 3), keepdim=True), 0.0))
    return (x * factor + other * (1 - factor)).clamp(0, 1)


def adjust_hue(x: Tensor, turn: Tensor) -> Tensor:
    """Rotate the hue of each image by `turn` (N,), a fraction of the full circle from −0.5 to 0.5. Images with one
    channel are not changed."""
    if x.shape[1] == 1:
        return x
    low, high = torch.aminmax(x, dim=1)
    span = high - low
    safe = torch.where(span == 0, torch.ones_like(span), span)
    red, green, blue = ((high.unsqueeze(1) - x) / safe.unsqueeze(1)).unbind(1)  # distance from the highest
    sector = torch.where(x[:, 0] == high, blue - green, torch.where(x[:, 1] == high, 2 + red - blue, 4 + green - red))
    hue = torch.remainder(torch.remainder(sector / 6 + 1, 1) + turn.view(-1, 1, 1), 1) * 6  # 0 to 6
    # A channel is high − span · max(0, min(k, 4 − k, 1)) with k = (n + hue) mod 6 and n = 5, 3, 1 for R, G, B.
    n = torch.arange(5, 0, -2, device=x.device).view(1, 3, 1, 1)
    k = torch.remainder(n + hue.unsqueeze(1), 6)
    return high.unsqueeze(1) - span.unsqueeze(1) * torch.minimum(k, 4 - k).clamp(0, 1)


def jitter(x: Tensor, factors: Tensor, turn: Tensor | None, order: Tensor) -> Tensor:
    """Adjust brightness, contrast, saturation and hue of each image, in an order of its own.

    All images must go through the same operations. So the three blends are applied before the hue and again after it,
    each with factor 1 where it is not due.

    Args:
        x: (N, C, H, W).
        factors: (N, 3): brightness, contrast, saturation.
        turn: (N,): the hue; None for no change of hue.
        order: (N, 4) int64: the operations in their order; 0 to 2 as in `factors`, 3 is hue.
    """
    blends = _without_hue(order)  # (N, 3): the blends in their order
    chosen = factors.gather(1, blends)
    if turn is None:
        for i in range(3):
            x = adjust(x, chosen[:, i], blends[:, i])
        return x
    place = (order == 3).to(torch.int8).argmax(1)  # the number of blends before the hue
    one = torch.ones_like(chosen[:, 0])
    for i in range(3):
        x = adjust(x, torch.where(place > i, chosen[:, i], one), blends[:, i])
    x = adjust_hue(x, turn)
    for i in range(3):
        x = adjust(x, torch.where(place <= i, chosen[:, i], one), blends[:, i])
    return x


def _without_hue(order: Tensor) -> Tensor:
    """The three operations other than hue in their order: (N, 3)."""
    later = (order == 3).cumsum(1)[:, :3]  # 1 from the position of the hue on, where the next column is taken
    columns = torch.arange(3, device=order.device) + later
    return order.gather(1, columns)


def choose(chosen: Tensor, changed: Tensor, x: Tensor) -> Tensor:
    """The changed image where `chosen` (bool, (N,)), else the original."""
    return torch.where(chosen.view(-1, 1, 1, 1), changed, x)


def solarize(x: Tensor, threshold: float) -> Tensor:
    """Invert the values from `threshold` on."""
    return torch.where(x >= threshold, 1 - x, x)


def posterize(x: Tensor, bits: int) -> Tensor:
    """Round values down to one of 2^bits levels."""
    levels = 1 << bits
    return (x * levels).floor().clamp(0, levels - 1) * (1.0 / levels)


def autocontrast(x: Tensor) -> Tensor:
    """Stretch the values of each channel from 0 to 1; one with a single value stays."""
    low, high = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
    flat = low == high
    return torch.where(flat, x, ((x - low) / torch.where(flat, 1.0, high - low)).clamp(0, 1))


def equalize(x: Tensor) -> Tensor:
    """Let each channel have about as many pixels of every value: a table of 256 levels from its histogram, by the rule
    of PIL, as torchvision has it."""
    n, c, height, width = x.shape
    levels = (x * (256 - 1e-3)).to(torch.int64).view(n * c, height * width)
    channel = torch.arange(n * c, device=x.device).unsqueeze(1) * 256
    ones = torch.ones_like(levels).flatten()
    histogram = torch.zeros(n * c * 256, dtype=torch.int64, device=x.device)
    histogram = histogram.scatter_add(0, (levels + channel).flatten(), ones).view(n * c, 256)
    summed = histogram.cumsum(1)
    last = histogram.gather(1, summed.argmax(1, keepdim=True))  # of the highest value that occurs
    step = torch.div(height * width - last, 255, rounding_mode="floor")
    table = torch.div(summed[:, :-1] + step // 2, step.clamp_min(1), rounding_mode="floor").clamp(0, 255)
    table = torch.cat((torch.zeros_like(table[:, :1]), table), dim=1)
    found = torch.where(step > 0, table.gather(1, levels), levels)
    return (found * (1.0 / 255)).to(x.dtype).view_as(x)


def sharpen(x: Tensor, factor: float | Tensor) -> Tensor:
    """Blend with a 3 × 3 blur; 1 is no change, and (N, 1, 1, 1) is one for each image. The border pixels are not
    changed, nor images of at most two pixels."""
    height, width = x.shape[-2:]
    if height <= 2 or width <= 2:
        return x
    inner = x[..., 1:-1, 1:-1]
    blurred = (F.avg_pool2d(x, 3, stride=1) * 9 + 4 * inner) / 13  # weights 1/13 around 5/13
    mixed = (inner + (1 - factor) * (blurred - inner)).clamp(0, 1)
    return F.pad(mixed, (1, 1, 1, 1)) + x * F.pad(torch.zeros_like(x[:1, :1, 1:-1, 1:-1]), (1, 1, 1, 1), value=1.0)


def gaussian_blur(x: Tensor, size: tuple[int, int], sigma: Tensor) -> Tensor:
    """Blur each image with its own `sigma` (N,) in pixels; `size` is the kernel's width and height. Borders reflect."""
    width, height = size
    x = F.pad(x, (width // 2, width // 2, height // 2, height // 2), mode="reflect")
    return _blur_axis(_blur_axis(x, width, sigma, -1), height, sigma, -2)


def _blur_axis(x: Tensor, size: int, sigma: Tensor, axis: int) -> Tensor:
    """Blur along one axis, as a weighted sum of `size` shifted copies; the axis gets shorter by size − 1."""
    offsets = torch.arange(size, device=x.device) - (size - 1) / 2
    weights = torch.softmax(-0.5 * (offsets / sigma.unsqueeze(1)) ** 2, dim=1)  # (N, size)
    length = x.shape[axis] - size + 1
    result = torch.zeros_like(x.narrow(axis, 0, length))
    for i in range(size):
        result = torch.addcmul(result, x.narrow(axis, i, length), weights[:, i].view(-1, 1, 1, 1))
    return result
