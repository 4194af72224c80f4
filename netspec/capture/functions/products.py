"""Products of tensors, and of tensors and parameters: `einsum` in a spec."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Final

from netspec.capture.functions.einsums import Equation, einsum, multiplied
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.forms import Form, NoForm
from netspec.capture.lowering.lowering import Handler, Lowering
from netspec.capture.lowering.meeting import apart
from netspec.capture.modules.binding import bound


def _matmul(lowering: Lowering, call: TracedCall) -> None:
    given = bound(call, "input other")
    product(lowering, call, given["input"], given["other"])


def product(lowering: Lowering, call: TracedCall, left: Any, right: Any) -> None:
    """The matrix product of two tensors, of which one may be made of parameters."""
    if not isinstance(left, Traced) or not isinstance(right, Traced):
        raise NoForm("a product of what is no tensor has no form in a spec")
    front = "abcefg"[: len(left.shape) - 2]
    if len(right.shape) == 1 and len(left.shape) > 1:
        multiplied(lowering, call, (left, right), Equation([f"{front}id", "d"], f"{front}i"))
    elif left.varies and right.varies:
        _of_two(lowering, call, left, right)
    elif left.varies or right.varies:
        _with_parameter(lowering, call, left, right)
    elif left.shape[:-2] == right.shape[:-2]:
        multiplied(lowering, call, (left, right), Equation([f"{front}id", f"{front}dj"], f"{front}ij"))
    else:
        raise NoForm("a product of parameters that repeats one of them has no form in a spec")


def _of_two(lowering: Lowering, call: TracedCall, left: Traced, right: Traced) -> None:
    a, b, form = _together(lowering, call, left, right)
    rank = len(left.shape)
    if len(right.shape) != rank or form.at >= rank - 2:
        raise apart(lowering, call, left, right, sums=True)
    axes = "habcefg"[: rank - 3 + len(form.inner)]
    sizes = [form.shape(tensor.shape, lowering.batch)[1:-2] for tensor in (left, right)]
    one, other = (_named(axes, own, theirs) for own, theirs in zip(sizes, reversed(sizes), strict=True))
    pattern = f"{one} i d, {other} d j -> {' '.join(('n', *axes))} i j"
    lowering.add(call, "einsum", None, branches=(a, b), options={"pattern": pattern}, form=form)


def _named(axes: str, own: Sequence[int], theirs: Sequence[int]) -> str:
    """The names of a tensor's axes; those of 1 along which it is repeated have others, of which nothing is left."""
    names = (new if a == 1 != b else name for name, new, a, b in zip(axes, "opqrstu", own, theirs, strict=False))
    return " ".join(("n", *names))


def _together(lowering: Lowering, call: TracedCall, left: Traced, right: Traced) -> tuple[Traced, Traced, Form]:
    """Two tensors, and where the batch is in both. What is merged with it may be one axis in one of them, and several
    in the other: windows, by rows and columns.

    Raises:
        NoForm: it is in other places.
    """
    a, form = lowering.anywhere(left)
    b, other = lowering.anywhere(right)
    if form == other:
        return a, b, form
    if form.at != other.at or prod(form.inner) != prod(other.inner):
        raise apart(lowering, call, left, right, sums=True)
    after = Form(form.at, (prod(form.inner),))
    found: list[Traced] = []
    for value, tensor, own in ((a, left, form), (b, right, other)):
        if own == after:
            found.append(value)
            continue
        merged = made(after.shape(tensor.shape, lowering.batch), value)
        lowering.items.append(PlacedItem("Flatten", value, (merged,), {"end_dim": len(own.inner)}))
        lowering.forms[merged] = Form()
        found.append(merged)
    return found[0], found[1], after


def _with_parameter(lowering: Lowering, call: TracedCall, left: Traced, right: Traced) -> None:
    """`x @ w`, or `w @ x`, where one is the same for all examples."""
    moving, fixed = (left, right) if left.varies else (right, left)
    value, form = lowering.anywhere(moving)
    rank, own = len(moving.shape), len(fixed.shape)
    sizes = lowering.constants.get(fixed, (fixed, fixed.shape))[1]  # of what is repeated for each example, once
    seen = sizes if len(sizes) == own else fixed.shape
    across = rank - 2 if moving is left else rank - 1  # the axis that no sum runs over
    if (
        rank < 2
        or own < 2
        or own > rank
        or form.at not in range(across + 1)
        or (form.at > rank - 3 and form.at != across)
    ):
        raise NoForm("a product with a parameter that mixes examples, or repeats them, has no form in a spec")
    ends = ("i", "d") if moving is left else ("d", "j")
    names = [*"habcefg"[: rank - 2], *ends]
    names[form.at] = "n"
    inner = list("pqrs"[: len(form.inner)])
    kept: list[int] = []
    own_names = list(names)
    """Those of the moving tensor, whose axes of 1 along which it is repeated have others."""
    for axis in range(own - 2):
        at = axis + rank - own
        if seen[axis] != 1:
            if at == form.at:
                raise NoForm("a product with a parameter repeats it for each example")
            if seen[axis] != moving.shape[at]:
                own_names[at] = "tuvwxyz"[axis]
            kept.append(axis)
    constant = lowering.constant(fixed, (1, *(seen[axis] for axis in kept), *seen[-2:]))
    others = ["d", "j"] if moving is left else ["i", "d"]
    theirs = ["n", *(names[axis + rank - own] for axis in kept), *others]
    mine = ["n", *inner, *(name for i, name in enumerate(own_names) if i != form.at)]
    after = [*names[:-2], names[-2], "j"] if moving is left else [*names[:-2], "i", names[-1]]
    result = ["n", *inner, *(name for name in after if name != "n")]
    branches, parts = ((value, constant), (mine, theirs)) if moving is left else ((constant, value), (theirs, mine))
    pattern = f"{' '.join(parts[0])}, {' '.join(parts[1])} -> {' '.join(result)}"
    lowering.add(call, "einsum", None, branches=branches, options={"pattern": pattern}, form=form)


HANDLERS: Final[dict[str, Handler]] = {
    **dict.fromkeys(("matmul", "bmm", "mm", "__matmul__"), _matmul),
    "einsum": einsum,
}
