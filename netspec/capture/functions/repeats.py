"""Values that a program repeats along axes, or cuts into windows that overlap: `IndexSelect` in a spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lifted import lift
from netspec.capture.numbers.tables import told

if TYPE_CHECKING:
    from netspec.capture.lowering.lowering import Lowering


def repeated(lowering: Lowering, value: Traced) -> Traced:
    """A value that was expanded along axes, with all its numbers: what reads it does not repeat by itself."""
    source = lowering.expanded.pop(value)
    for dim, (before, after) in enumerate(zip(source.shape, value.shape, strict=True)):
        if before != after:
            source = tiled(lowering, source, dim, after)
    found = lowering.find(source)
    lowering.same[value], lowering.forms[value] = found, lowering.forms[source]
    return found


def tiled(lowering: Lowering, value: Traced, dim: int, times: int) -> Traced:
    """A value several times, one behind the other along an axis."""
    size = value.shape[dim]
    return chosen_along(lowering, value, dim, told(torch.arange(size).repeat(times)), (size * times,))


def one_for_all(lowering: Lowering, value: Traced, axis: int) -> Traced:
    """A value that no input decides, and that a program repeats for each example along an axis: with the batch first.

    Raises:
        NoForm: it is not the same for all examples.
    """
    source, rank = value, len(value.shape)
    if (
        source.kind == "numbers"
        and source.tensor is not None
        and bool((source.tensor == source.tensor.narrow(axis, 0, 1)).all())
    ):
        source = Traced("numbers", (), value.dtype, tensor=source.tensor.narrow(axis, 0, 1))
        source.shape = tuple(source.tensor.shape)
    while axis >= rank - len(source.shape) and source.shape[axis - rank] != 1:
        maker = source.maker
        before = None if maker is None else next(maker.reads(), None)
        if maker is None or before is None or not (before.shape == source.shape or maker.name in _REPEATING):
            told = lowering.unsaid.get(source)
            raise NoForm("it is not one tensor for all examples, repeated for each" if told is None else told.why)
        source = before
    sizes = (*(1 for _ in range(rank - len(source.shape))), *source.shape)
    if sizes != (*value.shape[:axis], 1, *value.shape[axis + 1 :]):
        raise NoForm("a tensor that is one for all examples is repeated along another axis than that of the batch, too")
    return lowering.constant(source, (1, *sizes[:axis], *sizes[axis + 1 :]))


_REPEATING: Final = frozenset(("expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave"))


def windows(lowering: Lowering, value: Traced, dim: int, size: int, step: int) -> Traced:
    """The windows of an axis, each of so many places, and so many places behind the one in front of it: two axes in the
    place of one."""
    count = (value.shape[dim] - size) // step + 1
    index = torch.arange(count)[:, None] * step + torch.arange(size)
    return chosen_along(lowering, value, dim, told(index), (count, size))


def chosen_along(lowering: Lowering, source: Traced, dim: int, index: Any, sizes: tuple[int, ...]) -> Traced:
    """The places of an axis that an index names.

    Args:
        lowering: what it is written in.
        source: the value.
        dim: which axis of the tensor.
        index: the places, as they are written; None of too many.
        sizes: the axes of the index.
    """
    value, form = lowering.anywhere(source)
    axis = form.axis(dim, len(source.shape))
    if axis is None:
        raise NoForm("examples are chosen from the batch, or repeated")
    if index is None:
        raise NoForm("indices of values are too many to be written into a spec")
    result = made((*source.shape[:dim], *sizes, *source.shape[dim + 1 :]), source)
    lowering.items.append(PlacedItem("IndexSelect", value, (result,), {"dim": axis, "index": index}))
    moved = (len(sizes) - 1) * (dim < form.at)
    lowering.forms[result] = Form(form.at + moved, form.inner)
    lift(lowering, [result])
    return result
