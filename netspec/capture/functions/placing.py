"""Parts of tensors that a program overwrites: `x[:, 0] = y` is the part, put together with what stands around it."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final, cast

from netspec.capture.functions.arithmetic import number_of
from netspec.capture.functions.choosing import chosen, filled
from netspec.capture.functions.masks import Truth, true_value, truth_of
from netspec.capture.functions.moves import per_axis
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lowering import Handler, Lowering

Cut = tuple[int, int]
"""Where a part begins along an axis, and where it ends."""


_MENDS: Final = "make the tensor of its parts, by `torch.cat`, `torch.stack` or `F.pad`"


def _overwritten(lowering: Lowering, call: TracedCall) -> None:
    whole, index, part = call.args
    result = call.results[0]
    places = cast("tuple[Any, ...]", index if isinstance(index, tuple) else (index,))
    if isinstance(places[0], Traced) and places[0].dtype == "bool":
        _where_true(lowering, call, whole, places, part)
        return
    cuts = _cuts(per_axis(places, len(whole.shape)), whole.shape)
    shape = tuple(end - start for start, end in cuts)
    if not isinstance(part, Traced) or prod(part.shape) != prod(shape) or part.dtype != whole.dtype:
        raise NoForm(f"what is put into a tensor is another shape or type, or no tensor: {_MENDS}")
    if shape[0] != whole.shape[0]:
        raise NoForm(f"examples of a batch are overwritten: {_MENDS}")
    if part.varies and part.shape != shape:
        aligned = made(shape, part)
        lowering.move(part, aligned, lambda layout: layout.reshaped(shape))
        part = aligned
    inside = lowering.taken(part)
    around = [dim for dim, cut in enumerate(cuts) if cut != (0, whole.shape[dim])]
    if around:
        _put(lowering, call, result, lowering.taken(whole), inside, [(dim, cuts[dim]) for dim in around])
    else:
        lowering.is_same(result, inside)


def _where_true(lowering: Lowering, call: TracedCall, whole: Traced, index: Sequence[Any], part: Any) -> None:
    """`x[mask] = 0`, with a mask of the first axes; also what no input decides, such as a vector that is learned."""
    mask, *rest = index
    number = number_of(lowering, part)
    of_all = isinstance(part, Traced) and not part.varies and len(part.shape) <= len(whole.shape) - len(mask.shape)
    if (number is None and not of_all) or any(each is not Ellipsis and each != slice(None) for each in rest):
        raise NoForm("tensors are put where a mask is true, or along another axis, too: use `torch.where`")
    truth = truth_of(lowering, mask)
    further = len(whole.shape) - len(mask.shape)
    if further:
        shape = (*mask.shape, *(1 for _ in range(further)))
        if truth.values:
            value = true_value(lowering, call, truth)
            longer = made(shape, mask)
            lowering.move(value, longer, lambda layout: layout.reshaped(shape))
            truth = Truth(None, (longer,))
        else:
            assert truth.numbers is not None
            truth = truth._replace(numbers=truth.numbers.reshape(shape))
    if number is None:
        chosen(lowering, call, truth, part, whole)
    else:
        filled(lowering, call, whole, truth, number)


def _cuts(parts: Sequence[Any], shape: Sequence[int]) -> list[Cut]:
    """The part of each axis that an index means."""
    found: list[Cut] = []
    if len(parts) != len(shape):
        raise NoForm(f"an axis is added where values are overwritten: {_MENDS}")
    for part, size in zip(parts, shape, strict=True):
        if isinstance(part, int):
            found.append((part % size, part % size + 1))
            continue
        if not isinstance(part, slice):
            raise NoForm(f"values are overwritten that a list of indices chooses: {_MENDS}")
        start, end, step = cast("slice[Any, Any, Any]", part).indices(size)
        if step != 1 or start >= end:
            raise NoForm(f"values are overwritten in steps, or none: {_MENDS}")
        found.append((start, end))
    return found


def _put(
    lowering: Lowering,
    call: TracedCall,
    result: Traced,
    whole: Traced,
    inside: Traced,
    around: Sequence[tuple[int, Cut]],
) -> None:
    """Put a part into a tensor, along these axes one after the other."""
    (dim, (start, end)), *others = around
    size = whole.shape[dim]

    def sized(batch: int, size: int) -> Traced:
        return made((batch, *whole.shape[1:dim], size, *whole.shape[dim + 1 :]), result)

    def cut(size: int, **arguments: int) -> Traced:
        value = sized(whole.shape[0], size)
        lowering.items.append(PlacedItem("Slice", whole, (value,), {"dim": dim, **arguments}, place=call.place))
        lowering.forms[value] = Form()
        return value

    before = [cut(start, end=start)] if start else []
    if others:
        inner = sized(result.shape[0], end - start)
        _put(lowering, call, inner, cut(end - start, start=start, end=end), inside, others)
        inside = inner
    behind = [cut(size - end, start=end)] if end < size else []
    item = PlacedItem("concat", None, (result,), branches=(*before, inside, *behind), place=call.place)
    item.options = {} if dim == 1 else {"dim": dim}
    lowering.items.append(item)
    lowering.forms[result] = Form()


HANDLERS: Final[dict[str, Handler]] = {"__setitem__": _overwritten}
