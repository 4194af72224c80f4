"""Queries and keys that a program turns by their positions, as `rotary` of the attention that reads them.

`x * cos + cat(-x[half:], x[:half]) * sin`, with the cosines and sines of positions times base^(−2i / rotated): of whole
heads, or of their first coordinates with the others behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import torch
from torch import Tensor

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, lists_of
from netspec.capture.patterns.neighbours import turned_pairs
from netspec.capture.patterns.patterns import ItemGraph, ShapeOf


class _Turned(NamedTuple):
    """What a value is before it is turned, and how it is."""

    value: Traced
    base: float
    fraction: float
    layout: str = "half"


def turned(items: list[PlacedItem], outputs: Sequence[Traced], shape_of: ShapeOf) -> bool:
    """Give attention that reads turned queries and keys the option, in a list of items and the lists in it; whether
    there is such attention.

    Args:
        items: those of the network.
        outputs: the values that it gives.
        shape_of: the shape of a value in the spec.
    """
    graph, found = ItemGraph(items, outputs), False
    for body in lists_of(items):
        for item in list(body):
            if item.body is not None or item.word != "attend" or "rotary" in item.options or "heads" in item.options:
                continue
            query, key = (_either(value, graph, shape_of, body, item) for value in item.branches[:2])
            if query is None or key is None or query[1:] != key[1:]:
                continue
            before = item.branches[:2]
            item.branches = (query.value, key.value, *item.branches[2:])
            graph.counts.update((query.value, key.value))
            for value in before:
                graph.dropped(items, value)
            item.options["rotary"] = _option(query)
            item.numbers = _turns(query.base, round(shape_of(query.value)[-1] * query.fraction))
            found = True
    return found


def _option(found: _Turned) -> dict[str, Any]:
    base = int(found.base) if found.base == int(found.base) else found.base
    layout = {} if found.layout == "half" else {"layout": found.layout}
    return {"base": base, **layout, **({} if found.fraction == 1 else {"fraction": found.fraction})}


def _either(
    value: Traced, graph: ItemGraph, shape_of: ShapeOf, body: list[PlacedItem], reader: PlacedItem
) -> _Turned | None:
    """A value that is turned by halves, or by pairs of neighbours: what gives that before it is put in front of who
    reads it."""
    found = _turn(value, graph, shape_of)
    pairs = turned_pairs(value, graph, shape_of) if found is None else None
    if pairs is None:
        return found
    base = _base(pairs.cosines.repeat(1, 2), pairs.sines.repeat(1, 2), shape_of(value)[-2:])
    if base is None:
        return None
    at = body.index(reader)
    body[at:at] = pairs.new
    for item in pairs.new:
        graph.makers[item.gives[0]] = item
        graph.counts.update(item.read_values())
    return _Turned(pairs.value, base, 1.0, "interleaved")


def _turn(value: Traced, graph: ItemGraph, shape_of: ShapeOf) -> _Turned | None:
    whole = _whole(value, graph, shape_of)
    if whole is not None:
        return whole
    joined = graph.maker(value)
    last = len(shape_of(value)) - 1
    if joined is None or not _is_concat(joined, last) or len(joined.branches) != 2:
        return None
    part = _whole(joined.branches[0], graph, shape_of)
    if part is None:
        return None
    first, rest = _part(part.value, graph, shape_of), _part(joined.branches[1], graph, shape_of)
    if first is None or rest is None or first.source is not rest.source:
        return None
    size, cut = shape_of(rest.source)[-1], shape_of(part.value)[-1]
    if first[1:] != (0, cut) or rest[1:] != (cut, size):
        return None
    return _Turned(rest.source, part.base, cut / size)


def _whole(value: Traced, graph: ItemGraph, shape_of: ShapeOf) -> _Turned | None:
    """All coordinates of a value turned: a sum of two products."""
    total = graph.maker(value)
    if total is None or total.word != "add" or len(total.branches) != 2:
        return None
    for straight, across in (total.branches, total.branches[::-1]):
        one, other = (graph.product(graph.maker(value)) for value in (straight, across))
        if one is None or other is None:
            continue
        (x, cosines), (halves, sines) = one, other
        if _is_turned_by_a_quarter(halves, x, graph, shape_of):
            base = _base(cosines, sines, shape_of(x)[-2:])
            return None if base is None else _Turned(x, base, 1.0)
    return None


def _is_turned_by_a_quarter(halves: Traced, x: Traced, graph: ItemGraph, shape_of: ShapeOf) -> bool:
    """Whether a value is the second half of another with its sign changed, and then the first half."""
    joined, last, size = graph.maker(halves), len(shape_of(x)) - 1, shape_of(x)[-1]
    if joined is None or not _is_concat(joined, last) or len(joined.branches) != 2 or size % 2:
        return False
    minus = graph.maker(joined.branches[0])
    if minus is None or minus.word != "Scale" or minus.arguments.get("factor") != -1 or minus.takes is None:
        return False
    half, second, first = size // 2, _part(minus.takes, graph, shape_of), _part(joined.branches[1], graph, shape_of)
    return first == (x, 0, half) and second == (x, half, size)


def _is_concat(item: PlacedItem, axis: int) -> bool:
    return item.word == "concat" and item.options.get("dim", 1) in (axis, -1)


class _AxisPart(NamedTuple):
    """A value from one place on its last axis to another."""

    source: Traced
    start: int
    stop: int


def _part(value: Traced, graph: ItemGraph, shape_of: ShapeOf) -> _AxisPart | None:
    """What a value is a part of along the last axis; None where it is none."""
    maker = graph.maker(value)
    if maker is None or maker.takes is None or maker.word not in ("Slice", "Chunk"):
        return None
    given, source = maker.arguments, maker.takes
    shape = shape_of(source)
    if given.get("dim") not in (len(shape) - 1, -1) or given.get("step", 1) != 1:
        return None
    if maker.word == "Chunk":
        width, at = -(-shape[-1] // given["chunks"]), maker.gives.index(value)
        return _AxisPart(source, at * width, min((at + 1) * width, shape[-1]))
    start, stop, _ = slice(given.get("start"), given.get("end")).indices(shape[-1])
    return _AxisPart(source, start, stop)


# ---- the angles

_BASES: Final = 1e-4
"""By what share the base that is read off an angle may differ from the whole number that it is taken for."""


def _base(cosines: Tensor, sines: Tensor, shape: Sequence[int]) -> float | None:
    """The base of the angles whose cosines and sines these are; None where they are no such angles."""
    length, size = shape
    if cosines.numel() != length * size or sines.numel() != length * size or length < 2 or size < 4:
        return None
    wide = [table.double().reshape(length, size) for table in (cosines, sines)]
    angle = float(torch.atan2(wide[1][1, 1], wide[0][1, 1]))
    if not 0 < angle < 1:
        return None
    base = angle ** (-size / 2)
    if abs(base / round(base) - 1) < _BASES:
        base = float(round(base))
    angles, close = angles_of(_turns(base, size), length).repeat(1, 2), uncertain(length)
    is_same = all(
        torch.allclose(table, wanted, rtol=0, atol=close)
        for table, wanted in zip(wide, (angles.cos(), angles.sin()), strict=True)
    )
    return base if is_same else None


def _turns(base: float, size: int) -> Tensor:
    """The turns of each pair of so many coordinates for one position, in radians, with 64 bits."""
    return base ** -(torch.arange(0, size, 2, dtype=torch.float64) / size)


def angles_of(turns: Tensor, length: int) -> Tensor:
    """The angles of each pair of coordinates at so many positions, in radians, with 64 bits."""
    return torch.outer(torch.arange(length, dtype=torch.float64), turns)


def uncertain(length: int) -> float:
    """How far sines and cosines of the angles at so many positions may be off that were computed with 32 bits."""
    return max(length, 8) * 2**-21
