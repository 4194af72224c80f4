"""Tensors as Python lists, with types: the few places where a value comes to the host."""

from __future__ import annotations

from typing import cast

from torch import Tensor


def floats(values: Tensor) -> list[float]:
    """A tensor (N,) as numbers."""
    return cast("list[float]", values.tolist())  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped


def ints(values: Tensor) -> list[int]:
    """An integer tensor (N,) as numbers."""
    return cast("list[int]", values.tolist())  # pyright: ignore[reportUnknownMemberType]  # as above


def rows(values: Tensor) -> list[list[int]]:
    """An integer tensor (N, M) as rows of numbers."""
    return cast("list[list[int]]", values.tolist())  # pyright: ignore[reportUnknownMemberType]  # as above
