"""What carries out the parts of plugged_recipes.py."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import Dataset

Pair = tuple[Tensor, Tensor]


def tolerant_loss(output: Tensor, target: Tensor, q: float) -> Tensor:
    """The mean for scores (N, classes) and classes (N,)."""
    log_p = F.log_softmax(output, dim=1).gather(1, target.unsqueeze(1)).squeeze(1)
    return ((1 - (q * log_p).exp()) / q).mean()


class RelativeLoss(nn.Module):
    """Mean of |output − target| / (|target| + eps)."""

    eps: Tensor

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.register_buffer("eps", torch.tensor(eps))

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        return ((output - target).abs() / (target.abs() + self.eps)).mean()


def margin(output: Tensor, target: Tensor, most: float) -> Tensor:
    """The mean for scores (N, classes) and classes (N,)."""
    right = output.gather(1, target.unsqueeze(1))
    others = output.scatter(1, target.unsqueeze(1), -torch.inf).amax(1, keepdim=True)
    return (right - others).clamp(-most, most).mean()


class Worst:
    """The largest cross entropy of an example of a set."""

    def __init__(self) -> None:
        self.largest = 0.0

    def reset(self) -> None:
        self.largest = 0.0

    def update(self, output: Tensor, target: Tensor) -> None:
        self.largest = max(self.largest, float(F.cross_entropy(output, target, reduction="none").max()))

    def compute(self) -> float:
        return self.largest


def halve(x: Tensor) -> Tensor:
    """Every second row and column."""
    return x[:, :, ::2, ::2]


class RandomScanlines(nn.Module):
    """Images (N, C, H, W), some of them with dark rows; `u` (N, 1) says which."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor, u: Tensor) -> Tensor:
        rows = (torch.arange(x.shape[2], device=x.device) % 2).view(1, 1, -1, 1)
        drawn = (u[:, 0] < self.p).view(-1, 1, 1, 1)
        return torch.where(drawn & (rows == 1), torch.zeros_like(x), x)


def ring(number: int, size: int) -> Pair:
    """An image (1, size, size) and its class."""
    generator = torch.Generator().manual_seed(number)
    axis = torch.arange(size) - size / 2 + 0.5
    distance = (axis.view(-1, 1) ** 2 + axis**2).sqrt()
    near = ((distance - (number % 4 + 1) * size / 10).abs() < 1).float()
    x = 0.4 * near + 0.6 * torch.rand(size, size, generator=generator)
    return (255 * x).to(torch.uint8).unsqueeze(0), torch.tensor(number % 4)


class Made(Dataset[Pair]):
    """Rings that are made when they are asked for."""

    def __init__(self, first: int, count: int, size: int) -> None:
        self.first, self.count, self.size = first, count, size

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Pair:
        return ring(self.first + index, self.size)


def rings(size: int, train: int, test: int, lazy: bool) -> dict[str, Any]:
    """Both parts: Datasets, or pairs of tensors."""
    parts: dict[str, Any] = {"train": Made(0, train, size), "test": Made(train, test, size)}
    return parts if lazy else {name: _stacked(part) for name, part in parts.items()}


def _stacked(part: Made) -> Pair:
    x, y = zip(*(part[i] for i in range(len(part))), strict=True)
    return torch.stack(x), torch.stack(y)


def slopes() -> dict[str, Pair]:
    """Points (N, 2) and their values (N, 1)."""
    generator = torch.Generator().manual_seed(5)

    def part(count: int) -> Pair:
        x = torch.rand(count, 2, generator=generator)
        return x, x.sum(1, keepdim=True) + 1

    return {"train": part(32), "validation": part(8), "test": part(8)}
