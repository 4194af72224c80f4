"""Networks that read an image at several scales: pyramids written by hand, on the backbones of torchvision."""

from __future__ import annotations

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from tests.zoo.agreement import agree


def norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)


def separable(before: int, after: int, *, bias: bool = False) -> nn.Sequential:
    depthwise = nn.Conv2d(before, before, 3, 1, 1, groups=before, bias=False)
    return nn.Sequential(depthwise, nn.Conv2d(before, after, 1, bias=bias))


class Fused(nn.Module):
    """Equation (4) of the paper, "fast normalized fusion", and the convolution behind it."""

    def __init__(self, laterals: tuple[int, ...], width: int, others: int) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, width, 1, bias=False), norm(width)) if before != width else nn.Identity()
            for before in laterals
        )
        self.shares = nn.Parameter(torch.ones(len(laterals) + others))
        self.conv = nn.Sequential(nn.SiLU(), separable(width, width), norm(width))

    def forward(self, outer: Tensor, *others: Tensor) -> Tensor:
        maps = [lateral(outer) for lateral in self.laterals] + list(others)
        shares = self.shares.relu()
        total = sum(share * each for share, each in zip(shares, maps, strict=True))
        return self.conv(total / (shares.sum() + 1e-4))  # type: ignore[no-any-return]


class BiFPN(nn.Module):
    """From maps of five levels to as many: down, then up again with what came in."""

    def __init__(self, before: tuple[int, ...], width: int) -> None:
        super().__init__()
        self.down = nn.ModuleList(Fused((before[i],), width, 1) for i in (3, 2, 1, 0))
        self.up = nn.ModuleList(Fused((before[i],), width, 2 if i < 4 else 1) for i in (1, 2, 3, 4))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        middle = {4: maps[4]}
        for i, node in zip((3, 2, 1, 0), self.down, strict=True):
            middle[i] = node(maps[i], F.interpolate(middle[i + 1], scale_factor=2.0))
        found = [middle[0]]
        for i, node in zip((1, 2, 3, 4), self.up, strict=True):
            found.append(node(maps[i], *([middle[i]] if i < 4 else []), F.max_pool2d(found[-1], 3, 2, 1)))
        return found


class Head(nn.Module):
    """Convolutions for all levels, norms for each."""

    def __init__(self, width: int, repeats: int, columns: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList(separable(width, width) for _ in range(repeats))
        self.norms = nn.ModuleList(nn.ModuleList(norm(width) for _ in range(repeats)) for _ in range(5))
        self.last = separable(width, 9 * columns, bias=True)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        found = []
        for x, norms in zip(maps, self.norms, strict=True):
            for conv, each in zip(self.convs, norms, strict=True):
                x = F.silu(each(conv(x)))
            found.append(self.last(x))
        return found


class EfficientDet(nn.Module):
    def __init__(self, classes: int, width: int, cells: int, repeats: int) -> None:
        super().__init__()
        self.backbone = torchvision.models.efficientnet_b0().features[:8]
        self.lateral = nn.Sequential(nn.Conv2d(320, width, 1, bias=False), norm(width))
        widths = [(40, 112, 320, width, width)] + [(width,) * 5] * (cells - 1)
        self.cells = nn.ModuleList(BiFPN(before, width) for before in widths)
        self.classes, self.boxes = Head(width, repeats, classes), Head(width, repeats, 4)

    def forward(self, image: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        maps, x = [], image
        for i, layer in enumerate(self.backbone):
            x = layer(x)
            maps += [x] if i in (3, 5, 7) else []
        maps.append(F.max_pool2d(self.lateral(x), 3, 2, 1))
        maps.append(F.max_pool2d(maps[-1], 3, 2, 1))
        for cell in self.cells:
            maps = cell(maps)
        return self.classes(maps), self.boxes(maps)


def test_efficientdet_shares_convolutions_and_not_norms() -> None:
    agree("vision/efficientdet", EfficientDet(3, 16, 2, 2), set={
        "size": 128, "maps": 16, "cells": 2, "repeats": 2, "classes": 3,
    })  # fmt: skip
