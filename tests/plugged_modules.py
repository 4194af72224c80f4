"""The modules of the layers of plugged.py. One has the name of a helper of netspec's own, as a stranger's may."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SquaredReLU(nn.Module):
    """max(0, x)²."""

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(x)
        return y * y


class Residual(nn.Module):
    """A factor for each channel."""

    def __init__(self, channels: int, axes: int, init_value: float) -> None:
        super().__init__()
        self.axes = axes
        self.weight = nn.Parameter(torch.full((channels,), init_value))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(-1, *(1 for _ in range(self.axes - 1)))
