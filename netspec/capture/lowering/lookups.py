"""Parameters whose numbers a program moves or looks up: tables of biases for the distances of two positions.

What a function that moves and chooses does to a parameter is seen by giving it the numbers of the places in its stead.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from math import prod
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import torch

from netspec.capture.graph import Traced, TracedCall, with_tensors
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import AxisMoves, Form
from netspec.capture.numbers.tables import told
from netspec.torch.units import RelativePositionBias

if TYPE_CHECKING:
    from netspec.capture.lowering.lowering import Lowering

_MOVES: Final = frozenset(
    """
    __getitem__ view reshape flatten unflatten squeeze unsqueeze permute transpose movedim contiguous chunk
    index_select select narrow t T mT H mH swapaxes view_as reshape_as repeat_interleave unbind
    """.split()  # noqa: SIM905  # a list of words reads best as words
)


_REPEATS: Final = frozenset(("expand", "broadcast_to"))

_RESHAPES: Final = frozenset(
    ("view", "reshape", "unsqueeze", "squeeze", "flatten", "unflatten", "contiguous", "to", "float", "type_as", "clone")
)


class ChosenPlaces(NamedTuple):
    """Which numbers of a parameter a tensor has."""

    source: Traced
    places: torch.Tensor
    """For each of them its place in the parameter, counted through all of its axes."""


_FARTHEST: Final = (128, 256, 512, 1024, 2048, 64, 32, 20, 16)
"""Distances behind which all share a bucket, likely ones first."""


def rows_chosen(lowering: Lowering, call: TracedCall, weight: Traced, index: Any) -> bool:
    """Note which rows of a table a lookup by a table of numbers gives; whether it is one, the same for all examples."""
    if not isinstance(index, Traced) or index.varies or len(index.shape) != _OF_PLACES:
        return False
    if index.shape[0] in (1, lowering.batch) or weight.dtype != "float32":  # one for all examples, or one for each
        return False
    chosen = numbers_of(lowering, index)
    if chosen is None or chosen.dtype != torch.int64:
        return False
    places = chosen[..., None] * weight.shape[1] + torch.arange(weight.shape[1])
    lowering.places[call.results[0]] = ChosenPlaces(weight, places)
    return True


_OF_PLACES: Final = 2
"""Axes of an index of two places: a query's and a key's."""


def followed(lowering: Lowering, call: TracedCall) -> bool:
    """Note which numbers of a parameter a call moves or chooses; whether it does no more than that."""
    repeats = call.name in _REPEATS and call.results[0].shape[:1] != (lowering.batch,)  # else for each example
    if (call.name not in _MOVES and not repeats) or call.function is None:
        return False
    read = list(dict.fromkeys(call.reads()))
    sources = {value: found for value in read if (found := _places(lowering, value)) is not None}
    if len(sources) != 1:
        return False
    found = next(iter(sources.values()))
    given: dict[Traced, torch.Tensor] = {value: each.places for value, each in sources.items()}
    for value in read:
        if value not in given:
            numbers = numbers_of(lowering, value)
            if numbers is None or numbers.is_floating_point():
                return False
            given[value] = numbers
    moved: Any = call.function(*with_tensors(call.args, given), **with_tensors(call.kwargs, given))
    several = cast("Sequence[torch.Tensor]", moved if isinstance(moved, (tuple, list)) else [moved])
    for result, places in zip(call.results, several, strict=True):
        lowering.places[result] = ChosenPlaces(found.source, places)
    return True


def only_reshapes(call: TracedCall) -> bool:
    """Whether a call gives the numbers of a tensor in another shape, all of them and in their order."""
    return call.name in _RESHAPES or (call.name == "__getitem__" and _only_adds_axes(call.args[1]))


def _only_adds_axes(index: Any) -> bool:
    """Whether an index adds axes of 1 and chooses nothing: `x[None, :, ...]`."""
    parts = cast("tuple[Any, ...]", index) if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or part == slice(None) for part in parts)


def looked_up(lowering: Lowering, value: Traced, shape: Sequence[int]) -> Traced | None:
    """A value of what was chosen from a parameter, whose first axis, of 1, is that of the batch; None if it has no
    form."""
    found = lowering.places.get(value)
    if found is None or not shape or shape[0] != 1 or found.places.numel() != prod(shape):
        return None
    places = found.places.reshape(tuple(shape[1:]))
    known = lowering.parameters.get((value, tuple(shape[1:])))
    if known is not None:
        return known
    lead = next((i for i, size in enumerate(places.shape) if size != 1), 0)
    own = places.reshape(places.shape[lead:])
    result = (
        _permuted(lowering, found.source, own)
        or _from_table(lowering, found.source, own)
        or _along_axes(lowering, found.source, own)
    )
    if result is not None and lead:
        names = " ".join("abcdef"[: own.dim()])
        ones = " ".join("1" for _ in range(lead))
        result = _moved(lowering, found.source, result, f"n {names} -> n {ones} {names}", tuple(places.shape))
    if result is not None:
        lowering.parameters[value, tuple(shape[1:])] = result
    return result


# ---- what a call does


def _places(lowering: Lowering, value: Traced) -> ChosenPlaces | None:
    while value in lowering.same:
        value = lowering.same[value]
    if value in lowering.places:
        return lowering.places[value]
    source, shape = lowering.constants.get(value, (value, value.shape))
    if source in lowering.places:
        found = lowering.places[source]
        return found._replace(places=found.places.reshape(shape))
    if source.kind != "parameter" or source.dtype != "float32":
        return None
    return ChosenPlaces(source, torch.arange(prod(shape)).reshape(shape))


def numbers_of(lowering: Lowering, value: Traced) -> torch.Tensor | None:
    """The numbers of what no input decides, and no training."""
    if value.varies:
        return None
    if value.tensor is not None:
        return value.tensor
    source, shape = lowering.constants.get(value, (value, value.shape))
    if source.kind != "buffer":
        return None
    found = dict(lowering.trace.root.module.named_buffers()).get(source.key)
    return None if found is None else found.reshape(shape)


# ---- what a spec says of it


def _permuted(lowering: Lowering, source: Traced, places: torch.Tensor) -> Traced | None:
    """A parameter with its axes in another order."""
    sizes = tuple(size for size in source.shape if size != 1)
    count = len(sizes)
    if places.numel() != torch.Size(source.shape).numel() or not 2 <= count <= 4:
        return None
    own = torch.arange(places.numel()).reshape(sizes)
    for order in permutations(range(count)):
        turned = own.permute(order)
        if turned.numel() == places.numel() and torch.equal(turned.reshape(places.shape), places):
            start = lowering.constant(source, (1, *source.shape))
            names = "abcd"[:count]
            left = _axes(source.shape, names)
            right = _axes(tuple(places.shape), [names[i] for i in order])
            if right is None or left is None:
                return None
            return _moved(lowering, source, start, f"n {left} -> n {right}", tuple(places.shape))
    return None


def _axes(shape: Sequence[int], names: Sequence[str]) -> str | None:
    """The names of the axes of a shape, 1 for those that have none."""
    rest = iter(names)
    found = ["1" if size == 1 else next(rest, "") for size in shape]
    return None if "" in found or next(rest, None) is not None else " ".join(found)


def _from_table(lowering: Lowering, source: Traced, places: torch.Tensor) -> Traced | None:
    """Rows of a table, chosen by numbers, with the axis of the rows in some place."""
    if len(source.shape) != 2 or places.numel() == source.shape[1]:  # one row is no table
        return None
    rows, width = source.shape
    for axis in [i for i, size in enumerate(places.shape) if size == width]:
        last = places.movedim(axis, -1)
        if not torch.equal(last, last[..., :1] + torch.arange(width)) or bool((last[..., 0] % width).any()):
            continue
        chosen = last[..., 0] // width
        near = _distances(chosen, rows) if axis == 0 and chosen.dim() == _OF_PLACES else None
        if near is not None:
            bias = made((1, *places.shape), source, varies=False)
            item = PlacedItem("RelativePositionBias", None, (bias,), {"num_heads": width, **near}, path=source.key)
            item.keys = {"weight": source.key}
            lowering.homes.placed(item, lowering.items)
            lowering.forms[bias] = Form()
            return bias
        numbers = told(chosen)
        if numbers is None:
            return None
        index = Traced("made", (1, *chosen.shape), "int64")
        arguments = {"value": numbers, "dtype": "int64", "persistent": False}
        lowering.items.append(PlacedItem("Buffer", None, (index,), arguments))
        found = made((1, *last.shape), source, varies=False)
        table = {"num_embeddings": rows, "embedding_dim": width}
        lowering.items.append(PlacedItem("Embedding", index, (found,), table, keys={"weight": source.key}))
        lowering.items[-1].path = source.key
        lowering.forms[index] = lowering.forms[found] = Form()
        if axis == places.dim() - 1:
            return found
        names = list("ijkl"[: places.dim() - 1])
        turned = [*names[:axis], "h", *names[axis:]]
        pattern = f"n {' '.join(names)} h -> n {' '.join(turned)}"
        return _moved(lowering, source, found, pattern, tuple(places.shape))
    return None


def _along_axes(lowering: Lowering, source: Traced, places: torch.Tensor) -> Traced | None:
    """A parameter of which along each axis all, one or some places are chosen, whatever is chosen along the others."""
    steps: list[tuple[str, dict[str, Any]]] = []
    shape, order = [1], list[int]()
    for along, size in zip(torch.unravel_index(places, source.shape), source.shape, strict=True):
        own = [dim for dim in range(along.dim()) if bool((along != along.narrow(dim, 0, 1)).any())]
        chosen = along[tuple(slice(None) if dim in own else 0 for dim in range(along.dim()))]
        if not own:
            steps.append(("Select", {"dim": len(shape), "index": int(chosen)}))
        elif not torch.equal(chosen, torch.arange(size)):
            steps.append(("IndexSelect", {"dim": len(shape), "index": told(chosen)}))
        shape, order = [*shape, *chosen.shape], [*order, *own]
    is_whole = len(order) == len(set(order)) and prod(shape) == places.numel()
    if not is_whole or any(arguments["index"] is None for _, arguments in steps):
        return None
    layout = AxisMoves.of(shape, Form(), 1)
    layout.permuted([0, *(order.index(dim) + 1 for dim in sorted(order))])
    layout.reshaped((1, *places.shape))
    moved = layout.item()
    value = lowering.constant(source, (1, *source.shape))
    for word, arguments in (*steps, *(() if moved is None else (moved,))):
        before, value = value, made((1, *places.shape), source, varies=False)
        lowering.items.append(PlacedItem(word, before, (value,), arguments))
        lowering.forms[value] = Form()
    return value


def _moved(lowering: Lowering, source: Traced, start: Traced, pattern: str, shape: tuple[int, ...]) -> Traced:
    left, _, right = pattern.partition(" -> ")
    if left == right:
        return start
    result = made((1, *shape), source, varies=False)
    lowering.items.append(PlacedItem("Rearrange", start, (result,), {"pattern": pattern}))
    lowering.forms[result] = Form()
    return result


def _distances(chosen: torch.Tensor, rows: int) -> dict[str, Any] | None:
    """The arguments of `RelativePositionBias`, but for its heads, whose buckets these are; None of any others."""
    queries, keys = chosen.shape
    for bidirectional in (True, False):
        least = 4 if bidirectional else 2
        for farthest in _FARTHEST:
            if rows < least or rows % (least // 2) or farthest <= rows // least:
                continue
            found = RelativePositionBias(1, queries, keys, rows, farthest, bidirectional).buckets
            if torch.equal(found, chosen):
                own: dict[str, Any] = {"query_length": queries}
                own |= {"key_length": keys} if keys != queries else {}
                own |= {"num_buckets": rows} if rows != _BUCKETS else {}
                own |= {"max_distance": farthest} if farthest != _FARTHEST[0] else {}
                return own if bidirectional else {**own, "bidirectional": False}
    return None


_BUCKETS: Final = 32
"""Of `RelativePositionBias`, by default."""
