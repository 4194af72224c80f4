"""The larger and the smaller of two tensors, element by element."""

from __future__ import annotations

from typing import Any, Final

from netspec.capture.functions.arithmetic import operands, part_of
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound


def chosen(lowering: Lowering, call: TracedCall, word: str, left: Any, right: Any) -> None:
    """The larger or the smaller of two: of equal shapes the extreme of both behind each other; where one is repeated
    along axes of the other, that one and what the other has above or below it.

    Args:
        lowering: of the module.
        call: gives it.
        word: `Max` or `Min`.
        left: the one.
        right: the other, or a number.
    """
    result = call.results[0]
    a, b, form = operands(lowering, result, left, right)
    values = [value for value in (a, b) if isinstance(value, Traced)]
    if len(values) < 2:
        number = b if isinstance(a, Traced) else a
        bounds = {"min": number, "max": None} if word == "Max" else {"min": None, "max": number}
        lowering.layered(call, "Clamp", values[0], bounds, form=form)
        return
    whole_shape = form.shape(result.shape, lowering.batch if result.varies else 1)
    is_whole = [_of_one(lowering, value) == whole_shape[1:] for value in values]
    if all(is_whole):
        both = made((whole_shape[0], 2, *whole_shape[1:]), result, varies=result.varies)
        lowering.items.append(PlacedItem("stack", None, (both,), branches=tuple(values), place=call.place))
        lowering.layered(call, word, both, {"dim": 1, "keepdim": False}, form=form)
        return
    if not any(is_whole):
        raise NoForm(f"`{call.name}` of two tensors of which each is repeated along an axis has no form in a spec")
    whole, other = values if is_whole[0] else values[::-1]
    terms, sign = ((whole, "-", other), "+") if word == "Max" else ((other, "-", whole), "-")
    apart, more = (made(whole_shape, result, varies=result.varies) for _ in range(2))
    lowering.items.append(PlacedItem("use", None, (apart,), terms=terms, place=call.place))
    lowering.items.append(PlacedItem("ReLU", apart, (more,), place=call.place))
    lowering.add(call, "use", None, terms=(other, sign, more), form=form)


def _of_one(lowering: Lowering, value: Traced) -> tuple[int, ...]:
    """The shape of a value for one example."""
    return lowering.forms.get(value, Form()).shape(value.shape, 1)[1:]


def _of_two(word: str) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input other")
        chosen(lowering, call, word, given["input"], given["other"])

    return handle


def _clamp(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input min=None max=None")
    low, high = given["min"], given["max"]
    if not isinstance(low, Traced) and not isinstance(high, Traced):
        value, form = lowering.anywhere(given["input"])
        lowering.layered(call, "Clamp", value, {"min": low, "max": high}, form=form)
    elif high is None:
        chosen(lowering, call, "Max", given["input"], low)
    elif low is None:
        chosen(lowering, call, "Min", given["input"], high)
    else:
        above = made(call.results[0].shape, call.results[0])
        chosen(lowering, part_of(call, above), "Max", given["input"], low)
        chosen(lowering, call, "Min", above, high)


HANDLERS: Final[dict[str, Handler]] = {
    "maximum": _of_two("Max"),
    "minimum": _of_two("Min"),
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": lambda lowering, call: chosen(lowering, call, "Max", *_both(call)),
    "clamp_max": lambda lowering, call: chosen(lowering, call, "Min", *_both(call)),
}


def _both(call: TracedCall) -> tuple[Any, Any]:
    """The tensor and its bound."""
    given = bound(call, "input bound")
    return given["input"], given["bound"]
