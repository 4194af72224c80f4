"""Variances and standard deviations, as means of the squares of what differs from the mean."""

from __future__ import annotations

from math import prod
from typing import Any, Final, cast

from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import made
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound


def _variance(*, is_root: bool) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input dim=None unbiased=True keepdim=False correction=None")
        source: Traced = given["input"]
        _, form = lowering.anywhere(source)
        dims = _dims(given["dim"], form, len(source.shape))
        correction = int(given["unbiased"]) if given["correction"] is None else given["correction"]
        count = prod(source.shape[dim] for dim in dims)
        steps: list[tuple[str, float]] = [("*", count / (count - correction))] if correction else []
        steps += [("**", 0.5)] if is_root else []
        squares = _squares(lowering, call, source, dims)
        keepdim: bool = given["keepdim"]
        after = form if keepdim else form._replace(at=form.at - sum(dim < form.at for dim in dims))
        values = [*(made(call.results[0].shape, source) for _ in steps), call.results[0]]
        arguments = {"dim": _axes(dims, form, len(source.shape)), "keepdim": keepdim}
        lowering.layered(call, "Mean", squares, arguments, form=after, gives=(values[0],))
        for (op, number), before, last in zip(steps, values[:-1], values[1:], strict=True):
            lowering.add(call, "use", None, terms=(before, op, number), form=after, gives=(last,))

    return handle


def _squares(lowering: Lowering, call: TracedCall, source: Traced, dims: tuple[int, ...]) -> Traced:
    """The squares of what a value differs from its mean along axes."""
    value, form = lowering.anywhere(source)
    mean = made(tuple(1 if dim in dims else size for dim, size in enumerate(source.shape)), source)
    apart, squares = made(source.shape, source), made(source.shape, source)
    arguments = {"dim": _axes(dims, form, len(source.shape)), "keepdim": True}
    lowering.layered(call, "Mean", value, arguments, form=form, gives=(mean,))
    lowering.add(call, "use", None, terms=(value, "-", mean), form=form, gives=(apart,))
    lowering.add(call, "use", None, terms=(apart, "**", 2), form=form, gives=(squares,))
    return squares


def _dims(along: Any, form: Form, rank: int) -> tuple[int, ...]:
    """The axes of a tensor that a function takes together."""
    dims = cast("tuple[int, ...]", along if isinstance(along, tuple) else (along,))
    if any(type(dim) is not int or dim % rank == form.at for dim in dims):
        raise NoForm("a variance over the batch, or over all that there is, mixes examples")
    return tuple(dim % rank for dim in dims)


def _axes(dims: tuple[int, ...], form: Form, rank: int) -> int | tuple[int, ...]:
    """Those of the value of the spec."""
    found = sorted(axis for dim in dims if (axis := form.axis(dim, rank)) is not None)
    return found[0] if len(found) == 1 else tuple(found)


HANDLERS: Final[dict[str, Handler]] = {"var": _variance(is_root=False), "std": _variance(is_root=True)}
