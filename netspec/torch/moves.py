"""The modules of layers that move values. No class depends on another: the Python emitter copies their source."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Roll(nn.Module):
    """Moves values along axes: `Roll(1, 2)` is `x.roll(1, 2)`."""

    def __init__(self, shifts: int | tuple[int, ...], dims: int | tuple[int, ...]) -> None:
        super().__init__()
        self.shifts = shifts
        self.dims = dims

    def forward(self, x: Tensor) -> Tensor:
        return torch.roll(x, self.shifts, self.dims)

    def extra_repr(self) -> str:
        return f"{self.shifts}, {self.dims}"


class IndexSelect(nn.Module):
    """The places of an axis that `index` names: `IndexSelect(1, [2, 0])` is `x[:, [2, 0]]`; lists of lists make several
    axes of one."""

    index: Tensor

    def __init__(self, dim: int, index: Any) -> None:
        super().__init__()
        self.dim = dim
        self.register_buffer("index", torch.tensor(index), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x[(*[slice(None)] * (self.dim % x.ndim), self.index)]

    def extra_repr(self) -> str:
        return f"dim={self.dim}, index={tuple(self.index.shape)}"


class Tril(nn.Module):
    """Zeros above a diagonal of the last two axes."""

    def __init__(self, diagonal: int = 0) -> None:
        super().__init__()
        self.diagonal = diagonal

    def forward(self, x: Tensor) -> Tensor:
        return x.tril(self.diagonal)

    def extra_repr(self) -> str:
        return f"diagonal={self.diagonal}"


class Triu(nn.Module):
    """Zeros below a diagonal of the last two axes."""

    def __init__(self, diagonal: int = 0) -> None:
        super().__init__()
        self.diagonal = diagonal

    def forward(self, x: Tensor) -> Tensor:
        return x.triu(self.diagonal)

    def extra_repr(self) -> str:
        return f"diagonal={self.diagonal}"


class RelativeShift(nn.Module):
    """Scores by distance become scores by place: (N, …, L, R) → (N, …, L, R - L + 1), y[i, j] = x[i, j - i + L - 1].

    A causal one keeps the shape, and has zeros ahead of each query.
    """

    def __init__(self, is_causal: bool = False) -> None:
        super().__init__()
        self.is_causal = is_causal

    def forward(self, x: Tensor) -> Tensor:
        queries, distances = x.shape[-2:]
        if self.is_causal:  # one column more moves each row by one place against the row above
            flat = nn.functional.pad(x, (1, 0)).flatten(-2)[..., queries:]
            return flat.reshape(*x.shape).tril(distances - queries)
        if queries == 1:
            return x
        flat = x.flatten(-2)[..., queries - 1 : queries * distances - 1]
        return flat.reshape(*x.shape[:-1], distances - 1)[..., : distances - queries + 1]

    def extra_repr(self) -> str:
        return f"is_causal={self.is_causal}"
