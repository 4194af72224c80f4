"""Values while a graph runs: tensors that inputs decide, and numbers that are known, such as sizes."""

from __future__ import annotations

import struct
from contextlib import AbstractContextManager
from typing import Any, Final

import torch
from torch import Tensor

from netspec.capture.lowering.forms import NoForm


def untraced() -> AbstractContextManager[None]:
    """What is computed in here is no computation of the network's."""
    inner: Any = torch._C  # pyright: ignore[reportPrivateUsage]  # torch documents this door alone
    return inner.DisableTorchFunction()


class KnownNumbers:
    """Numbers that no input decides but by its sizes; what is computed of them is computed at once, and not traced."""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


def in_a_tuple(found: Any) -> tuple[Any, ...]:
    """What an operator gives, one value or several, as several."""
    if not isinstance(found, tuple):
        return (found,)
    several: Any = found  # pyright: ignore[reportUnknownVariableType]  # any values
    return tuple(several)


def numbers(value: Any) -> list[Any]:
    """The numbers of a value as a list.

    Raises:
        NoForm: an input decides them.
    """
    listed: Any = plain(value).reshape(-1)
    return list(listed.tolist())


def plain(value: Any) -> Tensor:
    """The tensor of numbers that are known.

    Raises:
        NoForm: an input decides them.
    """
    if isinstance(value, KnownNumbers):
        return value.tensor
    if not isinstance(value, Tensor) or value.device.type == "meta":
        raise NoForm("an input decides its sizes or places")
    return value


def beside(value: Any, other: Any) -> Any:
    """A value as it is used together with another tensor."""
    if not isinstance(value, KnownNumbers):
        return value
    known = value.tensor
    if known.numel() == 1 and known.dtype != torch.bool and known.ndim <= getattr(other, "ndim", 0):
        return exact(known.reshape(()).item())
    if isinstance(other, Tensor):
        with untraced():
            dtype = other.dtype if known.is_floating_point() and other.is_floating_point() else known.dtype
            return known.to(device=other.device, dtype=dtype)
    return known


def exact(number: float) -> float:
    """A number as it was before it was rounded to 32 bits, where that is short, or a root: 0.1, 8 ** -0.5."""
    if isinstance(number, int) or not 1e-9 < abs(number) < 1e9:
        return number
    found = float(f"{number:.6g}")
    if _in_32_bits(found) == number:
        return found
    for power in (1, 2, 4):  # programs take the root of a width, or the root of that, with 32 bits
        whole = abs(number) ** (power if abs(number) > 1 else -power)
        found = round(whole) ** ((1 if abs(number) > 1 else -1) / power) if whole < 2**16 else 0.0
        if abs(found / abs(number) - 1) < _ROUNDED:
            return found if number > 0 else -found
    return number


_ROUNDED: Final = 2.5e-7
"""Twice the most by which a number of 32 bits is rounded."""


def _in_32_bits(number: float) -> float:
    return float(struct.unpack("f", struct.pack("f", number))[0])
