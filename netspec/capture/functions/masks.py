"""Truth values of a program: which keys take part, from inputs, buffers and `tril(ones(T, T))`.

A spec compares no values; attention takes a mask in which True takes part. What a program makes of such masks, as
`mask == 0` and `padding & causal`, is followed here until `choosing.py` has something that reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isinf, prod
from typing import Any, Final, NamedTuple

import torch

from netspec.capture.functions.repeats import tiled
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lookups import numbers_of
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.modules.binding import bound
from netspec.capture.numbers.tables import told

FAR: Final = 1e9
"""What stands for infinity: a spec's numbers are finite."""
LOW: Final = -1e4
"""A score that is as good as none: its share of a softmax is 0."""


_OTHER: Final = (
    "a spec's mask is true where a key takes part: this one is true where a key is hidden by an input or by numbers"
)


class Truth(NamedTuple):
    """Who takes part: all of these say so, or, if it is the opposite, not all of them."""

    numbers: torch.Tensor | None
    values: tuple[Traced, ...] = ()
    is_opposite: bool = False


def left_out(lowering: Lowering, value: Traced) -> None:
    """Note that a spec has no buffer for a mask that it has a word for, or the opposite of."""
    source, _ = lowering.constants.get(value, (value, ()))
    if source.kind == "buffer":
        lowering.left_out.add(source.key)


def truth_of(lowering: Lowering, value: Any) -> Truth:
    """What a tensor of truth values says.

    Raises:
        NoForm: it is computed in another way.
    """
    if not isinstance(value, Traced):
        raise NoForm.of_given(value, " as a mask")
    found = lowering.truths.get(value)
    if found is not None:
        return found
    numbers = numbers_of(lowering, value)
    if numbers is not None:
        left_out(lowering, value)
        return Truth(numbers.bool())
    if value.dtype != "bool":
        raise NoForm(
            f"a mask is made of {value.dtype} values, of which none says what is true: compare them, as `x != 0`"
        )
    return Truth(None, (value,))


def compared_truth(lowering: Lowering, call: TracedCall, one: Traced, other: float, *, equal: bool) -> None:
    """A comparison of truth values with 0 or 1."""
    _note(lowering, call, truth_of(lowering, one), is_turned=(other == 0) is equal)


def _note(lowering: Lowering, call: TracedCall, truth: Truth, *, is_turned: bool) -> None:
    lowering.truths[call.results[0]] = truth._replace(is_opposite=truth.is_opposite is not is_turned)


def _turned(lowering: Lowering, call: TracedCall) -> None:
    _note(lowering, call, truth_of(lowering, call.args[0]), is_turned=True)


def _and(lowering: Lowering, call: TracedCall) -> None:
    """`padding & causal`."""
    given = bound(call, "input other")
    _both(lowering, call, given["input"], given["other"])


def _or(lowering: Lowering, call: TracedCall) -> None:
    """`hidden | later`, which is true unless neither is."""
    given = bound(call, "input other")
    _both(lowering, call, given["input"], given["other"], is_turned=True)


def _both(lowering: Lowering, call: TracedCall, left: Any, right: Any, *, is_turned: bool = False) -> None:
    """Note what two masks say together; if it is turned, that not both are false."""
    one, other = (_straight(lowering, call, truth_of(lowering, given), is_turned=is_turned) for given in (left, right))
    numbers = one.numbers if other.numbers is None else other.numbers
    if one.numbers is not None and other.numbers is not None:
        numbers = one.numbers & other.numbers
    values = tuple(dict.fromkeys((*one.values, *other.values)))
    lowering.truths[call.results[0]] = Truth(numbers, values, is_opposite=is_turned)


def _straight(lowering: Lowering, call: TracedCall, truth: Truth, *, is_turned: bool) -> Truth:
    """Truth values, or the opposite, as those of which all say so."""
    truth = truth._replace(is_opposite=truth.is_opposite is not is_turned)
    if not truth.is_opposite:
        return truth
    if truth.values:
        return Truth(None, (true_value(lowering, call, truth),))
    assert truth.numbers is not None
    return Truth(~truth.numbers)


def moved(lowering: Lowering, call: TracedCall) -> bool:
    """Note a mask that got axes of 1 behind the batch, in front of those that it has; whether it is one."""
    source = next(call.reads(), None)
    if source is None or source not in lowering.truths:
        return False
    shape, before = call.results[0].shape, source.shape
    is_longer = shape[:1] == before[:1] and _without_ones(shape[1:]) == _without_ones(before[1:])
    if lowering.truths[source].numbers is not None:
        is_longer = [n for n in shape if n != 1] == [n for n in before if n != 1] and shape[-1:] == before[-1:]
    if not is_longer:  # it is no mask of keys any more, but values as others are
        return False
    lowering.truths[call.results[0]] = lowering.truths[source]
    return True


def _without_ones(shape: Sequence[int]) -> Sequence[int]:
    """Sizes without those of 1 in front."""
    first = next((i for i, size in enumerate(shape) if size != 1), len(shape))
    return shape[first:]


def _aligned(lowering: Lowering, value: Traced) -> Traced:
    """A mask without axes of 1 in front of its own, which it is broadcast along anyway."""
    base, _ = lowering.pending.get(lowering.find(value), (None, None))
    if base is not None and value.shape[-len(base.shape[1:]) :] == base.shape[1:]:
        return base
    return lowering.ready(value)


def true_value(lowering: Lowering, call: TracedCall, truth: Truth) -> Traced:
    """The value of a spec that says what several values say together, or the opposite of it.

    Raises:
        NoForm: none of them depends on an input, or they have their batch in different places.
    """
    if not truth.values:
        raise NoForm("a mask of numbers, or of many numbers, has no form in a spec here")
    values = [_aligned(lowering, value) for value in truth.values]
    rank = max(len(value.shape) for value in values)
    found, form = lowering.anywhere(values[0])
    if truth.numbers is not None:
        values.append(constant_mask(lowering, truth.numbers, rank))
    if len(values) > 1:
        several = [of_rank(lowering, value, rank) for value in values]
        if len({lowering.form(value) for value in several}) > 1:
            raise NoForm("the batch is not in the same place in several masks")
        shape = tuple(map(max, zip(*(value.shape for value in several), strict=True)))
        if shape not in (value.shape for value in several):
            for dim, size in enumerate(shape):
                if size != several[0].shape[dim]:
                    several[0] = tiled(lowering, several[0], dim, size)
        found = _made(lowering, call, PlacedItem("mul", None, branches=tuple(several)), shape, form)
    if truth.is_opposite:
        found = _made(lowering, call, PlacedItem("Equal", found, arguments={"other": 0}), found.shape, form)
    return found


def constant_mask(lowering: Lowering, numbers: torch.Tensor, rank: int) -> Traced:
    """Truth values that are numbers, one for all examples, with so many axes.

    Raises:
        NoForm: they are others for each example.
    """
    while numbers.dim() > rank - 1 and numbers.shape[0] == 1:
        numbers = numbers[0]
    if numbers.dim() >= rank:
        raise NoForm("a mask of other numbers for each example has no form in a spec")
    sizes = (*(1 for _ in range(rank - 1 - numbers.dim())), *numbers.shape)
    known = Traced("numbers", sizes, "bool", tensor=numbers.reshape(sizes))
    return lowering.constant(known, (1, *sizes))


def value_of(lowering: Lowering, call: TracedCall, mask: Traced) -> Traced:
    """The value of a spec that a mask is, with the axes that the mask has.

    Raises:
        NoForm: see `true_value`.
    """
    found = true_value(lowering, call, truth_of(lowering, mask))
    if found.shape == mask.shape:
        return found
    if prod(found.shape) != prod(mask.shape):
        raise NoForm("a mask is moved, and repeated along axes")
    moved_one = made(mask.shape, found)
    lowering.move(found, moved_one, lambda layout: layout.reshaped(mask.shape))
    return lowering.ready(moved_one)


def _made(lowering: Lowering, call: TracedCall, item: PlacedItem, shape: tuple[int, ...], form: Form) -> Traced:
    """The truth values that an item gives, which is written."""
    value = Traced("made", shape, "bool", varies=True)
    item.gives, item.place = (value,), call.place
    lowering.items.append(item)
    lowering.forms[value] = form
    return value


def of_rank(lowering: Lowering, value: Traced, rank: int) -> Traced:
    """A mask with axes of 1 in front of its own, so that it has as many as another."""
    if len(value.shape) == rank:
        return value
    if not lowering.form(value).plain:
        raise NoForm("the batch of a mask of fewer axes is not the first, or is merged with another")
    shape = (value.shape[0], *(1 for _ in range(rank - len(value.shape))), *value.shape[1:])
    longer = Traced("made", shape, "bool", varies=True)
    lowering.move(value, longer, lambda layout: layout.reshaped(shape))
    return lowering.ready(longer)


class MaskOptions(NamedTuple):
    """What `attend` says of who takes part."""

    options: dict[str, Any]
    buffers: list[PlacedItem]
    """Numbers that it reads."""


def mask_options(shown: torch.Tensor | None, mask: Traced | None, scores: Sequence[int]) -> MaskOptions | None:
    """Who takes part, by numbers and by a value, as `attend` says it; None where it has no form.

    Args:
        shown: truth values, queries by keys; axes in front of these are those of the scores, or 1.
        mask: a value of the spec.
        scores: the shape of the scores, queries by keys in the last place.
    """
    options: dict[str, Any] = {} if mask is None else {"mask": mask}
    if shown is None:
        return MaskOptions(options, [])
    while shown.dim() > 2 and bool((shown == shown[:1]).all()):  # one for all examples, and for all heads
        shown = shown[0]
    if bool(shown.all()):
        return MaskOptions(options, [])
    is_square = tuple(shown.shape) == tuple(scores[-2:]) and scores[-1] == scores[-2]
    if is_square and torch.equal(shown, torch.ones_like(shown).tril()):
        return MaskOptions({**options, "is_causal": True}, [])
    window = _window_of(shown) if is_square else None
    if window is not None:
        return MaskOptions({**options, "is_causal": True, "window": window}, [])
    rows = None if mask is not None or shown.dim() > 3 else told(shown)
    if rows is None:
        return None
    value = Traced("made", (1, *shown.shape), "bool")
    arguments: dict[str, Any] = {"value": rows, "dtype": "bool", "persistent": False}
    return MaskOptions({"mask": value}, [PlacedItem("Buffer", None, (value,), arguments)])


def _window_of(shown: torch.Tensor) -> int | None:
    """How many keys each query sees, its own the last of them, where all see as many; None where they see others."""
    window = int(shown[-1].sum())
    near = torch.ones_like(shown).tril().triu(1 - window)
    return window if window and torch.equal(shown, near) else None


def shown_by(lowering: Lowering, call: TracedCall, mask: Traced, scores: Sequence[int]) -> MaskOptions:
    """What `attend` says of a mask of truth values, in which True takes part.

    Raises:
        NoForm: it says something else.
    """
    truth = truth_of(lowering, mask)
    numbers = ~truth.numbers if truth.is_opposite and truth.numbers is not None and not truth.values else truth.numbers
    value = _said(lowering, call, truth, scores[-1])
    found = mask_options(numbers, value, scores)
    if found is None:
        raise NoForm("a mask of numbers beside one of an input, or of many numbers, has no form in a spec")
    return found


def _said(lowering: Lowering, call: TracedCall, truth: Truth, keys: int) -> Traced | None:
    """What values say of who takes part, beside numbers; None if there are no values.

    Raises:
        NoForm: it is the opposite of what numbers and values say together, or says something of queries alone.
    """
    if of_queries(truth, keys):
        raise NoForm("a mask of queries alone, which hides all keys of some, has no form in a spec")
    if truth.values and truth.is_opposite and truth.numbers is not None:
        raise NoForm(_OTHER)
    return true_value(lowering, call, truth._replace(numbers=None)) if truth.values else None


def of_queries(truth: Truth, keys: int) -> bool:
    """Whether a value says the same of all keys, if there are several."""
    return keys > 1 and any(value.shape[-1:] == (1,) for value in truth.values)


def finite(number: float) -> float:
    """A number of a spec: what is infinite becomes so large that its share of a softmax is all or nothing."""
    return max(min(number, FAR), -FAR) if isinf(number) else number


def low(value: Any) -> bool:
    """Whether a number takes what it stands for out of a softmax."""
    return isinstance(value, (int, float)) and value <= LOW


def masked(lowering: Lowering, call: TracedCall, scores: Any, hidden: Truth) -> None:
    """Scores without those that are hidden, which a softmax has to read: `attention.py` makes attention of them."""
    if not isinstance(scores, Traced) or scores.dtype != "float32":
        raise NoForm("`masked_fill` of anything but scores has no form in a spec")
    shown = hidden._replace(is_opposite=not hidden.is_opposite)
    if shown.is_opposite and shown.numbers is not None and not shown.values:
        shown = Truth(~shown.numbers)
    value, form = lowering.anywhere(scores)
    if not shown.values and shown.numbers is not None and bool(shown.numbers.all()):
        lowering.is_same(call.results[0], value)
        lowering.forms.setdefault(call.results[0], form)
        return
    more: dict[str, Any] = {"numbers": shown.numbers}
    if shown.values:
        more["mask"] = _said(lowering, call, shown, scores.shape[-1])
    lowering.add(call, "masked", value, form=form, options=more)


def added(lowering: Lowering, call: TracedCall, left: Any, right: Any) -> bool:
    """Note a mask of 0 and `-inf` that is added to scores; whether it is one."""
    for scores, mask in ((left, right), (right, left)):
        if not isinstance(mask, Traced) or mask.varies or not isinstance(scores, Traced) or not scores.varies:
            continue
        source, seen = lowering.constants.get(mask, (mask, mask.shape))
        numbers = numbers_of(lowering, source)
        if numbers is None or not numbers.is_floating_point() or numbers.numel() != prod(seen):
            continue
        numbers = numbers.reshape(seen)
        hidden = numbers <= LOW
        if bool(hidden.any()) and not bool((numbers != 0)[~hidden].any()):
            left_out(lowering, source)
            masked(lowering, call, scores, Truth(hidden))
            return True
    return False


HANDLERS: Final[dict[str, Handler]] = {
    **dict.fromkeys(("logical_not", "invert", "bitwise_not"), _turned),
    **dict.fromkeys(("and", "logical_and", "bitwise_and"), _and),
    **dict.fromkeys(("or", "logical_or", "bitwise_or"), _or),
}
