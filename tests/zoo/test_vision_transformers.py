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


class TNTAttention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qk, self.value = nn.Linear(width, 2 * width, bias=False), nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k = self.qk(x).chunk(2, -1)
        q, k, v = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (q, k, self.value(x)))
        shares = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1)
        return self.out((shares @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class TNT(nn.Module):
    """Equations (4) to (8): all patches' pixels are one batch, of 16 places each."""

    def __init__(self, width: int, heads: int, inner: int, depth: int, patches: int) -> None:
        super().__init__()

        def layer(width: int, heads: int) -> nn.Sequential:
            attention = Residual(nn.LayerNorm(width), TNTAttention(width, heads))
            mlp = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            return nn.Sequential(attention, Residual(*mlp))

        def of_pixels(bias: bool) -> nn.Sequential:
            return nn.Sequential(nn.LayerNorm(16 * inner), nn.Linear(16 * inner, width, bias=bias), nn.LayerNorm(width))

        self.conv, self.places = nn.Conv2d(3, inner, 7, 4, 3), nn.Parameter(torch.zeros(1, inner, 4, 4))
        self.first, self.token = of_pixels(bias=True), nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, patches + 1, width))
        self.inner = nn.ModuleList(layer(inner, 4) for _ in range(depth))
        self.told = nn.ModuleList(of_pixels(bias=False) for _ in range(depth))
        self.outer = nn.ModuleList(layer(width, heads) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 7)

    def forward(self, image: Tensor) -> Tensor:
        n = len(image)
        patches = F.unfold(image, 16, stride=16).mT.reshape(-1, 3, 16, 16)
        pixels = (self.conv(patches) + self.places).flatten(2).mT
        rows = self.first(pixels.reshape(n, -1, pixels[0].numel()))
        x = torch.cat([self.token.expand(n, -1, -1), rows], 1) + self.positions
        for inner, told, outer in zip(self.inner, self.told, self.outer, strict=True):
            pixels = inner(pixels)
            x = torch.cat([x[:, :1], x[:, 1:] + told(pixels.reshape(n, -1, pixels[0].numel()))], 1)
            x = outer(x)
        return self.head(self.norm(x)[:, 0])  # type: ignore[no-any-return]


def test_tnt_attends_inside_of_patches() -> None:
    agree("vision/tnt", TNT(12, 3, 8, 2, 4), set={
        "input": [3, 32, 32], "width": 12, "heads": 3, "inner": 8, "depth": 2, "classes": 7,
    })  # fmt: skip
