"""Queries and keys that are turned in pairs of neighbours: coordinates 2i and 2i + 1, as Llama's reference code does.

`stack([a · cos − b · sin, a · sin + b · cos])` with its last two axes merged, where a and b are every other coordinate.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, made
from netspec.capture.patterns.patterns import ItemGraph, ShapeOf


class TurnedPairs(NamedTuple):
    """What a value is before its pairs are turned, and how they are."""

    value: Traced
    new: list[PlacedItem]
    """What gives it."""
    cosines: Tensor
    sines: Tensor
    """Positions by pairs."""


class _Merge(NamedTuple):
    """How pairs become coordinates again."""

    left: list[str]
    right: list[str]
    """The names of the axes of pairs, the last two of which are one axis of the result, its last."""


def turned_pairs(value: Traced, graph: ItemGraph, shape_of: ShapeOf) -> TurnedPairs | None:
    """What a value is before its pairs are turned; None where it is no such value."""
    last = graph.used_once(value)
    merge = None if last is None else _merge(last, shape_of)
    stack = None if last is None or last.takes is None else graph.used_once(last.takes)
    if merge is None or stack is None or stack.word != "stack" or len(stack.branches) != 2:
        return None
    if stack.options.get("dim", 1) not in (len(merge.left) - 1, -1):
        return None
    found = _turn(*stack.branches, graph)
    if found is None:
        return None
    (a, b), tables = found
    length = shape_of(value)[-2]
    if any(table.numel() * 2 != length * shape_of(value)[-1] for table in tables) or length < 2:
        return None
    where = [i for i, size in enumerate(tables[0].shape) if size == length]
    axes = merge.left[1:-1]
    aligned = axes[len(axes) - tables[0].dim() :]
    if not where or aligned[where[0]] != merge.right[-2]:  # the positions of the table are those of the queries
        return None
    whole = _whole(a, b, graph, shape_of)
    if whole is None:
        return None
    item = _straight(whole, merge)
    moved = whole.value
    if item is not None:
        moved = made(shape_of(value), value)
        item.gives = (moved,)
    cosines, sines = (table.reshape(length, -1) for table in tables)
    return TurnedPairs(moved, [] if item is None else [item], cosines, sines)


def _merge(item: PlacedItem, shape_of: ShapeOf) -> _Merge | None:
    """How an item merges the last two axes of what it is given."""
    rank = 0 if item.takes is None else len(shape_of(item.takes))
    if item.word == "Flatten" and item.arguments.get("start_dim", 1) == rank - 2 and "end_dim" not in item.arguments:
        left = ["n", *"abcefgh"[: rank - 3], "x", "y"]
        return _Merge(left, [*left[:-2], "x y"])
    if item.word != "Rearrange" or "sizes" in item.arguments:
        return None
    before, _, after = str(item.arguments["pattern"]).partition(" -> ")
    left, (front, _, group) = before.split(" "), after.partition(" (")
    if f"{' '.join(left[-2:])})" != group or "(" in before:
        return None
    return _Merge(left, [*front.split(" "), " ".join(left[-2:])])


def _turn(
    first: Traced, second: Traced, graph: ItemGraph
) -> tuple[tuple[Traced, Traced], tuple[Tensor, Tensor]] | None:
    """The two coordinates of each pair, and the cosines and sines by which they are turned."""
    difference, total = graph.used_once(first), graph.used_once(second)
    if difference is None or total is None or total.word != "add" or len(total.branches) != 2:
        return None
    terms = difference.terms
    if difference.word != "use" or len(terms) != 3 or terms[1] != "-":
        return None
    makers = [
        graph.used_once(value) if isinstance(value, Traced) else None for value in (terms[0], terms[2], *total.branches)
    ]
    products = [graph.product(maker) for maker in makers]
    if any(product is None for product in products):
        return None
    (a, cos), (b, sin), *others = (product for product in products if product is not None)
    if {id(value) for value, _ in others} != {id(a), id(b)} or a is b:
        return None
    other = {id(value): table for value, table in others}
    is_turn = other[id(a)].equal(sin) and other[id(b)].equal(cos)
    return ((a, b), (cos, sin)) if is_turn else None


class _WholeTurn(NamedTuple):
    """A value of which others are every second coordinate, and how its last axis is cut in front of that."""

    value: Traced
    front: list[int]
    """The sizes of the axes in front of the coordinates that its last axis is cut into; none where it is not cut."""


def _straight(whole: _WholeTurn, merge: _Merge) -> PlacedItem | None:
    """What gives a value with its coordinates in one axis, and its axes in their order; None where it is that."""
    names, after = [*merge.left[:-2], merge.left[-1]], [*merge.right[:-1], merge.left[-1]]
    if names == after and not whole.front:
        return None
    at = len(names) - 1 - len(whole.front)
    before = [*names[:at], f"({' '.join(names[at:])})"] if whole.front else names
    arguments: dict[str, Any] = {"pattern": f"{' '.join(before)} -> {' '.join(after)}"}
    if whole.front:
        arguments["sizes"] = dict(zip(names[at:], whole.front, strict=False))
    return PlacedItem("Rearrange", whole.value, (), arguments)


def _whole(a: Traced, b: Traced, graph: ItemGraph, shape_of: ShapeOf) -> _WholeTurn | None:
    """What two values are every other coordinate of."""
    makers = (graph.maker(a), graph.maker(b))
    if any(maker is None or maker.takes is None for maker in makers):
        return None
    one, other = (maker for maker in makers if maker is not None)
    source = one.takes
    if source is None or source is not other.takes or one.word != other.word:
        return None
    axis = len(shape_of(source)) - 1
    if one.word == "Slice":
        even, odd = ({"dim": axis, "step": 2}, {"dim": axis, "start": 1, "step": 2})
        return _WholeTurn(source, []) if (one.arguments, other.arguments) == (even, odd) else None
    cut = graph.maker(source)
    if one.word != "Select" or cut is None or cut.word != "Unflatten" or cut.takes is None:
        return None
    if any(item.arguments != {"dim": axis, "index": i} for i, item in enumerate((one, other))):
        return None
    sizes: list[int] = cut.arguments["unflattened_size"]
    return _WholeTurn(cut.takes, sizes[:-2]) if cut.arguments["dim"] + len(sizes) == axis + 1 else None
