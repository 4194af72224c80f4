"""The modules of layers that compare and count. No class depends on another: the Python emitter copies their source."""

from __future__ import annotations

from torch import Tensor, nn


class Equal(nn.Module):
    """Whether each value is the number: `Equal(2)` is `x == 2`."""

    def __init__(self, other: float) -> None:
        super().__init__()
        self.other = other

    def forward(self, x: Tensor) -> Tensor:
        return x == self.other

    def extra_repr(self) -> str:
        return f"{self.other}"


class NotEqual(nn.Module):
    """Whether each value is another number: `NotEqual(2)` is `x != 2`."""

    def __init__(self, other: float) -> None:
        super().__init__()
        self.other = other

    def forward(self, x: Tensor) -> Tensor:
        return x != self.other

    def extra_repr(self) -> str:
        return f"{self.other}"


class Less(nn.Module):
    """Whether each value is less: `Less(2)` is `x < 2`."""

    def __init__(self, other: float) -> None:
        super().__init__()
        self.other = other

    def forward(self, x: Tensor) -> Tensor:
        return x < self.other

    def extra_repr(self) -> str:
        return f"{self.other}"


class LessEqual(nn.Module):
    """Whether each value is at most so much: `LessEqual(2)` is `x <= 2`."""

    def __init__(self, other: float) -> None:
        super().__init__()
        self.other = other

    def forward(self, x: Tensor) -> Tensor:
        return x <= self.other

    def extra_repr(self) -> str:
        return f"{self.other}"


class Greater(nn.Module):
    """Whether each value is greater: `Greater(2)` is `x > 2`."""

    def __init__(self, other: float) -> None:
        super().__init__()
        self.other = other

    def forward(self, x: Tensor) -> Tensor:
        return x > self.other

    def extra_repr(self) -> str:
        return f"{self.other}"


class GreaterEqual(nn.Module):
    """Whether each value is at least so much: `GreaterEqual(2)` is `x >= 2`."""

    def __init__(self, other: float) -> None:
        super().__init__()
        self.other = other

    def forward(self, x: Tensor) -> Tensor:
        return x >= self.other

    def extra_repr(self) -> str:
        return f"{self.other}"


class CumSum(nn.Module):
    """The sum of all values along an axis as far as each: `CumSum(1)` is `x.cumsum(1)`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return x.cumsum(self.dim)

    def extra_repr(self) -> str:
        return f"{self.dim}"
