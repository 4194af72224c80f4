"""Comparisons of values with a number or with each other, which give truth values, and sums as far as each."""

from __future__ import annotations

from typing import Any, Final

from netspec.capture.functions.arithmetic import combined, part_of
from netspec.capture.functions.kinds import as_numbers
from netspec.capture.functions.masks import compared_truth
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
        if isinstance(one, Traced) and isinstance(other, Traced):
            one, other = _difference(lowering, call, word, one, other), 0
        if not isinstance(one, Traced) or not isinstance(other, (bool, int, float)):
            raise NoForm(f"`{call.name}` of {type(other).__name__} has no form in a spec")
        if one.dtype == "bool" and other in (0, 1) and word in ("Equal", "NotEqual"):
            compared_truth(lowering, call, one, other, equal=word == "Equal")
            return
        value, form = lowering.anywhere(as_numbers(lowering, call, one))
        lowering.layered(call, word, value, {"other": other}, form=form)

    return handle


def _difference(lowering: Lowering, call: TracedCall, word: str, one: Traced, other: Traced) -> Traced:
    """Two tensors as the difference of both, which is compared with 0: that says the same of whole numbers, as far as
    their difference is an int64, and of others which one is larger, also where they are infinite."""
    kinds = (one.dtype, other.dtype)
    if "float32" in kinds and word not in ("Less", "Greater"):
        raise NoForm(f"`{call.name}` of two tensors has no form in a spec, which compares values with a number")
    difference = made(call.results[0].shape, call.results[0])
    difference.dtype = "float32" if "float32" in kinds else "int64"
    combined(lowering, part_of(call, difference), "-", one, other)
    return difference


def _single(lowering: Lowering, value: Any) -> Any:
    """The number that a tensor of one is; anything else as it is."""
    numbers = numbers_of(lowering, value) if isinstance(value, Traced) else None
    return numbers.item() if numbers is not None and numbers.numel() == 1 else value


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
