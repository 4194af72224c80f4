"""Functions that move, cut and choose values without computing."""

from __future__ import annotations

from collections.abc import Sequence
from math import isqrt
from typing import Any, Final, cast

import torch

from netspec.capture.functions.choosing import is_each_example, of_each, rows_of
from netspec.capture.functions.masks import left_out, moved, value_of
from netspec.capture.functions.repeats import tiled
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import AxisMoves, NoForm
from netspec.capture.lowering.lifted import is_lifted, lift, repeat
from netspec.capture.lowering.lookups import numbers_of, only_reshapes
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound, several
from netspec.capture.numbers.tables import Windows, told, told_pairs, windows_of
from netspec.capture.written import ExpressionText


def _source(lowering: Lowering, call: TracedCall) -> Traced:
    value = call.args[0] if call.args else call.kwargs.get("input")
    if isinstance(value, Traced) and is_lifted(lowering, value):
        return value
    if not isinstance(value, Traced) or not value.varies:
        raise NoForm(f"`{call.name}` of what no input decides has no form in a spec")
    if value in lowering.truths:
        return value_of(lowering, call, value)
    found = lowering.find(value)
    return value if value in lowering.forms or value in lowering.pending else found


def _reshape(lowering: Lowering, call: TracedCall) -> None:
    """Any of the functions that cut and merge axes: what they give says how."""
    if moved(lowering, call):
        return
    result = call.results[0]
    value = _source(lowering, call)
    if result.dtype != value.dtype:
        raise NoForm(f"it turns {value.dtype} into {result.dtype}")
    lowering.move(value, result, lambda layout: layout.reshaped(result.shape))


def _permuted(lowering: Lowering, call: TracedCall, dims: Sequence[int]) -> None:
    lowering.move(_source(lowering, call), call.results[0], lambda layout: layout.permuted(dims))


def _permute(lowering: Lowering, call: TracedCall) -> None:
    _permuted(lowering, call, several(call))


def _transpose(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input dim0 dim1")
    names = ("dim0", "dim1") if "dim0" in given else ("axis0", "axis1")
    rank = len(call.results[0].shape)
    a, b = (given[name] % rank for name in names)
    dims = list(range(rank))
    dims[a], dims[b] = b, a
    _permuted(lowering, call, dims)


def _movedim(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input source destination")
    rank = len(call.results[0].shape)
    sources, targets = (
        [each] if isinstance(each, int) else list(each) for each in (given["source"], given["destination"])
    )
    placed = {target % rank: source % rank for source, target in zip(sources, targets, strict=True)}
    rest = iter([dim for dim in range(rank) if dim not in placed.values()])
    _permuted(lowering, call, [placed[i] if i in placed else next(rest) for i in range(rank)])


def _turned(lowering: Lowering, call: TracedCall) -> None:
    """`x.t()`, `x.mT`, and of real numbers `x.mH`."""
    rank = len(call.results[0].shape)
    _permuted(lowering, call, [*range(rank - 2), rank - 1, rank - 2])


def _reversed(lowering: Lowering, call: TracedCall) -> None:
    """`x.T`."""
    _permuted(lowering, call, [*reversed(range(len(call.results[0].shape)))])


def _choose(lowering: Lowering, call: TracedCall) -> None:
    """`x[:, 0]`, `x[..., None]`, `x[:, :, 2:4]`."""
    if 0 in call.results[0].shape:
        return  # nothing of the value, of which a program may put nothing behind it again
    if only_reshapes(call) and moved(lowering, call):
        return
    index = cast("tuple[Any, ...]", call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],))
    if _rows_of_table(lowering, call, call.args[0], index):
        return
    value = _source(lowering, call)
    rank = len(value.shape)
    own = of_each(lowering, call, value, index)
    if own is not None:
        axes = [slice(None)] * len(index[1].shape)
        _indexed(lowering, call, own, [*axes, *per_axis(index[2:], len(own.shape) - len(axes))])
        return
    if is_each_example(lowering, index[0]):
        index = (slice(None), *index[1:])
    lists = sum(isinstance(part, tuple) for part in index)
    if lists == 1 and not any(isinstance(part, int) for part in index):
        index = tuple(_run(cast("tuple[Any, ...]", part)) if isinstance(part, tuple) else part for part in index)
    if sum(isinstance(part, (Traced, list, tuple)) for part in index) == 1:
        _looked_up(lowering, call, value, index)
        return
    if any(isinstance(part, (Traced, list, tuple, bool)) for part in index):
        raise NoForm("values are chosen by several tensors or lists of indices")
    _indexed(lowering, call, value, per_axis(index, rank))


def _rows_of_table(lowering: Lowering, call: TracedCall, table: Any, index: Sequence[Any]) -> bool:
    """Write the rows of a parameter that numbers of the input choose, `table[ids]`; whether it is that."""
    ids = index[0]
    if not isinstance(table, Traced) or table.kind != "parameter" or len(table.shape) != 2:
        return False
    if len(index) > 1 or not isinstance(ids, Traced) or not ids.varies or ids.dtype != "int64":
        return False
    rows_of(lowering, call, table, ids)
    return True


def per_axis(index: Sequence[Any], rank: int) -> list[Any]:
    """The parts of an index: one for each axis, and None for each new one."""
    used = sum(part is not None and part is not Ellipsis for part in index)
    if Ellipsis not in index:
        index = (*index, Ellipsis)
    at = index.index(Ellipsis)
    return [*index[:at], *[slice(None)] * (rank - used), *index[at + 1 :]]


def _looked_up(lowering: Lowering, call: TracedCall, value: Traced, index: Sequence[Any]) -> None:
    """Slices along one axis, by a tensor of their numbers or a list of them: `x[:, index]`."""
    at = next(i for i, part in enumerate(index) if isinstance(part, (Traced, list, tuple)))
    if any(part is not Ellipsis and part != slice(None) for i, part in enumerate(index) if i != at):
        raise NoForm("values are chosen by a tensor or a list of indices, and along another axis, too")
    dim = at if Ellipsis not in index[:at] else at - len(index) + len(value.shape)
    _chosen(lowering, call, value, dim, index[at])


def _index_select(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input dim index")
    _chosen(lowering, call, _source(lowering, call), given["dim"] % len(call.results[0].shape), given["index"])


def _repeat_interleave(lowering: Lowering, call: TracedCall) -> None:
    """Each slice several times, one behind the other."""
    given = bound(call, "input repeats dim=None output_size=None")
    times, along = given["repeats"], given["dim"]
    if not isinstance(times, int) or not isinstance(along, int):
        raise NoForm("values are repeated by a tensor, or along all axes")
    source = _source(lowering, call)
    dim = along % len(source.shape)
    chosen = torch.arange(source.shape[dim]).repeat_interleave(times)
    lowering.is_same(call.results[0], _along(lowering, call, source, dim, chosen))


def _chosen(lowering: Lowering, call: TracedCall, source: Traced, dim: int, index: Any) -> None:
    """Slices of a value along an axis, by their numbers: an axis for each of those of the index takes its place."""
    if not isinstance(index, Traced) and not all(type(number) is int for number in index):
        raise NoForm("values are chosen by a list of what are no whole numbers")
    chosen = numbers_of(lowering, index) if isinstance(index, Traced) else torch.tensor(index)
    if chosen is None or chosen.dtype != torch.int64:
        raise NoForm("values are chosen by a tensor that is computed, or of truth values")
    if isinstance(index, Traced):
        left_out(lowering, lowering.constants.get(index, (index, ()))[0])
    result, size = call.results[0], source.shape[dim]
    front, behind = source.shape[:dim], source.shape[dim + 1 :]
    found = _windows(chosen % size)
    if found is None or size % found.kinds:
        value = _along(lowering, call, source, dim, chosen % size)
        lowering.move(value, result, lambda layout: layout.reshaped(result.shape))
        return
    grid = made((*front, size // found.kinds, found.kinds, *behind), result)
    lowering.move(source, grid, lambda layout: layout.reshaped(grid.shape))
    value = _along(lowering, call, _along(lowering, call, grid, dim, found.rows), dim + 1, found.columns)
    (above, below), (left, right) = found.rows.shape, found.columns.shape

    def move(layout: AxisMoves) -> None:
        layout.reshaped((*front, above, below, left, right, *behind))
        turned = [dim, dim + 2, dim + 1, dim + 3]
        layout.permuted([*range(dim), *turned, *range(dim + 4, dim + 4 + len(behind))])
        layout.reshaped(result.shape)

    lowering.move(value, result, move)


def _windows(chosen: torch.Tensor) -> Windows | None:
    """The windows of whose places these are the numbers of all pairs, also one behind the other; None of any others."""
    side = isqrt(chosen.numel())
    if chosen.dim() == 1 and side**2 == chosen.numel() and not isinstance(told(chosen), ExpressionText):
        chosen = chosen.reshape(side, side)
    return windows_of(chosen) if chosen.dim() == 2 and chosen.numel() > 1 else None


def _along(lowering: Lowering, call: TracedCall, source: Traced, dim: int, chosen: torch.Tensor) -> Traced:
    """Slices along one axis, one behind the other."""
    value, form = lowering.anywhere(source)
    axis, numbers = form.axis(dim, len(source.shape)), told_pairs(chosen)
    if axis is None:
        raise NoForm("examples are chosen from the batch")
    if numbers is None:
        raise NoForm(f"{chosen.numel()} indices of values are too many to be written into a spec")
    result = made((*source.shape[:dim], chosen.numel(), *source.shape[dim + 1 :]), source)
    lowering.add(call, "IndexSelect", value, {"dim": axis, "index": numbers}, form=form, gives=(result,))
    lift(lowering, [result])
    return result


def _run(indices: Sequence[Any]) -> Any:
    """A list of indices at equal distances as a slice: `x[:, [-1]]` is `x[:, -1:]`."""
    numbers = [index for index in indices if type(index) is int]
    if not numbers or len(numbers) < len(indices):
        return indices
    first, last = numbers[0], numbers[-1]
    step = numbers[1] - first if len(numbers) > 1 else 1
    if step < 1 or first < 0 <= last or numbers != list(range(first, last + 1, step)):
        return indices
    return slice(first, None if last == -1 else last + 1, step)


def _indexed(lowering: Lowering, call: TracedCall, value: Traced, parts: list[Any]) -> None:
    """Choose along each axis; what is left is moved into the shape of the result."""
    dim = 0
    shape = list(value.shape)
    steps: list[tuple[str, int, Any]] = []
    for part in parts:
        if part is None:
            continue
        if isinstance(part, slice):
            part = cast("slice[Any, Any, Any]", part)
            if part.indices(shape[dim]) != (0, shape[dim], 1):
                steps.append(("Slice", dim, part))
            dim += 1
            continue
        steps.append(("Select", dim, int(part)))
        dim += 1
    form = None
    if steps:
        value, form = lowering.anywhere(value)
    gone = 0
    for number, (word, dim, part) in enumerate(steps):
        assert form is not None
        here = dim - gone
        axis = form.axis(here, len(shape))
        if axis is None:
            raise NoForm("examples are chosen from the batch")
        if word == "Slice":
            size, shape[here] = shape[here], len(range(*part.indices(shape[here])))
            arguments = {"dim": axis, "start": part.start, "end": part.stop, "step": part.step}
            if part.stop is not None and part.stop >= size:
                del arguments["end"]
            arguments = {name: n for name, n in arguments.items() if n not in (None, 1 if name == "step" else None)}
            if arguments.get("start") == 0:
                del arguments["start"]
        else:
            arguments = {"dim": axis, "index": part}
            del shape[here]
            gone += 1
            form = form._replace(at=form.at - (here < form.at))
        last = number == len(steps) - 1 and None not in parts
        after = call.results[0] if last else made(tuple(shape), call.results[0])
        lowering.items.append(PlacedItem(word, value, (after,), arguments, place=call.place))
        lowering.forms[after] = form
        value = after
    if value is not call.results[0]:
        result = call.results[0]
        lowering.move(value, result, lambda layout: layout.reshaped(result.shape))


def _select(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input dim index")
    value = _source(lowering, call)
    dim = given["dim"] % len(value.shape)
    _indexed(lowering, call, value, [given["index"] if i == dim else slice(None) for i in range(len(value.shape))])


def _narrow(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input dim start length")
    value = _source(lowering, call)
    dim = given["dim"] % len(value.shape)
    part = slice(given["start"], given["start"] + given["length"])
    _indexed(lowering, call, value, [part if i == dim else slice(None) for i in range(len(value.shape))])


def _parts(lowering: Lowering, call: TracedCall, dim: int, word: str, arguments: dict[str, Any]) -> None:
    value, form = lowering.anywhere(_source(lowering, call))
    axis = form.axis(dim, len(call.results[0].shape))
    if axis is None:
        raise NoForm("the batch is taken apart")
    if len(call.results) == 1:
        lowering.is_same(call.results[0], value)
        return
    options = {} if axis == 1 else {"dim": axis}
    lowering.add(call, word, value, arguments | options, form=form)


def _chunk(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input chunks dim=0")
    _cut(lowering, call, given["dim"])


def _split(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input split_size_or_sections dim=0")
    _cut(lowering, call, given["dim"])


def _cut(lowering: Lowering, call: TracedCall, dim: int) -> None:
    """Parts of an axis, equal or not."""
    sizes = [value.shape[dim] for value in call.results]
    if len(set(sizes)) == 1:
        _parts(lowering, call, dim, "Chunk", {"chunks": len(sizes)})
    else:
        _parts(lowering, call, dim, "Split", {"sizes": sizes})


def _unbind(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input dim=0")
    value, form = lowering.anywhere(_source(lowering, call))
    rank = len(call.results[0].shape) + 1
    dim = given["dim"] % rank
    axis = form.axis(dim, rank)
    if axis is None:
        raise NoForm("the batch is taken apart")
    after = form._replace(at=form.at - (dim < form.at))
    for i, result in enumerate(call.results):
        lowering.items.append(PlacedItem("Select", value, (result,), {"dim": axis, "index": i}, place=call.place))
        lowering.forms[result] = after


def _expand(lowering: Lowering, call: TracedCall) -> None:
    """What is repeated along the batch is one for all examples; along another axis only joins repeat."""
    result = call.results[0]
    source = next(call.reads())
    tiles = any(size not in (1, wanted) for size, wanted in zip(source.shape[1:], result.shape[1:], strict=False))
    if tiles and len(source.shape) == len(result.shape) and call.name in _TILES:
        for dim, size in enumerate(result.shape):
            if size != source.shape[dim]:
                source = tiled(lowering, source, dim, size // source.shape[dim])
        lowering.is_same(result, source)
        return
    if is_lifted(lowering, source):
        repeat(lowering, source, result)
        return
    if not source.varies:
        known, shape = lowering.constants.get(source, (source, source.shape))
        aligned = (*(1 for _ in range(len(result.shape) - len(shape))), *shape)
        if aligned[0] == 1 and result.shape[1:] == tuple(aligned[1:]):
            lowering.constants[result] = (known, tuple(aligned))
            return
        raise NoForm("it repeats values along an axis")
    if source.shape == result.shape:
        lowering.is_same(result, source)
    elif len(source.shape) == len(result.shape):
        lowering.expanded[result] = source
    else:
        raise NoForm("it repeats values along an axis")


_TILES: Final = ("repeat", "tile")
"""Functions that repeat all of a value along an axis, not each number."""


HANDLERS: Final[dict[str, Handler]] = {
    **dict.fromkeys(
        ("view", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "view_as", "reshape_as", "ravel"), _reshape
    ),
    "permute": _permute,
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), _transpose),
    **dict.fromkeys(("movedim", "moveaxis"), _movedim),
    "__getitem__": _choose,
    "select": _select,
    "narrow": _narrow,
    "index_select": _index_select,
    "repeat_interleave": _repeat_interleave,
    "chunk": _chunk,
    **dict.fromkeys(("split", "split_with_sizes", "tensor_split"), _split),
    "unbind": _unbind,
    **dict.fromkeys(("expand", "expand_as", "broadcast_to", *_TILES), _expand),
    **dict.fromkeys(("t", "mT", "H", "mH"), _turned),
    "T": _reversed,
}
