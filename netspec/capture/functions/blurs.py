"""Convolutions of each channel with the same numbers, which do not train: a blur is averages, one after the other."""

from __future__ import annotations

from functools import reduce
from math import prod
from typing import Any, Final, cast

import torch
from torch import Tensor
from torch.nn import functional as F

from netspec.capture.graph import TracedCall
from netspec.capture.items import made
from netspec.capture.lowering.lookups import numbers_of
from netspec.capture.lowering.lowering import Lowering

_LARGEST: Final = 16
"""Places of a filter along an axis, of which averages are tried."""


def blurred(lowering: Lowering, call: TracedCall, given: dict[str, Any]) -> bool:
    """Write a convolution whose filter is a product of averages as these; whether it is one.

    Args:
        lowering: what it is written in.
        call: the convolution.
        given: its arguments.
    """
    source, weight = given["input"], given["weight"]
    if given["bias"] is not None or weight.key in lowering.saved or not source.varies:
        return False
    filters, axes = numbers_of(lowering, weight), len(weight.shape) - 2
    is_plain = _each(given["padding"], axes) == (0,) * axes and _each(given["dilation"], axes) == (1,) * axes
    pools = _averages(filters) if filters is not None and is_plain and given["groups"] == len(filters) else None
    if pools is None:
        return False
    value = lowering.taken(source)
    sizes = list(source.shape[2:])
    for number, pool in enumerate(pools, 1):
        is_last = number == len(pools)
        sizes = [size - kernel + 1 for size, kernel in zip(sizes, pool, strict=True)]
        result = call.results[0] if is_last else made((*source.shape[:2], *sizes), source)
        arguments = {"kernel_size": pool, "stride": _each(given["stride"] if is_last else 1, axes)}
        lowering.layered(call, f"AvgPool{axes}d", value, arguments, gives=(result,))
        value = result
    return True


def _averages(filters: Tensor) -> list[tuple[int, ...]] | None:
    """The sizes of averages that together are a filter, one for each channel and the same for all; None where it is
    something else.

    Args:
        filters: its numbers, (channels, 1, …).
    """
    sizes = tuple(filters.shape[2:])
    if filters.shape[1] != 1 or max(sizes) > _LARGEST or not bool((filters == filters[:1]).all()):
        return None
    steps = [tuple(1 + (size > step + 1) for size in sizes) for step in range(max(sizes) - 1)]
    for pools in ([sizes], steps):  # all places alike, or as often as there are ways to them
        boxes = (torch.full((1, 1, *pool), 1 / prod(pool), dtype=torch.float64) for pool in pools)
        found = reduce(_after, boxes)
        if torch.allclose(found, filters[:1].double(), rtol=1e-12, atol=0):
            return pools
    return None


def _after(first: Tensor, then: Tensor) -> Tensor:
    """The filter of two, one after the other; their numbers are the same from both sides."""
    amounts = [amount for size in reversed(then.shape[2:]) for amount in (size - 1, size - 1)]
    convolve = (F.conv1d, F.conv2d, F.conv3d)[first.dim() - 3]
    return convolve(F.pad(first, amounts), then)


def _each(value: Any, axes: int) -> tuple[int, ...]:
    """A number for each axis."""
    found = cast("tuple[int, ...]", value if isinstance(value, tuple) else (value,))
    return found * axes if len(found) == 1 else found
