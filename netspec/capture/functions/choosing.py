"""Functions that choose by truth values or by numbers that an input decides: `where`, `masked_fill`, `gather`,
`argmax`, and an index of each example's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import torch

from netspec.capture.functions.arithmetic import combined, operand, part_of
from netspec.capture.functions.kinds import as_numbers
from netspec.capture.functions.masks import (
    Truth,
    constant_mask,
    finite,
    low,
    masked,
    of_queries,
    of_rank,
    true_value,
    truth_of,
)
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import made
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lookups import numbers_of
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.lowering.meeting import over_batch
from netspec.capture.modules.binding import bound

# ---- by truth values


def _masked_fill(lowering: Lowering, call: TracedCall) -> None:
    """`masked_fill` of scores; of zeros as torch's encoder turns a mask of truth values into one of numbers."""
    given = bound(call, "input mask value")
    zeros = numbers_of(lowering, given["input"]) if not given["input"].varies else None
    number = _number_or(lowering, given["value"])
    if zeros is not None and not bool(zeros.any()) and number == float("-inf") and given["mask"].varies:
        lowering.hidden[call.results[0]] = given["mask"]
        return
    filled(lowering, call, given["input"], truth_of(lowering, given["mask"]), number)


def _where(lowering: Lowering, call: TracedCall) -> None:
    """`where(mask, scores, -inf)`, and the other way round; else a number or a tensor where a mask is true."""
    is_method = call.function is torch.Tensor.where  # `x.where(mask, y)`
    given = bound(call, "input condition other" if is_method else "condition input=None other=None")
    one, other = (_number_or(lowering, given[name]) for name in ("input", "other"))
    truth = truth_of(lowering, given["condition"])
    opposite = truth._replace(is_opposite=not truth.is_opposite)
    if isinstance(one, Traced) and isinstance(other, Traced):
        chosen(lowering, call, truth, one, other)
    elif isinstance(one, Traced):
        filled(lowering, call, one, opposite, other)
    elif isinstance(other, Traced):
        filled(lowering, call, other, truth, one)
    else:
        _of_numbers(lowering, call, truth, one, other)


def _of_numbers(lowering: Lowering, call: TracedCall, truth: Truth, one: float, other: float) -> None:
    """One number where a mask is true, another where it is false: the mask as 0 and 1, times one of the numbers, and
    the other one put in unless it is 0."""
    result, opposite = call.results[0], truth._replace(is_opposite=not truth.is_opposite)
    if result.dtype == "bool":
        raise NoForm(f"`{call.name}` of truth values has no form in a spec: use `&`, `|` and `~`")
    if one == 0:
        one, other, truth, opposite = other, one, opposite, truth
    mask = made(result.shape, result)
    mask.dtype, lowering.truths[mask] = "bool", truth if other == 0 else opposite
    numbers = as_numbers(lowering, call, mask, result.dtype)
    scaled = made(result.shape, result)
    combined(lowering, part_of(call, scaled), "*", numbers, finite(one if other == 0 else other))
    if other == 0:
        lowering.is_same(result, scaled)
    else:
        _filled(lowering, call, scaled, truth, one)


def _number_or(lowering: Lowering, value: Any) -> Any:
    """The number that all of a tensor's are, which no input decides; anything else as it is."""
    found = numbers_of(lowering, value) if isinstance(value, Traced) else None
    is_number = found is not None and found.numel() > 0 and bool((found == found.flatten()[0]).all())
    return float(found.flatten()[0]) if found is not None and is_number else value


def filled(lowering: Lowering, call: TracedCall, value: Any, hidden: Truth, number: Any) -> None:
    """A number where a mask is true. A low one in a score may be what hides a key, which attention says otherwise."""
    is_score = isinstance(value, Traced) and value.dtype == "float32" and low(number)
    if is_score and call not in lowering.fills and not of_queries(hidden, value.shape[-1]):
        lowering.hides[call.results[0]] = call
        masked(lowering, call, value, hidden)
        return
    _filled(lowering, call, value, hidden, number)


def _filled(lowering: Lowering, call: TracedCall, value: Any, hidden: Truth, number: Any) -> None:
    if not isinstance(value, Traced) or not isinstance(number, (int, float)):
        raise NoForm(f"`{call.name}` of two numbers has no form in a spec, or of a tensor in the place of a number")
    if not value.varies:
        raise NoForm(f"`{call.name}` of what no input decides has no form in a spec")
    taken, form = lowering.anywhere(value)
    own = _mask_of(lowering, call, hidden, value, form)
    options = {"value": finite(number)} if number else {}
    lowering.add(call, "MaskedFill", taken, options, form=form, reads={"mask": (own,)})


def chosen(lowering: Lowering, call: TracedCall, truth: Truth, one: Traced, other: Traced) -> None:
    """One tensor where a mask is true, another where it is false: that which has all the result's sizes comes first."""
    result = call.results[0]
    one, other = (as_numbers(lowering, call, value, result.dtype) for value in (one, other))
    if not one.varies or one.shape != result.shape:
        one, other, truth = other, one, truth._replace(is_opposite=not truth.is_opposite)
    if not one.varies or one.shape != result.shape:
        raise NoForm(f"`{call.name}` of two tensors that are both repeated along axes has no form in a spec")
    value, form = lowering.anywhere(one)
    beside, own = operand(lowering, other, result, form)
    if not isinstance(beside, Traced):
        filled(lowering, call, one, truth._replace(is_opposite=not truth.is_opposite), beside)
        return
    if own is not None and own != form:
        raise NoForm("the batch is not in the same place in both tensors")
    condition = _mask_of(lowering, call, truth, one, form)
    lowering.add(call, "Where", value, form=form, reads={"condition": (condition,), "other": (beside,)})


def _mask_of(lowering: Lowering, call: TracedCall, truth: Truth, of: Traced, form: Form) -> Traced:
    """The value of a spec that is true where a mask is, with as many axes as what is chosen from.

    Args:
        lowering: what it is written in.
        call: what chooses.
        truth: the mask.
        of: what is chosen from.
        form: where the batch of that is.

    Raises:
        NoForm: it has more, or its batch is elsewhere.
    """
    rank = len(of.shape)
    if not form.plain:
        own, at = lowering.anywhere(true_value(lowering, call, truth))
        if at != form or len(own.shape) != rank:
            raise NoForm(f"the batch is not in the same place in the mask of `{call.name}` and in what it chooses from")
        return own
    if truth.numbers is None or truth.values:
        own = lowering.taken(of_rank(lowering, true_value(lowering, call, truth), rank))
        if len(own.shape) != rank:
            raise NoForm(f"`{call.name}` with a mask of {len(own.shape)} axes and a tensor of {rank} has no form")
        return own
    return constant_mask(lowering, ~truth.numbers if truth.is_opposite else truth.numbers, rank)


# ---- by numbers


def rows_of(lowering: Lowering, call: TracedCall, table: Traced, ids: Any, **arguments: Any) -> None:
    """The rows of a parameter that numbers of the input choose: `table[ids]`, and `embedding` with more arguments."""
    value, form = lowering.anywhere(ids)
    sizes = {"num_embeddings": table.shape[0], "embedding_dim": table.shape[1]}
    lowering.layered(call, "Embedding", value, sizes | arguments, form=form, keys={"weight": table.key})


def of_each(lowering: Lowering, call: TracedCall, value: Traced, index: tuple[Any, ...]) -> Traced | None:
    """The places that each example chooses for itself, `x[arange(len(x)), index]`, of which further parts of the index
    may choose; None if it is not that."""
    if len(index) < 2 or any(isinstance(part, (Traced, list, tuple, bool)) for part in index[2:]):
        return None
    rows, places = index[:2]
    if not isinstance(places, Traced) or not places.varies or not is_each_example(lowering, rows, places):
        return None
    found = made((*places.shape, *value.shape[2:]), call.results[0])
    _gathered(lowering, part_of(call, found), value, places)
    return found


def is_each_example(lowering: Lowering, rows: Any, beside: Traced | None = None) -> bool:
    """Whether a part of an index is the numbers of all examples in their order, as a column beside a further part."""
    if isinstance(rows, (list, tuple, range)) and len(cast("Sequence[Any]", rows)) == lowering.batch:
        return all(row == i and type(row) is int for i, row in enumerate(cast("Sequence[Any]", rows)))
    numbers = numbers_of(lowering, rows) if isinstance(rows, Traced) else None
    further = 0 if beside is None else len(beside.shape) - 1
    shape = (lowering.batch, *(1 for _ in range(further)))
    if numbers is None or tuple(numbers.shape) != shape:
        return False
    return torch.equal(numbers.flatten(), torch.arange(lowering.batch))


def _gathered(lowering: Lowering, call: TracedCall, value: Traced, places: Traced) -> None:
    if places.dtype != "int64":
        raise NoForm(f"places are chosen by {places.dtype} values")
    own = lowering.taken(places)
    lowering.add(call, "Gather", lowering.taken(value), reads={"index": (own,)})


def _gather(lowering: Lowering, call: TracedCall) -> None:
    """`x.gather(1, index)` with an index that is one for all that stands behind its axis."""
    given = bound(call, "input dim index" if call.name == "gather" else "input indices dim=None")
    value, dim, index = given["input"], given["dim"], given.get("index", given.get("indices"))
    if not isinstance(value, Traced) or not isinstance(index, Traced) or not index.varies:
        raise NoForm(f"`{call.name}` by places that no input decides has no form in a spec: an index has")
    source = lowering.expanded.get(index, index)
    is_one = len(source.shape) == len(value.shape) and set(source.shape[2:]) <= {1}
    if dim is None or dim % len(value.shape) != 1 or not is_one or call.results[0].shape[2:] != value.shape[2:]:
        raise NoForm(
            f"`{call.name}` of other places for each number has no form in a spec, which chooses along one axis"
        )
    places = made(source.shape[:2], source)
    lowering.move(source, places, lambda layout: layout.reshaped(places.shape))
    _gathered(lowering, call, value, places)


def _arg_max(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input dim=None keepdim=False")
    placed(lowering, call, given, is_smallest=call.name == "argmin")


def placed(lowering: Lowering, call: TracedCall, given: dict[str, Any], *, is_smallest: bool) -> None:
    """The place of the largest value along an axis, or of the smallest.

    Args:
        lowering: what it is written in.
        call: the call that it stands for.
        given: `input`, `dim` and `keepdim`, as torch's functions take them.
        is_smallest: whether the smallest value is looked for, which is the largest of the negative ones.
    """
    value, along, keepdim = given["input"], given["dim"], given["keepdim"]
    if isinstance(value, Traced) and value.dtype == "bool":
        value = as_numbers(lowering, call, value)
    taken, form = lowering.anywhere(value)
    rank = len(value.shape)
    dim = form.axis(along, rank) if along is not None else None
    if dim is None or along is None:
        raise over_batch(lowering, call, f"`{call.name}`")
    if is_smallest:
        turned = made(value.shape, value)
        combined(lowering, part_of(call, turned), "*", value, -1)
        taken, form = lowering.anywhere(turned)
    after = form if keepdim else form._replace(at=form.at - (along % rank < form.at))
    lowering.layered(call, "ArgMax", taken, {"dim": dim, "keepdim": keepdim}, form=after)


HANDLERS: Final[dict[str, Handler]] = {
    "where": _where,
    "masked_fill": _masked_fill,
    **dict.fromkeys(("gather", "take_along_dim"), _gather),
    **dict.fromkeys(("argmax", "argmin"), _arg_max),
}
