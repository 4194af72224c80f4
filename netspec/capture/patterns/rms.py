"""Root mean square normalisation that a program writes out, as `RMSNorm`: `x * rsqrt(mean(x², -1) + eps) * weight`."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, lists_of
from netspec.capture.patterns.patterns import ItemGraph, ShapeOf


class _Root(NamedTuple):
    """A value divided by the root of the mean of its squares."""

    value: Traced
    eps: float


def normalised(items: list[PlacedItem], outputs: Sequence[Traced], shape_of: ShapeOf) -> None:
    """Turn what is such a normalisation into the layer, in a list of items and the lists in it.

    Args:
        items: those of the network.
        outputs: the values that it gives.
        shape_of: the shape of a value in the spec.
    """
    graph = ItemGraph(items, outputs)
    for body in lists_of(items):
        for item in list(body):
            root = _root(item, graph, shape_of)
            if root is not None:
                _write(items, body, item, root, graph, shape_of)


def _write(
    items: list[PlacedItem],
    body: list[PlacedItem],
    item: PlacedItem,
    root: _Root,
    graph: ItemGraph,
    shape_of: ShapeOf,
) -> None:
    """Put the layer in the place of the last product, that with the weight if there is one."""
    size = shape_of(root.value)[-1]
    weighted = next((other for other in body if other.word == "mul" and item.gives[0] in other.branches), None)
    weight = None if weighted is None else _weight(weighted, item, graph, size)
    arguments = {"eps": root.eps, **({} if weight is not None else {"elementwise_affine": False})}
    last = item if weighted is None or weight is None else weighted
    keys = {} if weight is None else {"weight": weight.keys["weight"]}
    layer = PlacedItem("RMSNorm", root.value, last.gives, arguments, keys=keys, place=item.place)
    graph.counts[root.value] += 1
    body[body.index(last)] = layer
    for value in last.values():
        graph.dropped(items, value)
    graph.makers[last.gives[0]] = layer


def _weight(weighted: PlacedItem, item: PlacedItem, graph: ItemGraph, size: int) -> PlacedItem | None:
    """The parameter that a normalised value is multiplied with, one number for each of its last axis."""
    if len(weighted.branches) != 2 or graph.counts[item.gives[0]] != 1:
        return None
    other = next(value for value in weighted.branches if value is not item.gives[0])
    maker = graph.maker(other)
    if maker is None or maker.word != "Parameter" or maker.options or "weight" not in maker.keys:
        return None
    return maker if other.shape[-1:] == (size,) and prod(other.shape) == size else None


def _root(item: PlacedItem, graph: ItemGraph, shape_of: ShapeOf) -> _Root | None:
    """What an item normalises, by a product with the reciprocal of the root, or by division."""
    if item.word == "mul" and len(item.branches) == 2:
        for value, factor in (item.branches, item.branches[::-1]):
            inside = _power(graph.used_once(factor), -0.5)
            found = None if inside is None else _mean_of_squares(inside, value, graph, shape_of)
            if found is not None:
                return _Root(value, found)
    if item.word == "use" and len(item.terms) == 3:
        value, op, root = item.terms
        if op == "/" and isinstance(value, Traced) and isinstance(root, Traced):
            inside = _power(graph.used_once(root), 0.5)
            found = None if inside is None else _mean_of_squares(inside, value, graph, shape_of)
            return None if found is None else _Root(value, found)
    return None


def _power(item: PlacedItem | None, exponent: float) -> Traced | None:
    """What an item raises to a power."""
    if item is None or item.word != "use" or len(item.terms) != 3:
        return None
    value, op, number = item.terms
    return value if op == "**" and number == exponent and isinstance(value, Traced) else None


def _mean_of_squares(inside: Traced, value: Traced, graph: ItemGraph, shape_of: ShapeOf) -> float | None:
    """The number that is added to the mean of the squares of a value along its last axis, if that is what is inside."""
    sum_ = graph.used_once(inside)
    if sum_ is None or sum_.word != "use" or len(sum_.terms) != 3 or sum_.terms[1] != "+":
        return None
    mean_value, eps = (sum_.terms[0], sum_.terms[2]) if isinstance(sum_.terms[0], Traced) else sum_.terms[::-2]
    if not isinstance(mean_value, Traced) or not isinstance(eps, (int, float)):
        return None
    mean = graph.used_once(mean_value)
    if mean is None or mean.word != "Mean" or mean.takes is None:
        return None
    last = len(shape_of(value)) - 1
    if mean.arguments.get("dim") not in (-1, last, [last], [-1]) or mean.arguments.get("keepdim") is not True:
        return None
    squares = graph.used_once(mean.takes)
    if squares is None:
        return None
    is_square = _power(squares, 2) is value or (squares.word == "use" and squares.terms == (value, "*", value))
    return float(eps) if is_square else None
