"""Strided convolutions of few channels, computed as a GPU's matrix units want them.

Tensor cores multiply blocks of at least eight channels. A first convolution has one or three, so cuDNN falls back on
kernels that use a fiftieth of the machine: on an H100 AlexNet's took a quarter of the whole step. A convolution of
stride s is the same as one of stride 1 on the s × s phases of its input, each a channel of its own: 1 × 224 × 224 with
an 11 × 11 kernel and stride 4 becomes 16 × 57 × 57 with a 3 × 3 kernel. The products are the same ones, and zeros where
the kernel is filled up to a multiple of the stride; only the order in which they are summed differs. Known from
Ridnik et al. 2020 (arXiv 2003.13630) as SpaceToDepth stem, there as another network; here weights, keys and results
stay.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_FEW = 4
"""Input channels up to which it pays."""


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` by the phases of its input; of the same name, since recipes name modules by their class."""

    def forward(self, input: Tensor) -> Tensor:
        """See `nn.Conv2d`: (N, C, H, W) gives (N, C', H', W'), channels last in memory."""
        stride = self.stride[0]
        if torch.is_autocast_enabled(input.device.type):
            input = input.to(torch.get_autocast_dtype(input.device.type))  # before it is moved around
        sizes = [_filled(k, stride) for k in self.kernel_size]
        pads: list[int] = []
        for n, k, size, p in zip(input.shape[-2:], self.kernel_size, sizes, self.padding, strict=True):
            steps = (n + 2 * int(p) - k) // stride
            pads = [int(p), steps * stride + size - n - int(p), *pads]  # F.pad counts from the last axis
        weight = F.pad(self.weight, (0, sizes[1] - self.kernel_size[1], 0, sizes[0] - self.kernel_size[0]))
        return F.conv2d(_phases(F.pad(input, pads), stride), _phases(weight, stride), self.bias)


def _filled(kernel: int, stride: int) -> int:
    """The kernel's size, filled up with zeros to a multiple of the stride."""
    return -(-kernel // stride) * stride


def _phases(x: Tensor, stride: int) -> Tensor:
    """(N, C, H, W) → (N, C · s², H / s, W / s), as `pixel_unshuffle`, in one copy that has the channels last."""
    n, c, h, w = x.shape
    parts = x.reshape(n, c, h // stride, stride, w // stride, stride).permute(0, 2, 4, 1, 3, 5)
    return parts.reshape(n, h // stride, w // stride, c * stride**2).permute(0, 3, 1, 2)


def suits(module: nn.Module) -> bool:
    """Whether a module is a convolution that is faster so: two-dimensional, of few channels, with one stride of two or
    more, and nothing but zeros around the picture."""
    return (
        type(module) is nn.Conv2d
        and module.in_channels <= _FEW
        and module.groups == 1
        and module.stride[0] == module.stride[1] >= 2
        and module.dilation == (1, 1)
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
        and min(module.kernel_size) >= module.stride[0]
    )


def use_phases(model: nn.Module) -> None:
    """Let the convolutions of a model that suit compute by phases; parameters and keys stay what they are."""
    for module in model.modules():
        if suits(module):
            module.__class__ = Conv2d
