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
    """Tensors as safetensors needs them: on the host, contiguous, and each with a storage of its own: a parameter that
    two layers share is written twice."""
    seen: set[int] = set()
    found: dict[str, Tensor] = {}
    for key, tensor in tensors.items():
        host = tensor.detach().cpu().contiguous()
        found[key] = host.clone() if tensor.data_ptr() in seen and host.data_ptr() == tensor.data_ptr() else host
        seen.add(tensor.data_ptr())
    return found
