"""Sums, products and the like of tensors and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

import torch

from netspec.capture.functions.kinds import as_numbers
from netspec.capture.functions.masks import added, value_of
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import FIXED, Form, NoForm
from netspec.capture.lowering.lifted import form_of
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.lowering.meeting import apart
from netspec.capture.modules.binding import bound
from netspec.capture.numbers.tables import told
from netspec.capture.running.precision import in_full


def _binary(op: str, *, turned: bool = False) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        given = bound(call, "input other alpha=1")
        left, right = given["input"], given["other"]
        if given.get("alpha", 1) != 1 or given.get("rounding_mode") is not None:
            raise NoForm(f"`{call.name}` with `alpha` or `rounding_mode` has no form in a spec")
        if turned:
            left, right = right, left
        combined(lowering, call, op, left, right)

    return handle


def combined(lowering: Lowering, call: TracedCall, op: str, left: Any, right: Any) -> None:
    """Two tensors, or a tensor and a number, element by element."""
    if op == "+" and added(lowering, call, left, right):
        return
    result = call.results[0]
    left, right = (_in_kind(lowering, call, value, result.dtype, op) for value in (left, right))
    varying = [value for value in (left, right) if isinstance(value, Traced) and value.varies]
    _check_in_line(lowering, call, varying)
    of = lowering.anywhere(varying[0])[1] if varying else _fixed_form(lowering, left, right, result)
    a, b = operand(lowering, left, result, of), operand(lowering, right, result, of)
    forms = {form for _, form in (a, b) if form is not None}
    if len(forms) > 1:
        raise apart(lowering, call, *varying)
    form = forms.pop() if forms else of
    values = [value for value, _ in (a, b) if isinstance(value, Traced)]
    if op in ("*", "/") and result.dtype != "bool" and len(values) == 2 and _both_repeat(left, right, result, form):
        _outer_product(lowering, call, op, values, form)
        return
    if len(values) == 2 and _both_repeat(left, right, result, form):
        values[0] = _repeated(lowering, values[0], _of_one(left, result, form), _of_one(result, result, form))
        a = values[0], form
    if op in ("+", "*") and len(values) == 2 and values[0] is not values[1]:
        lowering.add(call, {"+": "add", "*": "mul"}[op], None, branches=tuple(values), form=form)
        return
    if op == "*" and len(values) == 1 and values[0].dtype == "float32":
        number = b[0] if isinstance(a[0], Traced) else a[0]
        if number == 1 and result not in lowering.lifted:
            lowering.is_same(result, values[0])
            return
        lowering.add(call, "Scale", values[0], {"factor": number}, form=form)
        return
    nothing = op in ("+", "-", "/") and len(values) == 1 and not isinstance(b[0], Traced) and b[0] == (op == "/")
    if nothing and result not in lowering.lifted:
        lowering.is_same(result, values[0])
        return
    lowering.add(call, "use", None, terms=(a[0], op, b[0]), form=form)


def _check_in_line(lowering: Lowering, call: TracedCall, varying: Sequence[Traced]) -> None:
    """Require that the batch of two tensors is the same axis of what they give, the last axes of both in line.

    Raises:
        NoForm: it is not.
    """
    values = [lowering.expanded.get(value, value) for value in varying]
    if len({lowering.anywhere(value)[1].at - len(value.shape) for value in values}) > 1:
        raise apart(lowering, call, *values)


def _fixed_form(lowering: Lowering, left: Any, right: Any, result: Traced) -> Form:
    """Where the batch of a result is that no input decides; that of an operand, if it is merged with another axis."""
    forms = (form_of(lowering, value) for value in (left, right) if isinstance(value, Traced))
    return next((form for form in forms if form.inner), form_of(lowering, result))


def _in_kind(lowering: Lowering, call: TracedCall, value: Any, dtype: str, op: str) -> Any:
    """An operand of a sum, product or the like as numbers of the kind that it gives."""
    if not isinstance(value, Traced) or value.dtype == dtype == "float32":
        return value
    if dtype == value.dtype == "bool" and op == "*":  # whether both are true
        return value_of(lowering, call, value) if value in lowering.truths else value
    if dtype == "bool" or (dtype == "int64" and op not in ("+", "-", "*")):
        raise NoForm(f"it computes with {value.dtype}")
    return as_numbers(lowering, call, value, dtype)


def _both_repeat(left: Traced, right: Traced, result: Traced, form: Form) -> bool:
    """Whether each of two tensors is repeated along an axis of the other's, that of the batch apart."""
    whole = prod(_of_one(result, result, form))
    return all(prod(_of_one(value, result, form)) < whole for value in (left, right))


def _of_one(value: Traced, result: Traced, form: Form) -> tuple[int, ...]:
    """The shape of a tensor for one example, with as many axes as the result has."""
    shape = (*(1 for _ in result.shape[len(value.shape) :]), *value.shape)
    if form.inner and shape[form.at] == 1 != result.shape[form.at]:
        form = form._replace(inner=tuple(1 for _ in form.inner))
    return form.shape(shape, 1)[1:]


def _repeated(lowering: Lowering, value: Traced, own: Sequence[int], whole: Sequence[int]) -> Traced:
    """A value that is repeated along the axes of 1 in which another is longer."""
    for axis, (size, times) in enumerate(zip(own, whole, strict=True), start=1):
        if size != times:
            longer = made((*value.shape[:axis], times, *value.shape[axis + 1 :]), value)
            arguments = {"dim": axis, "index": told(torch.zeros(times, dtype=torch.int64))}
            lowering.items.append(PlacedItem("IndexSelect", value, (longer,), arguments))
            lowering.forms[longer] = Form()
            value = longer
    return value


def _outer_product(lowering: Lowering, call: TracedCall, op: str, values: Sequence[Traced], form: Form) -> None:
    """The product of two tensors of which each is repeated along axes of the other's, as `einsum`."""
    result = call.results[0]
    first, second = values
    if op == "/":
        share = made(second.shape, second)
        lowering.add(call, "use", None, terms=(1, "/", second), form=form, gives=(share,))
        second = share
    whole = _of_one(result, result, form)
    names = "abcdefghijklm"[: len(whole)]
    parts: list[str] = []
    for tensor, other in zip(call.reads(), ("opqrst", "uvwxyz"), strict=True):
        shape = _of_one(tensor, result, form)
        own = (names[i] if size == whole[i] else other[i] for i, size in enumerate(shape))
        parts.append(" ".join(("n", *own)))
    options = {"pattern": f"{', '.join(parts)} -> {' '.join(('n', *names))}"}
    lowering.add(call, "einsum", None, branches=(first, second), options=options, form=form)


def operand(lowering: Lowering, value: Any, result: Traced, of: Form) -> tuple[Traced | float, Form | None]:
    """A value with as many axes as the result, or a number; None for the form of what is one for all examples."""
    if isinstance(value, bool) or not isinstance(value, (Traced, int, float)):
        raise NoForm.of_given(value)
    if not isinstance(value, Traced):
        return value, None
    value = lowering.expanded.get(value, value)
    if not value.varies:
        number = number_of(lowering, value)
        if number is not None:
            return number, None
        shape = (*(1 for _ in range(len(result.shape) - len(value.shape))), *value.shape)
        if of == FIXED:
            shape = (1, *shape)
        elif not of.plain and shape[of.at] == 1:  # the batch of the other is not its first axis, or not alone in it
            shape = (1, *(1 for _ in of.inner), *shape[: of.at], *shape[of.at + 1 :])
        elif of.inner and shape[of.at] == lowering.batch * prod(of.inner):  # one for each example
            shape = (1, *of.inner, *shape[: of.at], *shape[of.at + 1 :])
        return lowering.constant(value, shape), None
    ready, form = lowering.anywhere(value)
    missing = len(result.shape) - len(value.shape)
    if missing:
        raise NoForm(
            f"{form.told(value.shape)} and {of.told(result.shape)} have different numbers of axes, so that the batch, N"
            ", meets another axis"
        )
    if value.shape != result.shape and not _broadcasts(value.shape, result.shape, form):
        raise NoForm("the batch is broadcast")
    return ready, form


def number_of(lowering: Lowering, value: Any) -> float | None:
    """The number that an operand is, or a tensor of one value, with 64 bits if the program computes it; None of any
    other."""
    if not isinstance(value, Traced):
        return value if isinstance(value, (int, float)) else None
    if value.kind != "numbers" or value.tensor is None or value.tensor.numel() != 1:
        return None
    wide = in_full(value)
    return float(value.tensor if wide is None or wide.to(value.tensor.dtype) != value.tensor else wide)


def _broadcasts(shape: Sequence[int], result: Sequence[int], form: Form) -> bool:
    return len(shape) == len(result) and shape[form.at] == result[form.at]


def _unary(*terms: Any) -> Handler:
    def handle(lowering: Lowering, call: TracedCall) -> None:
        value, form = lowering.anywhere(call.args[0])
        lowering.add(call, "use", None, terms=tuple(value if term is None else term for term in terms), form=form)

    return handle


def _power(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input exponent")
    if not isinstance(given["input"], Traced) or isinstance(given["exponent"], Traced):
        raise NoForm("a power whose exponent is a tensor has no form in a spec")
    value, form = lowering.anywhere(given["input"])
    lowering.add(call, "use", None, terms=(value, "**", given["exponent"]), form=form)


def _negative(lowering: Lowering, call: TracedCall) -> None:
    combined(lowering, call, "*", bound(call, "input")["input"], -1)


def _addcmul(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input tensor1 tensor2 value=1")
    if given["value"] != 1:
        raise NoForm("`addcmul` with a factor has no form in a spec")
    result = call.results[0]
    product = made(result.shape, result)
    combined(lowering, part_of(call, product), "*", given["tensor1"], given["tensor2"])
    combined(lowering, call, "+", given["input"], product)


def part_of(call: TracedCall, result: Traced) -> TracedCall:
    """A part of a call, which gives a result between."""
    return TracedCall(call.function, None, "", call.args, call.kwargs, call.place, [result])


def _concat(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "tensors dim=0")
    tensors: list[Traced] = [value for value in given["tensors"] if 0 not in value.shape]
    result = call.results[0]
    rank = len(result.shape)
    varying = [value for value in tensors if value.varies]
    forms = {lowering.anywhere(value)[1] for value in varying}
    if not varying:  # one for all examples
        forms = {Form() if all(form_of(lowering, value).plain for value in tensors) else FIXED}
    if len(forms) != 1:
        raise NoForm("the batch is not in the same place in all tensors")
    form = forms.pop()
    dim = form.axis(given["dim"], rank)
    if dim is None:
        raise NoForm("it puts one batch behind another")
    values = tuple(lowering.anywhere(v)[0] if v.varies else _one(lowering, v, form) for v in tensors)
    if len(values) == 1 and (call.region is None or call.region.parent is None or call.region.steps != [call]):
        lowering.is_same(result, values[0])  # a module that does nothing else joins what it is given, one or several
        return
    lowering.add(call, "concat", None, branches=values, options={} if dim == 1 else {"dim": dim}, form=form)


def _one(lowering: Lowering, value: Traced, form: Form) -> Traced:
    """A constant, also one that is repeated for each example: the join repeats it by itself."""
    return lowering.constant(value, (1, *value.shape[form.at + 1 :]))


def _stack(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "tensors dim=0")
    result = call.results[0]
    dim = given["dim"] % len(result.shape)
    tensors: list[Traced] = list(given["tensors"])
    if not any(value.varies or form_of(lowering, value).plain for value in tensors):  # one for all examples
        values = tuple(_one(lowering, value, FIXED) for value in tensors)
        lowering.add(call, "stack", None, branches=values, options={} if dim == 0 else {"dim": dim + 1}, form=FIXED)
        return
    values = tuple(lowering.taken(value) for value in tensors)
    if dim == 0:
        between = made((result.shape[1], result.shape[0], *result.shape[2:]), result)
        lowering.add(call, "stack", None, branches=values, gives=(between,))
        lowering.move(between, result, lambda layout: layout.permuted([1, 0, *range(2, len(result.shape))]))
        return
    lowering.add(call, "stack", None, branches=values, options={} if dim == 1 else {"dim": dim})


HANDLERS: Final[dict[str, Handler]] = {
    **dict.fromkeys(("add", "__add__", "__radd__", "__iadd__"), _binary("+")),
    **dict.fromkeys(("mul", "multiply", "__mul__", "__rmul__", "__imul__"), _binary("*")),
    **dict.fromkeys(("sub", "subtract", "__sub__", "__isub__"), _binary("-")),
    **dict.fromkeys(("__rsub__", "rsub"), _binary("-", turned=True)),
    **dict.fromkeys(("div", "true_divide", "divide", "__truediv__", "__itruediv__"), _binary("/")),
    **dict.fromkeys(("__rtruediv__", "__rdiv__"), _binary("/", turned=True)),
    **dict.fromkeys(("pow", "__pow__"), _power),
    **dict.fromkeys(("neg", "negative", "__neg__"), _negative),
    "square": _unary(None, "**", 2),
    "sqrt": _unary(None, "**", 0.5),
    "rsqrt": _unary(None, "**", -0.5),
    "reciprocal": _unary(1, "/", None),
    **dict.fromkeys(("cat", "concat", "concatenate"), _concat),
    "stack": _stack,
    "addcmul": _addcmul,
}
