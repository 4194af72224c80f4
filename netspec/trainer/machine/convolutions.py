"""Faster two-dimensional convolutions on tensor cores, with the same weights, keys and, up to rounding, results.

**Strided convolutions of few channels.** Tensor cores multiply blocks of at least eight channels. A first convolution
has one or three input channels, so cuDNN uses kernels with a fiftieth of the machine's throughput: on an H100, that of
AlexNet took a quarter of the whole step. A convolution with stride s is computed here as one with stride 1 on the
s × s phases of its input, each of them a channel (space-to-depth): 1 × 224 × 224 with an 11 × 11 kernel and stride 4
becomes 16 × 56 × 56 with a 3 × 3 kernel. The products are the same, plus zeros where the kernel is padded to a multiple
of the stride. Ridnik et al. 2020 (arXiv 2003.13630) use this as the SpaceToDepth stem, there in another network.

**ReLU.** PyTorch runs a convolution, its bias and a ReLU as three kernels, each of which reads and writes the whole
feature map; for AlexNet's first layer the last two took longer than the products. cuDNN has one kernel for all three,
which PyTorch exposes (`cudnn_convolution_relu`) without a backward pass; `_conv_relu` adds it. The bias is added before
the result is rounded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netspec.torch.graphs import Graph, RunModule, program

_FEW = 4
"""The most input channels for which computing by phases is faster."""


class Conv2d(nn.Conv2d):
    """`nn.Conv2d` with another implementation. The class has the same name, since recipes select modules by it."""

    by_phases = False
    """Compute by the phases of the input."""
    with_relu = False
    """Apply the `ReLU` that follows, too."""

    def forward(self, input: Tensor) -> Tensor:
        """See `nn.Conv2d`: (N, C, H, W) → (N, C', H', W')."""
        if torch.is_autocast_enabled(input.device.type):
            input = input.to(torch.get_autocast_dtype(input.device.type))  # before `_phases` copies it
        weight, stride, padding = self.weight, self.stride, self.padding
        if self.by_phases:
            input, weight = self._phases(input)
            stride, padding = (1, 1), (0, 0)
        if not self.with_relu:
            return F.conv2d(input, weight, self.bias, stride, padding, self.dilation, self.groups)
        assert self.bias is not None
        with torch.autocast(input.device.type, enabled=False):
            low = weight.to(input.dtype), self.bias.to(input.dtype)
            return _conv_relu(input, *low, stride, padding, self.dilation, self.groups)

    def _phases(self, input: Tensor) -> tuple[Tensor, Tensor]:
        """Input and weight by phases, padded so that the stride divides their sizes: (N, C · s², ·, ·) and
        (C', C · s², ·, ·)."""
        stride = self.stride[0]
        filled = [-(-k // stride) * stride for k in self.kernel_size]
        pads: list[int] = []
        for n, k, size, p in zip(input.shape[-2:], self.kernel_size, filled, self.padding, strict=True):
            steps = (n + 2 * int(p) - k) // stride
            pads = [int(p), steps * stride + size - n - int(p), *pads]  # F.pad counts from the last axis
        weight = F.pad(self.weight, (0, filled[1] - self.kernel_size[1], 0, filled[0] - self.kernel_size[0]))
        return _phases(F.pad(input, pads), stride), _phases(weight, stride)


def _phases(x: Tensor, stride: int) -> Tensor:
    """(N, C, H, W) → (N, C · s², H / s, W / s) as `pixel_unshuffle`, with one copy, in channels-last memory format."""
    n, c, h, w = x.shape
    parts = x.reshape(n, c, h // stride, stride, w // stride, stride).permute(0, 2, 4, 1, 3, 5)
    return parts.reshape(n, h // stride, w // stride, c * stride**2).permute(0, 3, 1, 2)


@torch.library.custom_op("netspec::convolution_relu", mutates_args=())
def _conv_relu(
    x: Tensor, weight: Tensor, bias: Tensor,
    stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int,
) -> Tensor:  # fmt: skip
    """ReLU(conv2d(x, weight, bias)) for tensors of one dtype. An operation of its own, so that `torch.compile` keeps
    it whole."""
    return fused(x, weight, bias, stride, padding, dilation, groups)


@_conv_relu.register_fake  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
def _(x: Tensor, weight: Tensor, bias: Tensor, *geometry: Any) -> Tensor:
    return F.conv2d(x, weight, bias, *geometry)


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, weight, _, *geometry, groups = inputs
    ctx.save_for_backward(x, weight, output)
    ctx.geometry = (*geometry, False, (0, 0), groups)


def _gradients(ctx: Any, gradient: Tensor) -> Any:
    x, weight, y = ctx.saved_tensors
    gradient = torch.ops.aten.threshold_backward(gradient, y, 0)
    found = torch.ops.aten.convolution_backward(
        gradient, x, weight, [weight.shape[0]], *ctx.geometry, ctx.needs_input_grad[:3]
    )
    return *found, None, None, None, None


_conv_relu.register_autograd(_gradients, setup_context=_save)  # pyright: ignore[reportUnknownMemberType]  # likewise


def fused(x: Tensor, weight: Tensor, bias: Tensor, stride: Any, padding: Any, dilation: Any, groups: int) -> Tensor:
    """cuDNN's fused kernel of convolution, bias and ReLU."""
    return torch.ops.aten.cudnn_convolution_relu(x, weight, bias, stride, padding, dilation, groups)


class ReLU(nn.ReLU):
    """An `nn.ReLU` that the convolution before it already applies: the identity."""

    def forward(self, input: Tensor) -> Tensor:
        """The input, unchanged."""
        return input


def suit_tensor_cores(model: nn.Module) -> None:
    """Switch the suitable convolutions of a model to the implementations of this module, in place.

    Args:
        model: the model, on its device. Parameters and keys are not changed.
    """
    for module in model.modules():
        if plain(module) and few(module):
            _ours(module).by_phases = True
    runs = [_run(parent) for parent in model.modules()]
    uses = Counter(module for run in runs for module in run)
    for before, after in (pair for run in runs for pair in pairwise(run)):
        if plain(before) and before.bias is not None and type(after) is nn.ReLU and uses[before] == uses[after] == 1:
            _ours(before).with_relu = True
            after.__class__ = ReLU


def _run(parent: nn.Module) -> list[nn.Module | None]:
    """What a module runs, in that order; None between two of which the second does not take the output of the first
    alone."""
    if isinstance(parent, Graph):
        return [parent.get_submodule(step.key) if isinstance(step, RunModule) else None for step in program(parent)]
    if isinstance(parent, nn.Sequential):
        return list(parent)
    return [part for module in parent.children() for part in (module, None)]


def _ours(module: nn.Conv2d) -> Conv2d:
    """Change the module's class to the `Conv2d` of this module."""
    module.__class__ = Conv2d
    return cast(Conv2d, module)


def plain(module: nn.Module | None) -> TypeGuard[nn.Conv2d]:
    """Whether a module is an `nn.Conv2d` with zero padding given as numbers."""
    return (
        isinstance(module, nn.Conv2d)
        and type(module) in (nn.Conv2d, Conv2d)
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )


def few(module: nn.Conv2d) -> bool:
    """Whether a plain convolution is faster by phases: few channels, and one stride of two or more."""
    return (
        module.in_channels <= _FEW
        and module.groups == 1
        and module.stride[0] == module.stride[1] >= 2
        and module.dilation == (1, 1)
        and min(module.kernel_size) >= module.stride[0]
    )
