"""Operators that move, cut, choose and repeat values, and those that tell sizes."""

from __future__ import annotations

from math import prod
from typing import Any, Final

import torch
from torch import Tensor

from netspec.capture.lowering.forms import NoForm
from netspec.capture.onnx.reading import OnnxNode
from netspec.capture.onnx.values import KnownNumbers, beside, numbers, plain


def _axes(node: OnnxNode, x: list[Any], name: str = "axes", at: int = 1) -> list[int] | None:
    """Axes, which are an attribute or an input."""
    if len(x) > at and x[at] is not None:
        return [int(axis) for axis in numbers(x[at])]
    return node.attributes.get(name)


def reshape(node: OnnxNode, x: list[Any]) -> Any:
    """Of a file whose batch has a fixed size, with the size of this batch in its place."""
    sizes = [int(n) for n in numbers(x[1])]
    fixed, batch = node.attributes.get("#batch", (None, 0))
    if not node.attributes.get("allowzero", 0):
        sizes = [x[0].shape[i] if n == 0 and i < x[0].ndim else n for i, n in enumerate(sizes)]
    if fixed is not None and isinstance(x[0], Tensor):
        sizes = _for_this_batch(sizes, x[0], fixed, batch)
    return x[0].reshape(sizes)


def _for_this_batch(sizes: list[int], x: Tensor, fixed: int, batch: int) -> list[int]:
    """Sizes that were written for a batch of `fixed`, for another: the first axis that differs is that of the batch."""
    if -1 in sizes:
        return [batch, *sizes[1:]] if sizes[0] == fixed and x.ndim and x.shape[0] == batch else sizes
    if prod(sizes) == x.numel():
        return sizes
    at = next((i for i, n in enumerate(sizes) if i >= x.ndim or x.shape[i] != n), None)
    if at is not None and at and at == len(sizes) - 1:  # the last axis is that of the features
        at -= 1
    elif at is not None and sizes[at] != fixed and sizes[at + 1 :][:1] == [fixed]:
        at += 1
    if at is None or sizes[at] % fixed or prod(sizes) * batch != x.numel() * fixed:
        return sizes
    return [*sizes[:at], sizes[at] // fixed * batch, *sizes[at + 1 :]]


def _transpose(node: OnnxNode, x: list[Any]) -> Any:
    return x[0].permute(node.attributes.get("perm") or list(range(x[0].ndim))[::-1])


def _flatten(node: OnnxNode, x: list[Any]) -> Any:
    axis = node.attributes.get("axis", 1)
    axis = axis % x[0].ndim if axis < 0 else axis
    if axis == 1 and x[0].ndim > 1:
        return x[0].flatten(1)
    return x[0].reshape(prod(x[0].shape[:axis]), prod(x[0].shape[axis:]))


def _squeeze(node: OnnxNode, x: list[Any]) -> Any:
    axes = _axes(node, x)
    given = [i for i, n in enumerate(x[0].shape) if n == 1] if axes is None else [axis % x[0].ndim for axis in axes]
    if any(x[0].shape[axis] != 1 for axis in given):
        raise NoForm(f"axes {given} of {tuple(x[0].shape)} are not all of size 1")
    return x[0].reshape([n for i, n in enumerate(x[0].shape) if i not in given])


def _unsqueeze(node: OnnxNode, x: list[Any]) -> Any:
    axes = _axes(node, x) or []
    rank = x[0].ndim + len(axes)
    sizes = iter(x[0].shape)
    new = {axis % rank for axis in axes}
    return x[0].reshape([1 if i in new else next(sizes) for i in range(rank)])


def _concat(node: OnnxNode, x: list[Any]) -> Any:
    own = next((value for value in x if isinstance(value, Tensor)), None)
    axis = node.attributes["axis"]
    parts = [value if own is None else _whole(value, own) for value in x]
    largest = max((part.shape[0] for part in parts if part.ndim), default=1)
    if node.attributes.get("#batch", (None,))[0] == 1 and axis % max(parts[0].ndim, 1):
        parts = [part.expand(largest, *part.shape[1:]) if part.shape[0] == 1 != largest else part for part in parts]
    return parts[0] if len(parts) == 1 else torch.cat(parts, axis)


def _whole(value: Any, other: Tensor) -> Tensor:
    """A value as a tensor, also where it is one number."""
    found = beside(value, other)
    return found if isinstance(found, Tensor) else torch.full(plain(value).shape, found, device=other.device)


def _slice(_: OnnxNode, x: list[Any]) -> Any:
    starts, ends = numbers(x[1]), numbers(x[2])
    rank = x[0].ndim
    axes = [axis % rank for axis in (numbers(x[3]) if len(x) > 3 and x[3] is not None else range(len(starts)))]
    steps = numbers(x[4]) if len(x) > 4 and x[4] is not None else [1] * len(starts)
    index: list[Any] = [slice(None)] * rank
    found = x[0]
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = x[0].shape[axis]
        if step < 0:
            start, stop = min(start + size if start < 0 else start, size - 1), end + size if -size <= end < 0 else end
            places = list(range(start, max(stop, -1), step))
            found = found.index_select(axis, torch.tensor(places, device=found.device))
            continue
        first, last = slice(start, end, step).indices(size)[:2]
        stop = None if last == size else last - size if end < 0 and last > 0 else last
        index[axis] = slice(first or None, stop, step if step != 1 else None)
    return found if all(part == slice(None) for part in index) else found[tuple(index)]


def _split(node: OnnxNode, x: list[Any]) -> Any:
    axis = node.attributes.get("axis", 0)
    sizes = numbers(x[1]) if len(x) > 1 and x[1] is not None else node.attributes.get("split")
    count = len(node.outputs)
    if sizes is None:
        size = -(-x[0].shape[axis] // count)
        sizes = [size] * (count - 1) + [x[0].shape[axis] - size * (count - 1)]
    return torch.split(x[0], sizes, axis) if len(set(sizes)) > 1 else torch.split(x[0], sizes[0], axis)


def _gather(node: OnnxNode, x: list[Any]) -> Any:
    """Places along an axis, which are known."""
    axis = node.attributes.get("axis", 0) % x[0].ndim
    where = plain(x[1])
    size = x[0].shape[axis]
    if where.numel() and not -size <= int(where.min()) <= int(where.max()) < size:
        raise NoForm(f"it chooses place {int(where.max())} of {size}")
    if where.ndim == 0:
        return x[0].select(axis, int(where))
    index: list[Any] = [slice(None)] * x[0].ndim
    places: list[int] = numbers(where)
    if where.ndim == 1 and len(places) and places == list(range(places[0], places[0] + len(places))) and places[0] >= 0:
        index[axis] = slice(places[0], places[-1] + 1)
        return x[0][tuple(index)]
    found = x[0].index_select(axis, where.reshape(-1).remainder(size).to(x[0].device))
    return found.reshape(*x[0].shape[:axis], *where.shape, *x[0].shape[axis + 1 :])


def _expand(node: OnnxNode, x: list[Any]) -> Any:
    sizes = [int(n) for n in numbers(x[1])]
    own = list(x[0].shape)
    rank = max(len(sizes), len(own))
    sizes, own = [1] * (rank - len(sizes)) + sizes, [1] * (rank - len(own)) + own
    fixed, batch = node.attributes.get("#batch", (None, 0))
    if (
        fixed is not None
        and sizes[0] == fixed
        and own[0] in (1, batch)
        and isinstance(x[0], Tensor)
        and not plain_only(x)
    ):
        sizes[0] = batch
    after = [b if a == 1 else a for a, b in zip(own, sizes, strict=True)]
    value = x[0] if x[0].ndim == rank else x[0].reshape(own)
    return value if after == own else value.expand(after)


def plain_only(x: list[Any]) -> bool:
    """Whether all values are numbers that are known."""
    return all(isinstance(value, KnownNumbers) for value in x)


def _tile(_: OnnxNode, x: list[Any]) -> Any:
    repeats = [int(n) for n in numbers(x[1])]
    return x[0] if all(n == 1 for n in repeats) else x[0].repeat(repeats)


_LARGEST: Final = 2**22
"""Numbers that are made of sizes at most."""


def _filled(node: OnnxNode, x: list[Any]) -> Any:
    sizes = [int(n) for n in numbers(x[0])]
    value = node.attributes.get("value", torch.zeros(1))
    if any(n < 0 for n in sizes) or prod(sizes) > _LARGEST:
        raise NoForm(f"it makes numbers of the sizes {sizes}, more than {_LARGEST:,} of them")
    return torch.full(sizes, value.reshape(-1)[0].item(), dtype=value.dtype)


def _range(_: OnnxNode, x: list[Any]) -> Any:
    start, end, step = (numbers(value)[0] for value in x)
    if not step or abs((end - start) / step) > _LARGEST:
        raise NoForm(f"it counts from {start} to {end} by {step}, more than {_LARGEST:,} numbers")
    return torch.arange(start, end, step)


def _constant(node: OnnxNode, _: list[Any]) -> Any:
    for name in ("value", "value_float", "value_int", "value_floats", "value_ints"):
        if name in node.attributes:
            return torch.as_tensor(node.attributes[name])
    raise NoForm(f"it holds {', '.join(node.attributes) or 'nothing'}")


def sizes_of(node: OnnxNode, x: list[Any]) -> Any:
    """The sizes of a tensor."""
    sizes = list(x[0].shape)
    return torch.tensor(sizes[slice(node.attributes.get("start", 0), node.attributes.get("end"))], dtype=torch.int64)


def _count(_: OnnxNode, x: list[Any]) -> Any:
    return torch.tensor(x[0].numel())


MOVES: Final[dict[str, Any]] = {
    "Concat": _concat,
    "Constant": _constant,
    "ConstantOfShape": _filled,
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Range": _range,
    "Reshape": reshape,
    "Shape": sizes_of,
    "Size": _count,
    "Slice": _slice,
    "Split": _split,
    "Squeeze": _squeeze,
    "Tile": _tile,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""For each operator what it computes."""

OF_SIZES: Final = frozenset(("Shape", "Size"))
"""Operators that read nothing but sizes."""
