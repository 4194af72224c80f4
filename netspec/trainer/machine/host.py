"""The few places where the values of a tensor come to the host: as typed Python lists, to be checked, to be written."""

from __future__ import annotations

from collections.abc import Mapping
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


def is_finite(values: Tensor) -> bool:
    """True if a tensor of any shape holds no infinity and no NaN."""
    return not values.is_floating_point() or bool(values.isfinite().all())


def on_host(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as safetensors writes them: on the host, each in one piece."""
    return {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
