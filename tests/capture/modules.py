"""Small modules, as people write them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    """A residual block, with a projection where the shape changes."""

    def __init__(self, width: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)
        self.shortcut = None
        if stride != 1 or width != out:
            self.shortcut = nn.Sequential(nn.Conv2d(width, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.shortcut is not None:
            identity = self.shortcut(x)
        out += identity
        return self.relu(out)


class Residual(nn.Module):
    """A stem, four blocks, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.stages = nn.Sequential(Block(8, 8), Block(8, 16, 2), Block(16, 16), Block(16, 32, 2))
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(F.relu(self.stem(x)))
        return self.head(x.mean([2, 3]))


class Dense(nn.Module):
    """Layers whose results are joined, in a list that is run through by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(4 + 4 * i, 4, 3, padding=1) for i in range(3))
        self.drop = 0.3

    def forward(self, x: Tensor) -> Tensor:
        found = [x]
        for layer in self.layers:
            found.append(F.dropout(F.gelu(layer(torch.cat(found, 1))), self.drop, self.training))
        return torch.cat(found, dim=1).flatten(1)


class Attention(nn.Module):
    """Attention by hand, with a learned token, positions and scale."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.position = nn.Parameter(torch.zeros(1, 10, 16))
        self.gamma = nn.Parameter(torch.ones(16))
        self.norm = nn.LayerNorm(16)
        self.qkv = nn.Linear(16, 48)
        self.out = nn.Linear(16, 16)

    def forward(self, x: Tensor) -> Tensor:
        n = x.shape[0]
        x = torch.cat([self.token.expand(n, -1, -1), x], 1) + self.position
        q, k, v = self.qkv(self.norm(x)).reshape(n, 10, 3, 4, 4).permute(2, 0, 3, 1, 4).unbind(0)
        scores = (q * 0.5) @ k.transpose(-2, -1)
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, 10, 16)
        return (x + self.gamma * self.out(y))[:, 0]


class SequenceFirst(nn.Module):
    """torch's own transformer layers, which have the batch in second place."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1), 2, enable_nested_tensor=False
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x.transpose(0, 1)).transpose(0, 1).mean(1)


class Shuffle(nn.Module):
    """Halves of the channels, one of which is computed, shuffled."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(nn.Conv2d(4, 4, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        a, b = x.chunk(2, dim=1)
        x = torch.cat((a, self.branch(b)), 1)
        n, c, h, w = x.size()
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)


class Shared(nn.Module):
    """One layer that runs twice, and two results."""

    def __init__(self) -> None:
        super().__init__()
        self.step = nn.Linear(6, 6)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x = torch.tanh(self.step(x))
        x = torch.tanh(self.step(x))
        return x - y, x * y


class NormOfChannels(nn.LayerNorm):
    """A subclass that computes something else."""

    def forward(self, input: Tensor) -> Tensor:
        x = F.layer_norm(input.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


def around(forward: Callable[..., Any], *parts: nn.Module) -> nn.Module:
    """A module with these layers as `a`, `b` and so on, whose `forward` is a function of it and its input."""

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, part in zip("abcdef", parts, strict=False):
                self.add_module(name, part)

        def forward(self, *inputs: Tensor) -> Any:
            return forward(self, *inputs)

    return Around()


@contextmanager
def at_home(home: Path, patch: pytest.MonkeyPatch, name: str, program: str, others: Collection[str]) -> Generator[Path]:
    """Work in a directory with a program `NAME.py`, of which no module is known afterwards, and none of `others`."""
    patch.chdir(home)
    patch.setattr(sys, "path", [str(home), *sys.path])
    (home / f"{name}.py").write_text(program)
    before = set(sys.modules)
    yield home
    for module in (set(sys.modules) - before) & {name, f"_{name}", *others}:
        del sys.modules[module]
