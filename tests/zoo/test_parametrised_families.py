"""Networks whose weights are computed of other parameters: small ones are modules written by hand from their papers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from tests.zoo.agreement import Apart, agree


class Standardised(nn.Conv2d):
    """A convolution whose weights of each output have mean 0 and variance 1, or with a gain gain² / fan-in."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1, *, gain: bool) -> None:
        super().__init__(before, after, kernel, stride, 0 if gain else kernel // 2, groups=groups, bias=gain)
        self.gain = nn.Parameter(torch.ones(after, 1, 1, 1)) if gain else None

    def forward(self, x: Tensor) -> Tensor:
        variance, mean = torch.var_mean(self.weight, (1, 2, 3), correction=0, keepdim=True)
        weight = (self.weight - mean) / (variance + (1e-8 if self.gain is None else 1e-5)).sqrt()
        if self.gain is not None:
            weight = weight * self.gain * weight[0].numel() ** -0.5
            short = self.kernel_size[0] - self.stride[0]  # as TensorFlow pads "SAME" where the stride divides
            x = F.pad(x, [short // 2, short - short // 2] * 2)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, groups=self.groups)


class PreActivated(nn.Module):
    """A block whose shortcut, if it has weights, takes what is activated."""

    def __init__(self, activation: nn.Module, shortcut: nn.Module | None, branch: nn.Module) -> None:
        super().__init__()
        self.activation, self.shortcut, self.branch = activation, shortcut, branch

    def forward(self, x: Tensor) -> Tensor:
        y = self.activation(x)
        return (x if self.shortcut is None else self.shortcut(y)) + self.branch(y)  # type: ignore[no-any-return]


def norm(width: int) -> nn.Sequential:
    return nn.Sequential(nn.GroupNorm(32, width), nn.ReLU())


def test_bit_normalises_groups_and_weights() -> None:
    def conv(before: int, after: int, kernel: int = 1, stride: int = 1) -> Standardised:
        return Standardised(before, after, kernel, stride, gain=False)

    def block(before: int, out: int, stride: int) -> PreActivated:
        mid = out // 4
        branch = nn.Sequential(conv(before, mid), norm(mid), conv(mid, mid, 3, stride), norm(mid), conv(mid, out))
        return PreActivated(norm(before), None if before == out else conv(before, out, 1, stride), branch)

    theirs = nn.Sequential(
        conv(3, 64, 7, 2), nn.ConstantPad2d(1, 0.0), nn.MaxPool2d(3, 2),
        block(64, 256, 1), block(256, 256, 1), block(256, 512, 2), block(512, 512, 1),
        norm(512), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 7),
    )  # fmt: skip
    agree("vision/bit", theirs, set={"input": [3, 32, 32], "depths": [2, 2], "classes": 7})


class Scaled(nn.Module):
    """GELU, with the factor that keeps the variance of normal numbers, divided by an expected deviation."""

    def __init__(self, variance: float = 1.0) -> None:
        super().__init__()
        self.factor = 1.7015043497085571 / variance**0.5

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x) * self.factor


class NFNetBranch(nn.Module):
    def __init__(self, before: int, out: int, stride: int, groups: int) -> None:
        super().__init__()
        mid = out // 2
        self.convs = nn.Sequential(
            Standardised(before, mid, 1, gain=True), Scaled(),
            Standardised(mid, mid, 3, stride, groups, gain=True), Scaled(),
            Standardised(mid, mid, 3, 1, groups, gain=True), Scaled(),
            Standardised(mid, out, 1, gain=True),
        )  # fmt: skip
        self.squeeze, self.excite = nn.Conv2d(out, mid, 1), nn.Conv2d(mid, out, 1)
        self.skip = nn.Parameter(torch.zeros(1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        y = self.convs(x)
        weighed = y * self.excite(self.squeeze(y.mean((2, 3), keepdim=True)).relu()).sigmoid()
        return 0.4 * self.skip * weighed  # type: ignore[no-any-return]


@pytest.mark.slow
def test_nfnet_expects_variances() -> None:
    """The expectation grows by 0.04 with each block, and the first block of a stage takes it back to 1."""

    def block(before: int, out: int, stride: int, variance: float, *, first: bool = False) -> PreActivated:
        pool = [nn.AvgPool2d(2)] if stride == 2 else []
        shortcut = nn.Sequential(*pool, Standardised(before, out, 1, gain=True)) if first else None
        return PreActivated(Scaled(variance), shortcut, NFNetBranch(before, out, stride, out // 2 // 8))

    stem = [Standardised(*sizes, gain=True) for sizes in ((3, 16, 3, 2), (16, 32, 3), (32, 64, 3), (64, 128, 3, 2))]
    theirs = nn.Sequential(
        stem[0], Scaled(), stem[1], Scaled(), stem[2], Scaled(), stem[3],
        block(128, 16, 1, 1.0, first=True), block(16, 16, 1, 1.04), block(16, 16, 1, 1.08),
        block(16, 32, 2, 1.12, first=True), block(32, 32, 1, 1.04),
        Standardised(32, 64, 1, gain=True), Scaled(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 7),
    )  # fmt: skip
    agree("vision/nfnet", theirs, set={
        "size": 32, "depths": [3, 2], "widths": [16, 32], "group": 8, "classes": 7,
    })  # fmt: skip


class CausalLevel(nn.Module):
    """As the authors' code: what a padding on both sides adds is cut off behind."""

    def __init__(self, before: int, after: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.first, self.second = (
            weight_norm(nn.Conv1d(width, after, kernel, padding=(kernel - 1) * dilation, dilation=dilation))
            for width in (before, after)
        )
        self.shortcut = nn.Identity() if before == after else nn.Conv1d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)[..., : x.shape[-1]].relu()
        y = self.second(y)[..., : x.shape[-1]].relu()
        return (y + self.shortcut(x)).relu()  # type: ignore[no-any-return]


class Rows(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mT


def test_tcn_learns_lengths_and_directions() -> None:
    levels = [CausalLevel(88, 6, 3, 1), CausalLevel(6, 6, 3, 2), CausalLevel(6, 8, 3, 4)]
    theirs = nn.Sequential(*levels, Rows(), nn.Linear(8, 88))
    apart = Apart(macs=(6936, "what its padding on both sides adds is computed, and cut off"))
    agree("audio/tcn_training", theirs, set={"widths": [6, 6, 8], "kernel": 3, "length": 20}, apart=apart)
