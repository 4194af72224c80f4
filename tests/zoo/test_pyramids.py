"""Networks that read an image at several scales: pyramids written by hand, on the backbones of torchvision."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from tests.zoo.agreement import Apart, agree


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


@pytest.mark.slow
def test_efficientdet_shares_convolutions_and_not_norms() -> None:
    apart = Apart(macs=(-29_888, "its maps are weighed and added one by one, and not by a product"))
    agree("vision/efficientdet", EfficientDet(3, 16, 2, 2), apart=apart, set={
        "size": 128, "maps": 16, "cells": 2, "repeats": 2, "classes": 3,
    })  # fmt: skip


class Stages(nn.Module):
    """torchvision's ResNet of basic blocks → its maps, from half of the image's size to a thirty-second."""

    def __init__(self, depths: list[int]) -> None:
        super().__init__()
        net = torchvision.models.resnet.ResNet(torchvision.models.resnet.BasicBlock, depths)
        first = nn.Sequential(net.conv1, net.bn1, net.relu)
        stages = nn.Sequential(net.maxpool, net.layer1), net.layer2, net.layer3, net.layer4
        self.stages = nn.ModuleList([first, *stages])

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = [x]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]


def double(before: int, after: int) -> nn.Sequential:
    layers = ((nn.Conv2d(a, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()) for a in (before, after))
    return nn.Sequential(*(layer for three in layers for layer in three))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = Stages([1, 2, 1, 1])
        widths = ((512 + 256, 256), (256 + 128, 128), (128 + 64, 64), (64 + 64, 32), (32, 16))
        self.up = nn.ModuleList(double(before, after) for before, after in widths)
        self.last = nn.Conv2d(16, 3, 3, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        *maps, x = self.down(image)
        for up in self.up:
            x = F.interpolate(x, scale_factor=2.0)
            x = up(torch.cat([x, maps.pop()], 1) if maps else x)
        return self.last(x)  # type: ignore[no-any-return]


def test_a_unet_joins_the_maps_of_a_resnet() -> None:
    agree("graphs/unet_resnet34", UNet(), set={"input": [3, 64, 64], "depths": [1, 2, 1, 1], "classes": 3})


class PixelFPN(nn.Module):
    def __init__(self, width: int, merged: int) -> None:
        super().__init__()
        self.down = Stages([1, 2, 1, 1])
        self.lateral = nn.ModuleList(nn.Conv2d(before, width, 1) for before in (512, 256, 128, 64))
        self.convs = nn.ModuleList(
            nn.ModuleList(self.conv(merged if i else width, merged) for i in range(times)) for times in (3, 2, 1, 1)
        )
        self.last = nn.Conv2d(merged, 3, 1)

    @staticmethod
    def conv(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(before, after, 3, 1, 1, bias=False), nn.GroupNorm(32, after), nn.ReLU())

    def forward(self, image: Tensor) -> Tensor:
        maps = self.down(image)
        pyramid: list[Tensor] = []
        for lateral in self.lateral:
            x = lateral(maps.pop())
            pyramid.append(x + F.interpolate(pyramid[-1], scale_factor=2.0) if pyramid else x)
        total: Tensor | float = 0.0
        for x, convs in zip(pyramid, self.convs, strict=True):
            for conv in convs:
                x = conv(x)
                if x.shape[-1] < pyramid[-1].shape[-1]:
                    x = F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)
            total = total + x
        return F.interpolate(self.last(total), scale_factor=4.0, mode="bilinear", align_corners=True)


@pytest.mark.slow
def test_a_feature_pyramid_of_a_resnet_says_pixels() -> None:
    agree("graphs/fpn_resnet34", PixelFPN(16, 32), set={
        "input": [3, 64, 64], "depths": [1, 2, 1, 1], "classes": 3, "width": 16, "merged": 32,
    })  # fmt: skip
