"""Rotary positions that a program turns queries and keys by, `q * cos + rotate_half(q) * sin`, as `rotary` says them.

The turns are found in the run before anything is written: what is turned is read as if it were not, and the attention
that reads it has the base of the turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import Any, Final, NamedTuple, cast

import torch

from netspec.capture.graph import Trace, Traced, TracedCall, calls_in, without_unused

_DIGITS: Final = 6
"""Of the base, which is found from turns with 32 bits."""
_ROUNDED: Final = 2.0**-20
"""By how much turns with 32 bits may be off, as a share."""


class Turned(NamedTuple):
    """What a tensor is before it is turned, and by what."""

    source: Traced
    base: float
    fraction: float


def turned(*vectors: Any, **options: Any) -> None:
    """What turns queries or keys by their positions; never called, but in a trace."""


def find_turns(trace: Trace) -> None:
    """Put one call of `turned` in the place of the steps that turn a tensor by its positions.

    Args:
        trace: a run, changed in place. Its `exact` has the buffers that hold turns as they are with 64 bits: the
            program has rounded them to 32 before there was a proof.
    """
    buffers = dict(trace.root.module.named_buffers())
    found = False
    for call in list(calls_in(trace.root)):
        match = _match(call, buffers)
        if match is not None:
            _replace(call, match[0])
            trace.exact |= match[1]
            found = True
    if not found:
        return
    for call in list(calls_in(trace.root)):
        _first_part(call)
        turn = turn_of(call.args[0]) if call.name in _CASTS and call.args else None
        if turn is not None and call.results[0].dtype == turn.source.dtype:
            _replace(call, turn)
    without_unused(trace)


def _replace(call: TracedCall, turn: Turned) -> None:
    call.function, call.args = turned, (turn.source,)
    call.kwargs = {"base": turn.base, "fraction": turn.fraction}


def said(values: Iterable[Traced]) -> list[Traced]:
    """Those that are values in a spec: all but what is turned, which attention alone says."""
    return [value for value in values if turn_of(value) is None]


_CASTS: Final = frozenset(("to", "float", "type_as", "double", "contiguous"))


def _bare(value: Any) -> Any:
    """What a tensor is before it is given another precision."""
    while isinstance(value, Traced) and value.maker is not None and value.maker.name in _CASTS:
        source = value.maker.args[0]
        if not isinstance(source, Traced) or source.dtype != value.dtype or source.shape != value.shape:
            break
        value = source
    return value


def turn_of(value: Any) -> Turned | None:
    """By what a tensor is turned; None where it is not."""
    maker = value.maker if isinstance(value, Traced) else None
    if maker is None or maker.function is not turned:
        return None
    return Turned(maker.args[0], **maker.kwargs)


# ---- patterns


def _match(call: TracedCall, buffers: Mapping[str, torch.Tensor]) -> tuple[Turned, dict[str, torch.Tensor]] | None:
    """The sum of a tensor times cosines and the same, its halves exchanged, times sines."""
    if call.name not in ("add", "__add__") or len(call.results) != 1 or call.kwargs or len(call.results[0].shape) != 4:
        return None
    sides = [_times(value) for value in call.args]
    if len(sides) != 2 or sides[0] is None or sides[1] is None:
        return None
    for (plain, cosines), (other, sines) in ((sides[0], sides[1]), (sides[1], sides[0])):
        if _exchanged(other) is plain:
            found = _base(plain.shape, cosines, sines)
            keys = None if found is None else _sources((cosines, sines), buffers, found, plain.shape[-1])
            return None if found is None or keys is None else (Turned(plain, found, 1.0), keys)
    return None


def _times(value: Any) -> tuple[Traced, Traced] | None:
    """What varies and what does not, where a value is the product of the two."""
    maker = value.maker if isinstance(value, Traced) else None
    if maker is None or maker.name not in ("mul", "__mul__") or len(maker.args) != 2 or maker.kwargs:
        return None
    one, other = maker.args
    if not isinstance(one, Traced) or not isinstance(other, Traced) or one.varies is other.varies:
        return None
    return (_bare(one), other) if one.varies else (_bare(other), one)


def _exchanged(value: Traced) -> Traced | None:
    """What a tensor is made of, where it is that with its halves exchanged, and the second one negative."""
    maker = value.maker
    if maker is None or maker.name not in ("cat", "concat", "concatenate"):
        return None
    parts = maker.args[0]
    dim = maker.kwargs.get("dim", maker.args[1] if len(maker.args) > 1 else 0)
    rank, size = len(value.shape), value.shape[-1]
    if not isinstance(parts, tuple) or dim not in (-1, rank - 1) or size % 2:
        return None
    several = cast("tuple[Any, ...]", parts)
    first = several[0].maker if len(several) == 2 and isinstance(several[0], Traced) else None
    if first is None or first.name not in ("neg", "__neg__", "negative"):
        return None
    second, end = _part(first.args[0], size), _part(several[1], size)
    if second is None or end is None or _bare(second[0]) is not _bare(end[0]):
        return None
    half = size // 2
    return _bare(second[0]) if (second[1:], end[1:]) == ((half, size), (0, half)) else None


def _part(value: Any, size: int | None = None) -> tuple[Traced, int, int] | None:
    """From where to where on the last axis a value is a part of another, which it names."""
    maker = value.maker if isinstance(value, Traced) else None
    if maker is None or not maker.args or not isinstance(maker.args[0], Traced):
        return None
    source: Traced = maker.args[0]
    if size is not None and source.shape[-1] != size:
        return None
    if maker.name == "__getitem__":
        index: Any = maker.args[1]
        if not isinstance(index, tuple) or len(cast("tuple[Any, ...]", index)) != 2 or index[0] is not Ellipsis:
            return None
        last = cast("slice[Any, Any, Any]", index[1])
        if not isinstance(index[1], slice) or any(isinstance(e, Traced) for e in (last.start, last.stop, last.step)):
            return None
        start, stop, step = last.indices(source.shape[-1])
        return (source, start, stop) if step == 1 else None
    if maker.name == "chunk" and len(maker.results) == 2:
        dim = maker.kwargs.get("dim", maker.args[2] if len(maker.args) > 2 else 0)
        half, at = source.shape[-1] // 2, maker.results.index(value)
        return (source, at * half, (at + 1) * half) if dim in (-1, len(source.shape) - 1) else None
    return None


def _first_part(call: TracedCall) -> None:
    """Where a call puts the turned first part of vectors in front of the rest of them, let it turn that part."""
    if call.name not in ("cat", "concat") or not isinstance(call.args[0], tuple) or len(call.results) != 1:
        return
    parts = cast("tuple[Any, ...]", call.args[0])
    dim = call.kwargs.get("dim", call.args[1] if len(call.args) > 1 else 0)
    if len(parts) != 2 or dim not in (-1, len(call.results[0].shape) - 1):
        return
    turn = turn_of(parts[0])
    first, rest = _part(turn.source) if turn is not None else None, _part(parts[1])
    if turn is None or first is None or rest is None or first[0] is not rest[0]:
        return
    size = first[0].shape[-1]
    if (first[1], rest[2]) != (0, size) or first[2] != rest[1]:
        return
    _replace(call, Turned(first[0], turn.base, first[2] / size))


# ---- numbers


def _base(shape: tuple[int, ...], cosines: Traced, sines: Traced) -> float | None:
    """The base of the turns in tables of cosines and sines of as many positions as a tensor (N, heads, L, size) has."""
    length, size = shape[-2:]
    tables = [value.maker.constant if value.maker is not None else None for value in (cosines, sines)]
    if size < 4 or length < 2 or any(t is None or prod(t.shape[:-2]) not in (1, shape[0]) for t in tables):
        return None
    cos, sin = (cast("torch.Tensor", t).double() for t in tables)
    if any(t.dim() < 2 or tuple(t.shape[-2:]) != (length, size) for t in (cos, sin)):
        return None
    last = float(torch.atan2(sin, cos).reshape(-1, length, size)[0, 1, size // 2 - 1])
    if not 0 < last < 1:
        return None
    base = float(f"{last ** (-size / (size - 2)):.{_DIGITS}g}")
    angles = torch.outer(torch.arange(length).double(), _turns(base, size)).repeat(1, 2)
    close = length * 2.0**-21
    fits = (
        torch.allclose(t, w.expand_as(t), rtol=0, atol=close) for t, w in ((cos, angles.cos()), (sin, angles.sin()))
    )
    return base if all(fits) else None


def _turns(base: float, size: int) -> torch.Tensor:
    return base ** (-torch.arange(0, size, 2).double() / size)


def _sources(
    tables: tuple[Traced, ...], buffers: Mapping[str, torch.Tensor], base: float, size: int
) -> dict[str, torch.Tensor] | None:
    """The buffers that tables are computed from, with 64 bits; None where they are computed of something else."""
    wanted = _turns(base, size)
    found: dict[str, torch.Tensor] = {}
    waiting, seen = list(tables), set[Traced]()
    while waiting:
        value = waiting.pop()
        if value in seen:
            continue
        seen.add(value)
        is_table = value.kind == "numbers" and value.dtype == "float32" and prod(value.shape) > 1
        if value.kind == "parameter" or value.varies or is_table:  # a table with 32 bits is written as it is
            return None
        if value.kind == "buffer" and value.dtype == "float32":
            own = buffers.get(value.key)
            if own is None or own.numel() != wanted.numel():
                return None
            if not torch.allclose(own.double().reshape(-1), wanted, rtol=_ROUNDED, atol=0):
                return None
            found[value.key] = wanted.reshape(own.shape)
        waiting += [] if value.maker is None else list(value.maker.reads())
    return found
