"""Comparisons of values with a number, which give truth values, and numbers that are made of these."""

from __future__ import annotations

from typing import Any, Final

import torch

from netspec.capture.functions.masks import compared_truth, true_value, truth_of
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import made
from netspec.capture.lowering.forms import NoForm
from netspec.capture.lowering.lookups import numbers_of
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound


def _compared(word: str, number: float | None = None) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input other")
        one, other = given["input"], _single(lowering, given.get("other", number))
        if not isinstance(one, Traced) or not isinstance(other, (bool, int, float)):
            raise NoForm(f"`{call.name}` of two tensors has no form in a spec, which compares values with a number")
        if one.dtype == "bool" and other in (0, 1) and word in ("Equal", "NotEqual"):
            compared_truth(lowering, call, one, other, equal=word == "Equal")
            return
        value, form = lowering.anywhere(as_numbers(lowering, call, one))
        lowering.layered(call, word, value, {"other": other}, form=form)

    return handle


def _single(lowering: Lowering, value: Any) -> Any:
    """The number that a tensor of one is; anything else as it is."""
    numbers = numbers_of(lowering, value) if isinstance(value, Traced) else None
    return numbers.item() if numbers is not None and numbers.numel() == 1 else value


def as_numbers(lowering: Lowering, call: TracedCall, value: Traced, dtype: str = "int64") -> Traced:
    """A value whose truth values, or whole numbers, are numbers of a dtype; the value itself if they are."""
    if value.dtype == dtype or (value.dtype != "bool" and dtype == "int64"):
        return value
    numbers = numbers_of(lowering, value)
    if numbers is not None:
        wider = numbers.to(torch.int64 if dtype == "int64" else torch.float32)
        return Traced("numbers", value.shape, dtype, tensor=wider)
    source = true_value(lowering, call, truth_of(lowering, value)) if value.dtype == "bool" else value
    if len(source.shape) != len(value.shape):
        raise NoForm("a mask is moved, and numbers are made of it")
    found, form = lowering.anywhere(source)
    result = made(value.shape, value, varies=value.varies)
    result.dtype = dtype
    factor = 1 if dtype == "int64" else 1.0
    lowering.add(call, "use", None, terms=(found, "*", factor), form=form, gives=(result,))
    return result


def retyped(lowering: Lowering, call: TracedCall, source: Traced) -> None:
    """Numbers of another dtype.

    Raises:
        NoForm: they would have to be rounded.
    """
    result = call.results[0]
    if source.dtype not in ("bool", "int64") or result.dtype == "bool" or result.shape != source.shape:
        raise NoForm(f"it turns {source.dtype} into {result.dtype}")
    lowering.is_same(result, as_numbers(lowering, call, source, result.dtype))


def _counted(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input dim dtype=None")
    source = given["input"]
    if isinstance(source, Traced) and source.dtype == "bool":
        source = as_numbers(lowering, call, source)
    value, form = lowering.anywhere(source)
    dim = form.axis(given["dim"], len(source.shape))
    if dim is None:
        raise NoForm("`cumsum` along the batch mixes examples")
    lowering.layered(call, "CumSum", value, {"dim": dim}, form=form)


HANDLERS: Final[dict[str, Handler]] = {
    **dict.fromkeys(("eq", "equal"), _compared("Equal")),
    **dict.fromkeys(("ne", "not_equal"), _compared("NotEqual")),
    "bool": _compared("NotEqual", 0),
    **dict.fromkeys(("lt", "less"), _compared("Less")),
    **dict.fromkeys(("le", "less_equal"), _compared("LessEqual")),
    **dict.fromkeys(("gt", "greater"), _compared("Greater")),
    **dict.fromkeys(("ge", "greater_equal"), _compared("GreaterEqual")),
    "cumsum": _counted,
}
