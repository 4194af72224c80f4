"""Colour and sharpness of batches (N, C, H, W) in [0, 1], with parameters of shape (N,) for each example.

The functions do what torchvision's functional ones of the same name do for one image. No value is read back to the
host and no shape depends on one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from netspec.trainer.transforms.fixed import grayscale


def adjust(x: Tensor, factor: Tensor, kind: Tensor) -> Tensor:
    """Brightness, contrast or saturation of each image by its factor: a blend with black, with the image's mean grey,
    or with its own grey.

    Args:
        x: (N, C, H, W).
        factor: 1 changes nothing.
        kind: 0 brightness, 1 contrast, 2 saturation; int64.
    """
    factor, kind = factor.view(-1, 1, 1, 1), kind.view(-1, 1, 1, 1)
    grey = grayscale(x)  # (N, 1, H, W)
    other = torch.where(kind == 2, grey, torch.where(kind == 1, grey.mean(dim=(1, 2, 3), keepdim=True), 0.0))
    return (x * factor + other * (1 - factor)).clamp(0, 1)


def adjust_hue(x: Tensor, turn: Tensor) -> Tensor:
    """Colours turned by a share of the circle, −0.5 to 0.5; grey images stay."""
    if x.shape[1] == 1:
        return x
    low, high = torch.aminmax(x, dim=1)
    span = high - low
    safe = torch.where(span == 0, torch.ones_like(span), span)
    red, green, blue = ((high.unsqueeze(1) - x) / safe.unsqueeze(1)).unbind(1)  # distance of each from the highest
    sector = torch.where(x[:, 0] == high, blue - green, torch.where(x[:, 1] == high, 2 + red - blue, 4 + green - red))
    hue = torch.remainder(torch.remainder(sector / 6 + 1, 1) + turn.view(-1, 1, 1), 1) * 6  # 0 to 6
    # A channel is high − span · max(0, min(k, 4 − k, 1)) with k = (n + hue) mod 6 and n = 5, 3, 1 for R, G, B.
    n = torch.arange(5, 0, -2, device=x.device).view(1, 3, 1, 1)
    k = torch.remainder(n + hue.unsqueeze(1), 6)
    return high.unsqueeze(1) - span.unsqueeze(1) * torch.minimum(k, 4 - k).clamp(0, 1)


def jitter(x: Tensor, factors: Tensor, turn: Tensor | None, order: Tensor) -> Tensor:
    """Brightness, contrast, saturation and hue in each image's own order.

    The three blends before an image's hue, the hue, and the three after it: a blend that is not due has factor 1.

    Args:
        x: (N, C, H, W).
        factors: (N, 3) of brightness, contrast, saturation.
        turn: (N,) of hue, or None for no change of hue.
        order: (N, 4), which operation stands at each place: 0 to 2 as in `factors`, 3 is hue. int64.
    """
    blends = _without_hue(order)  # (N, 3): the blends in their order
    chosen = factors.gather(1, blends)
    if turn is None:
        for i in range(3):
            x = adjust(x, chosen[:, i], blends[:, i])
        return x
    place = (order == 3).to(torch.int8).argmax(1)  # how many blends come before the hue
    one = torch.ones_like(chosen[:, 0])
    for i in range(3):
        x = adjust(x, torch.where(place > i, chosen[:, i], one), blends[:, i])
    x = adjust_hue(x, turn)
    for i in range(3):
        x = adjust(x, torch.where(place <= i, chosen[:, i], one), blends[:, i])
    return x


def _without_hue(order: Tensor) -> Tensor:
    """The three operations other than hue, in their order: (N, 3)."""
    later = (order == 3).cumsum(1)[:, :3]  # 1 from the hue's place on: there the next column is meant
    columns = torch.arange(3, device=order.device) + later
    return order.gather(1, columns)


def choose(chosen: Tensor, changed: Tensor, x: Tensor) -> Tensor:
    """The changed image where chosen (bool of shape (N,)), else the image."""
    return torch.where(chosen.view(-1, 1, 1, 1), changed, x)


def solarize(x: Tensor, threshold: float) -> Tensor:
    """1 − x from `threshold` on."""
    return torch.where(x >= threshold, 1 - x, x)


def posterize(x: Tensor, bits: int) -> Tensor:
    """The nearest lower of 2^bits levels."""
    levels = 1 << bits
    return (x * levels).floor().clamp(0, levels - 1) * (1.0 / levels)


def sharpen(x: Tensor, factor: float) -> Tensor:
    """A blend with a 3 × 3 blur; the outermost pixels stay, as do images of at most two pixels."""
    height, width = x.shape[-2:]
    if height <= 2 or width <= 2:
        return x
    inner = x[..., 1:-1, 1:-1]
    blurred = (F.avg_pool2d(x, 3, stride=1) * 9 + 4 * inner) / 13  # weights 1/13 around 5/13
    mixed = (inner + (1 - factor) * (blurred - inner)).clamp(0, 1)
    return F.pad(mixed, (1, 1, 1, 1)) + x * F.pad(torch.zeros_like(x[:1, :1, 1:-1, 1:-1]), (1, 1, 1, 1), value=1.0)


def gaussian_blur(x: Tensor, size: tuple[int, int], sigma: Tensor) -> Tensor:
    """A blur of each image with its own sigma in pixels; `size` is the kernel's width and height; mirrored borders."""
    width, height = size
    x = F.pad(x, (width // 2, width // 2, height // 2, height // 2), mode="reflect")
    return _blur_axis(_blur_axis(x, width, sigma, -1), height, sigma, -2)


def _blur_axis(x: Tensor, size: int, sigma: Tensor, axis: int) -> Tensor:
    """The weighted sum of `size` shifted copies: (N, C, H, W) loses size − 1 along the axis."""
    offsets = torch.arange(size, device=x.device) - (size - 1) / 2
    weights = torch.softmax(-0.5 * (offsets / sigma.unsqueeze(1)) ** 2, dim=1)  # (N, size)
    length = x.shape[axis] - size + 1
    result = torch.zeros_like(x.narrow(axis, 0, length))
    for i in range(size):
        result = torch.addcmul(result, x.narrow(axis, i, length), weights[:, i].view(-1, 1, 1, 1))
    return result
