"""The modules of layers that choose values by others. No class depends on another: the Python emitter copies their
source."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MaskedFill(nn.Module):
    """Puts one number where a mask is true."""

    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        if x.dtype == torch.float16:  # which does not hold -1e9
            return torch.where(mask, self.value, x)
        return x.masked_fill(mask, self.value)

    def extra_repr(self) -> str:
        return f"value={self.value}"


class Where(nn.Module):
    """Takes each value where the condition is true, and the other one where it is false."""

    def forward(self, x: Tensor, condition: Tensor, other: Tensor) -> Tensor:
        return torch.where(condition, x, other)


class Gather(nn.Module):
    """Takes the places of the first axis that each example names for itself."""

    def forward(self, x: Tensor, index: Tensor) -> Tensor:
        examples = torch.arange(len(x), device=x.device).reshape(-1, *(1 for _ in index.shape[1:]))
        return x[examples, index]


class ArgMax(nn.Module):
    """The place of the largest value along one axis."""

    def __init__(self, dim: int, keepdim: bool = False) -> None:
        super().__init__()
        self.dim = dim
        self.keepdim = keepdim

    def forward(self, x: Tensor) -> Tensor:
        return x.argmax(self.dim, self.keepdim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, keepdim={self.keepdim}"
