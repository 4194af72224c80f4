"""Transformers of `specs/vision` beside convolutions and inside of patches; each is written by hand from its paper."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.agreement import Residual, agree


class MBConv(nn.Module):
    def __init__(self, before: int, out: int, stride: int) -> None:
        super().__init__()
        wide = 4 * out
        self.first = nn.Sequential(
            nn.BatchNorm2d(before), nn.Conv2d(before, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.GELU(),
            nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.GELU(),
        )  # fmt: skip
        self.squeeze, self.excite = nn.Conv2d(wide, out // 4, 1), nn.Conv2d(out // 4, wide, 1)
        self.last = nn.Conv2d(wide, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = self.first(x)
        factors = self.excite(F.silu(self.squeeze(y.mean((2, 3), keepdim=True)))).sigmoid()
        return self.last(y * factors)  # type: ignore[no-any-return]


class RelativeAttention(nn.Module):
    """Of n × n places: equation (3) of the paper, with one learned number for each head and distance."""

    def __init__(self, width: int, out: int, head: int, n: int) -> None:
        super().__init__()
        self.head = head
        self.qkv, self.table = nn.Linear(width, 3 * out), nn.Embedding((2 * n - 1) ** 2, out // head)
        self.out = nn.Linear(out, out)
        places = torch.cartesian_prod(torch.arange(n), torch.arange(n))
        away = places[:, None] - places[None] + n - 1
        self.register_buffer("away", away[..., 0] * (2 * n - 1) + away[..., 1], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (-1, 3 * self.head)).transpose(1, 2).chunk(3, -1)
        scores = q @ k.mT * self.head**-0.5 + self.table(self.away).permute(2, 0, 1)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def feed_forward(width: int) -> Residual:
    layers = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
    return Residual(nn.LayerNorm(width, 1e-6), *layers)


class ToRows(nn.Module):
    """The mean of each four places, row by row."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2).flatten(2).mT


class OfChannels(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Sum(nn.Module):
    """The first layer of a stage."""

    def __init__(self, shortcut: nn.Module, body: nn.Module) -> None:
        super().__init__()
        self.shortcut, self.body = shortcut, body

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.body(x)  # type: ignore[no-any-return]


class ToMap(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mT.unflatten(2, (5, 5))


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def test_coatnet_attends_where_maps_are_small() -> None:
    """80 pixels: maps of 20 and 10 places for the convolutions, of 5 and 2 for the attention."""

    def convolutions(before: int, out: int) -> Sum:
        return Sum(nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, out, 1)), MBConv(before, out, 2))

    def attention(before: int, out: int, n: int) -> Sum:
        body = OfChannels(before, 1e-6), ToRows(), RelativeAttention(before, out, 4, n)
        return Sum(nn.Sequential(ToRows(), nn.Linear(before, out)), nn.Sequential(*body))

    stem = nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.GELU(), nn.Conv2d(6, 6, 3, 1, 1, bias=False)
    theirs = nn.Sequential(
        *stem,
        convolutions(6, 8), Residual(MBConv(8, 8, 1)), convolutions(8, 12),
        attention(12, 16, 5), feed_forward(16),
        Residual(nn.LayerNorm(16, 1e-6), RelativeAttention(16, 16, 4, 5)), feed_forward(16), ToMap(),
        attention(16, 24, 2), feed_forward(24),
        Mean(), nn.LayerNorm(24, 1e-6), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 7),
    )  # fmt: skip
    agree("vision/coatnet", theirs, set={
        "input": [3, 80, 80], "stem": 6, "widths": [8, 12, 16, 24], "depths": [2, 1, 2, 1], "head": 4, "classes": 7,
    })  # fmt: skip
