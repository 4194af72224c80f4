"""Families of small modules, whose members differ in numbers, counts, blocks, and layers that some have."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Basic(nn.Module):
    """Two convolutions."""

    grows = 1

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.down = nn.Conv2d(width, out, 1, stride) if stride != 1 or width != out else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x)))
        return F.relu(y + (x if self.down is None else self.down(x)))


class Bottleneck(nn.Module):
    """Three convolutions, of which the last is wide."""

    grows = 4

    def __init__(self, width: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 1, bias=False)
        self.conv2 = nn.Conv2d(out, out, 3, stride, 1, bias=False)
        self.conv3 = nn.Conv2d(out, 4 * out, 1, bias=False)
        self.down = nn.Conv2d(width, 4 * out, 1, stride) if stride != 1 or width != 4 * out else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv3(F.relu(self.conv2(F.relu(self.conv1(x)))))
        return F.relu(y + (x if self.down is None else self.down(x)))


class Staged(nn.Module):
    """A stem, three stages of residual blocks, a head."""

    def __init__(self, block: Any, depths: tuple[int, ...], width: int = 4) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, padding=1)
        self.stages = len(depths)
        own = width
        for i, depth in enumerate(depths):
            out = width * 2**i
            layers: list[nn.Module] = []
            for j in range(depth):
                layers.append(block(own, out, 2 if i and not j else 1))
                own = out * block.grows
            setattr(self, f"layer{i + 1}", nn.Sequential(*layers))
        self.fc = nn.Linear(own, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        for i in range(self.stages):
            x = self.get_submodule(f"layer{i + 1}")(x)
        return self.fc(x.mean([2, 3]))


class Features(nn.Module):
    """Stages of convolutions, with a norm behind each or without."""

    def __init__(self, depths: tuple[int, ...], norm: bool, bias: bool = True, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        own = 3
        for i, depth in enumerate(depths):
            for _ in range(depth):
                layers.append(nn.Conv2d(own, 4 * 2**i, 3, padding=1, bias=bias))
                layers += [nn.BatchNorm2d(4 * 2**i), nn.ReLU()] if norm else [nn.ReLU()]
                own = 4 * 2**i
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(own, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x).mean([2, 3]))


class Grown(nn.Module):
    """Stages of layers that see all before them, with a layer between two stages."""

    def __init__(self, depths: tuple[int, ...], growth: int) -> None:
        super().__init__()
        self.features = nn.Sequential()
        own = 2 * growth
        self.features.add_module("conv0", nn.Conv2d(3, own, 3, padding=1))
        for i, depth in enumerate(depths):
            stage = nn.ModuleDict()
            for j in range(depth):
                stage[f"layer{j + 1}"] = nn.Conv2d(own, growth, 3, padding=1)
                own += growth
            self.features.add_module(f"stage{i + 1}", _Joined(stage))
            if i + 1 < len(depths):
                self.features.add_module(f"transition{i + 1}", nn.Conv2d(own, own // 2, 1))
                own //= 2
        self.head = nn.Linear(own, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean([2, 3]))


class _Joined(nn.Module):
    def __init__(self, layers: nn.ModuleDict) -> None:
        super().__init__()
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.children():
            x = torch.cat([x, F.relu(layer(x))], 1)
        return x


class Encoder(nn.Module):
    """A stack of residual layers over the last axis."""

    def __init__(self, width: int, depth: int, act: type[nn.Module] = nn.GELU, drop: float = 0.0) -> None:
        super().__init__()
        self.embed = nn.Linear(6, width)
        self.layers = nn.Sequential(*(Feed(width, act) for _ in range(depth)))
        self.drop = nn.Dropout(drop) if drop else nn.Identity()
        self.head = nn.Linear(width, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.drop(self.layers(self.embed(x))))


class Feed(nn.Module):
    def __init__(self, width: int, act: type[nn.Module]) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.act = act()
        self.down = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.down(self.act(self.up(self.norm(x))))


class Pyramid(nn.Module):
    """Stages, each a module of its own, with as many layers as it is told."""

    def __init__(self, depths: tuple[int, ...]) -> None:
        super().__init__()
        self.stages = nn.Sequential(*(_Stage(4 * 2**i, depth) for i, depth in enumerate(depths)))

    def forward(self, x: Tensor) -> Tensor:
        return self.stages(x)


class _Stage(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.down = nn.Conv2d(max(width // 2, 3), width, 2, 2) if width > 4 else nn.Identity()
        self.blocks = nn.Sequential(*(_Mixed(width) for _ in range(depth)))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.down(x))


class _Mixed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(F.relu(self.norm(x)))
