"""SNGAN and SAGAN: their blocks written by hand, with torch's own spectral norm."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from tests.zoo.agreement import Apart, agree


def conv(before: int, after: int, kernel: int = 3, *, bias: bool = True) -> nn.Module:
    return spectral_norm(nn.Conv2d(before, after, kernel, 1, kernel // 2, bias=bias))


class Block(nn.Module):
    """Of a discriminator: the first begins without an activation, and pools before its shortcut's convolution."""

    def __init__(self, before: int, after: int, *, down: bool = True, first: bool = False) -> None:
        super().__init__()
        self.down, self.first = down, first
        self.conv1, self.conv2 = conv(before, after), conv(after, after)
        self.shortcut = conv(before, after, 1) if down else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(self.conv1(x if self.first else x.relu()).relu())
        if self.first:
            return F.avg_pool2d(y, 2) + self.shortcut(F.avg_pool2d(x, 2))  # type: ignore[no-any-return]
        return F.avg_pool2d(y + self.shortcut(x), 2) if self.down else y + self.shortcut(x)


class Sum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu().sum((2, 3))


@pytest.mark.slow
def test_sngans_discriminator_is_the_papers() -> None:
    w = 8
    theirs = nn.Sequential(
        Block(3, w, first=True), Block(w, w), Block(w, w, down=False), Block(w, w, down=False),
        Sum(), spectral_norm(nn.Linear(w, 1)),
    )  # fmt: skip
    agree("generative/sngan_discriminator", theirs, set={"width": w, "input": [3, 16, 16]})


class Attention(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (conv(width, width // n, 1, bias=False) for n in (8, 8, 2))
        self.out, self.sigma = conv(width // 2, width, 1, bias=False), nn.Parameter(torch.zeros(1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.theta(x).flatten(2), F.max_pool2d(self.phi(x), 2).flatten(2), F.max_pool2d(self.g(x), 2)
        shares = (q.mT @ k).softmax(-1)
        read = (v.flatten(2) @ shares.mT).unflatten(2, x.shape[2:])
        return x + self.sigma * self.out(read)  # type: ignore[no-any-return]


class Discriminator(nn.Module):
    def __init__(self, w: int, classes: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            Block(3, w, first=True), Block(w, 2 * w), Attention(2 * w), Block(2 * w, 4 * w), Block(4 * w, 8 * w),
            Block(8 * w, 16 * w), Block(16 * w, 16 * w, down=False), Sum(),
        )  # fmt: skip
        self.real = spectral_norm(nn.Linear(16 * w, 1))
        self.classes = spectral_norm(nn.Embedding(classes, 16 * w))

    def forward(self, image: Tensor, label: Tensor) -> Tensor:
        h = self.blocks(image)
        return self.real(h) + (h * self.classes(label)).sum(1, keepdim=True)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_sagans_discriminator_multiplies_with_the_class() -> None:
    apart = Apart(macs=(-64, "its product with the class is taken value by value, and summed"))
    agree("generative/sagan_discriminator", Discriminator(4, 10), apart=apart, set={
        "size": 64, "width": 4, "classes": 10,
    })  # fmt: skip


class Norm(nn.Module):
    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width, affine=False)
        self.gamma, self.beta = nn.Embedding(classes, width), nn.Embedding(classes, width)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        y = self.norm(x) * self.gamma(label)[..., None, None]
        return (y + self.beta(label)[..., None, None]).relu()  # type: ignore[no-any-return]


class Up(nn.Module):
    def __init__(self, before: int, after: int, classes: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = Norm(before, classes), conv(before, after)
        self.norm2, self.conv2 = Norm(after, classes), conv(after, after)
        self.shortcut = conv(before, after, 1)

    def forward(self, x: Tensor, label: Tensor) -> Tensor:
        y = self.conv1(F.interpolate(self.norm1(x, label), scale_factor=2.0))
        y = self.conv2(self.norm2(y, label))
        return y + self.shortcut(F.interpolate(x, scale_factor=2.0))  # type: ignore[no-any-return]


class Generator(nn.Module):
    def __init__(self, w: int, classes: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Linear(128, 256 * w))
        factors = (16, 16, 8, 4, 2, 1)
        self.up = nn.ModuleList(Up(a * w, b * w, classes) for a, b in pairwise(factors))
        self.attention = Attention(4 * w)
        self.last = nn.Sequential(nn.BatchNorm2d(w), nn.ReLU(), conv(w, 3), nn.Tanh())

    def forward(self, noise: Tensor, label: Tensor) -> Tensor:
        x = self.first(noise).unflatten(1, (-1, 4, 4))
        for i, up in enumerate(self.up):
            x = up(x, label)
            x = self.attention(x) if i == 2 else x
        return self.last(x)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_sagans_generator_norms_by_class() -> None:
    agree("generative/sagan_generator", Generator(2, 10), set={"width": 2, "classes": 10})
