"""Functions that make one value of all along some axes."""

from __future__ import annotations

from math import inf
from typing import Any, Final, cast

from netspec.capture.functions.arithmetic import part_of
from netspec.capture.functions.choosing import placed
from netspec.capture.functions.kinds import as_numbers
from netspec.capture.graph import TracedCall
from netspec.capture.items import made
from netspec.capture.lowering.forms import NoForm
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.lowering.meeting import over_batch
from netspec.capture.modules.binding import bound


def _reduction(name: str) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input dim=None keepdim=False dtype=None")
        if name in ("Max", "Min") and len(call.results) > 1:
            raise NoForm(f"`{call.name}` gives indices, too")
        _reduced(lowering, call, name, given)

    return handle


def _reduced(lowering: Lowering, call: TracedCall, name: str, given: dict[str, Any], **arguments: Any) -> None:
    """Write the layer of a reduction.

    Args:
        lowering: what it is written in.
        call: the call that it stands for.
        name: the layer.
        given: `input`, `dim` and `keepdim`, as torch's functions take them.
        arguments: what the layer is given beside these.
    """
    result = call.results[0]
    if given["input"].dtype == "bool" or result.dtype != given["input"].dtype:  # a sum of truth values is a count
        given = given | {"input": as_numbers(lowering, call, given["input"], result.dtype)}
    value, form = lowering.anywhere(given["input"])
    rank = len(given["input"].shape)
    dims = list(range(rank)) if given["dim"] is None else _dims(given["dim"])
    wanted = [form.axis(dim, rank) for dim in dims]
    if None in wanted:
        raise over_batch(lowering, call, f"`{call.name}`")
    found = [dim for dim in wanted if dim is not None]
    dim = found[0] if len(found) == 1 else tuple(sorted(found))
    gone = 0 if given["keepdim"] else sum(d % rank < form.at for d in dims)
    after = form._replace(at=form.at - gone)
    lowering.layered(call, name, value, {"dim": dim, "keepdim": given["keepdim"], **arguments}, form=after)


def _dims(dims: Any) -> list[int]:
    return list(cast("tuple[int, ...]", dims)) if isinstance(dims, (list, tuple)) else [dims]


def _extreme(name: str) -> Handler:
    reduce = _reduction(name)

    def handle(lowering: Lowering, call: TracedCall) -> None:
        if len(call.results) == 2:
            values, indices = call.results
            call = part_of(call, values)
            if indices in lowering.read:
                given = bound(call, "input dim=None keepdim=False")
                placed(lowering, part_of(call, indices), given, is_smallest=name == "Min")
        if call.results[0] in lowering.read:
            reduce(lowering, call)

    return handle


def _truth(name: str) -> Handler:
    """Whether any of truth values is true, or all are: the largest of 0 and 1, or the smallest."""

    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input dim=None keepdim=False")
        found = made(call.results[0].shape, call.results[0])
        found.dtype = "int64"
        source = given["input"]
        if source.dtype != "bool":
            source = made(source.shape, source)
            source.dtype = "bool"
            value, form = lowering.anywhere(given["input"])
            lowering.layered(part_of(call, source), "NotEqual", value, {"other": 0}, form=form)
        numbers = as_numbers(lowering, call, source)
        _reduced(lowering, part_of(call, found), name, given | {"input": numbers})
        value, form = lowering.anywhere(found)
        lowering.layered(call, "Equal", value, {"other": 1}, form=form)

    return handle


def _norm(lowering: Lowering, call: TracedCall) -> None:
    """A norm of vectors; of matrices the root of their squares' sum."""
    given = bound(call, "input p='fro' dim=None keepdim=False dtype=None")
    order = given.get("ord", given["p"])
    if order in ("fro", None):
        order = 2.0
    elif call.name == "linalg_norm" and isinstance(given["dim"], tuple):
        order = "of a matrix"
    if not isinstance(order, (int, float)) or order <= 0:
        raise NoForm(f"a norm {order} has no form in a spec, whose `Norm` is (Σ |x|ᵖ)^(1/p), p above 0")
    if order < inf:
        _reduced(lowering, call, "Norm", given, p=order)
        return
    value, form = lowering.anywhere(given["input"])
    sizes = made(given["input"].shape, given["input"])
    lowering.add(call, "Abs", value, form=form, gives=(sizes,))
    _reduced(lowering, call, "Max", given | {"input": sizes})


HANDLERS: Final[dict[str, Handler]] = {
    "mean": _reduction("Mean"),
    "sum": _reduction("Sum"),
    "amax": _reduction("Max"),
    "amin": _reduction("Min"),
    "any": _truth("Max"),
    "all": _truth("Min"),
    "max": _extreme("Max"),
    "min": _extreme("Min"),
    **dict.fromkeys(("logsumexp", "special_logsumexp"), _reduction("LogSumExp")),
    **dict.fromkeys(("norm", "linalg_vector_norm", "linalg_norm"), _norm),
}
