"""Read the values of tensors on the host: as typed Python lists, as a check, or for writing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from torch import Tensor


def floats(values: Tensor) -> list[float]:
    """A tensor (N,) as a list of floats."""
    return cast("list[float]", values.tolist())  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped


def ints(values: Tensor) -> list[int]:
    """An integer tensor (N,) as a list of integers."""
    return cast("list[int]", values.tolist())  # pyright: ignore[reportUnknownMemberType]  # as above


def rows(values: Tensor) -> list[list[int]]:
    """An integer tensor (N, M) as a list of rows."""
    return cast("list[list[int]]", values.tolist())  # pyright: ignore[reportUnknownMemberType]  # as above


def is_finite(values: Tensor) -> bool:
    """True if a tensor of any shape has no infinity and no NaN."""
    return not values.is_floating_point() or bool(values.isfinite().all())


def on_host(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors as safetensors needs them: on the host and contiguous."""
    return {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
