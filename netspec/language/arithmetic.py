"""Arithmetic over named values: the type of the result, and why operands do not fit together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

from netspec.diagnostics import Related
from netspec.dims import UNKNOWN, Size, same
from netspec.expressions.values import Operation, Value
from netspec.language.flow import Flow
from netspec.language.values import NamedValue
from netspec.layers.base import DType, TensorType, shape_text
from netspec.net import Computed, Read, Term


class ValueMistake(Exception):  # always caught, where the place is known
    """Values do not fit together. The message says why, `related` shows where each came from."""

    def __init__(self, code: Any, message: str, related: tuple[Related, ...] = (), help: str | None = None) -> None:
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message
        self.related: Final = related
        self.help: Final = help


class Operand(NamedTuple):
    """One side of an operation: its term, and for a tensor the place that it came from."""

    term: Term
    flow: Flow | None


def operand(value: Value | float) -> Operand | None:
    """What a value of an expression is to the net; None where its type is not known.

    Raises:
        ValueMistake: operands do not fit together.
    """
    if isinstance(value, NamedValue):
        if value.flow.type is None:
            return None
        return Operand(Read(value.slot, value.name, value.flow.type), value.flow)
    if not isinstance(value, Operation):
        return Operand(cast("float", value), None)
    left, right = (None if part is None else operand(part) for part in (value.left, value.right))
    if right is None or (left is None and value.left is not None):
        return None
    flow = _result(value, left, right)
    assert flow.type is not None
    op = cast("Any", value.op)
    return Operand(Computed(op, None if left is None else left.term, right.term, flow.type), flow)


def _result(value: Operation, left: Operand | None, right: Operand) -> Flow:
    """The place behind an operation."""
    sides = [side for side in (left, right) if side is not None and side.flow is not None]
    whole = sides[0].flow
    if len(sides) == 2:
        whole = _whole(value, sides[0].flow, sides[1].flow)
    assert whole is not None
    assert whole.type is not None
    constant = all(side.flow.type.constant for side in sides if side.flow is not None and side.flow.type is not None)
    type_ = TensorType(whole.type.shape, _dtype(value, sides, whole.type.dtype)).said_constant(constant)
    return whole._replace(type=type_, family=None)


def _whole(value: Operation, a: Flow | None, b: Flow | None) -> Flow:
    """Of two tensors the one that has the whole shape: the other has the same sizes, or 1s."""
    assert a is not None
    assert b is not None
    assert a.type is not None
    assert b.type is not None
    pairs = list(zip(a.type.shape, b.type.shape, strict=False))
    ranks = len(a.type.shape) == len(b.type.shape)
    if ranks:
        if all(_covers(x, y) for x, y in pairs):
            return a
        if all(_covers(y, x) for x, y in pairs):
            return b
    names = (repr(value.left), repr(value.right))
    wrong = next((i for i, (x, y) in enumerate(pairs) if ranks and not _covers(x, y) and not _covers(y, x)), None)
    why = "neither covers the other"
    if not ranks:
        why = f"they have {len(a.type.shape)} and {len(b.type.shape)} axes"
    elif wrong is None:
        why = "each has a 1 where the other has more"
    raise ValueMistake(
        "value-mismatch",
        f"`{value!r}` is computed element by element, but `{names[0]}` is {shape_text(a.type.shape)} and "
        f"`{names[1]}` is {shape_text(b.type.shape)}: {why}",
        tuple(flow.related(wrong) for flow in (a, b)),
        help=_as_many_axes(a.type.shape, b.type.shape),
    )


def _in_one_kind(value: Operation, kinds: Sequence[str]) -> str:
    """How operands of two dtypes are written as values of one: times 1.0 a value is float32, times 1 int64."""
    one = "1.0" if "float32" in kinds else "1"
    dtype = "float32" if "float32" in kinds else "int64"
    sides: list[str] = []
    for part, kind in zip((value.left, value.right), kinds, strict=True):
        closed = f"({part!r})" if isinstance(part, Operation) else repr(part)
        sides.append(closed if kind == dtype else f"({closed} * {one})")
    return f"times {one} a value is {dtype}: `{sides[0]} {value.op} {sides[1]}`"


def _as_many_axes(a: tuple[Size, ...], b: tuple[Size, ...]) -> str:
    if a and b:
        return "shapes of as many axes, where one has every size of the other or that other has 1"
    ones = " ".join("1" * max(len(a), len(b)))
    return f"`Rearrange: n -> n {ones}` gives the single value as many axes"


def _covers(whole: Size, part: Size) -> bool:
    """Whether an axis of one size can be computed with an axis of another, or of 1."""
    if part == 1 or whole is UNKNOWN or part is UNKNOWN:
        return True
    condition = same(whole, part)
    return condition if isinstance(condition, bool) else condition.decided is True


def _dtype(value: Operation, sides: list[Operand], dtype: DType) -> DType:
    """The dtype that torch gives an operation: of values of one kind, and of numbers."""
    flows = [side.flow for side in sides if side.flow is not None and side.flow.type is not None]
    kinds = [flow.type.dtype for flow in flows if flow.type is not None]
    if len(set(kinds)) > 1:
        raise ValueMistake(
            "wrong-dtype",
            f"`{value!r}` wants values of one kind, but `{value.left!r}` is {kinds[0]} and `{value.right!r}` is "
            f"{kinds[1]}",
            tuple(Related(f"{f.last.title} gives {kind}", f.last.span) for f, kind in zip(flows, kinds, strict=True)),
            help=_in_one_kind(value, kinds),
        )
    if dtype == "float32":
        return dtype
    numbers = [part for part in (value.left, value.right) if isinstance(part, (int, float))]
    if dtype == "bool" and (value.op == "-" or (value.op == "**" and not numbers)):
        what = "truth values are not subtracted" if value.op == "-" else "truth values have no powers of one another"
        raise ValueMistake("wrong-dtype", f"`{value!r}`: {what}", help="`x * 1` makes numbers of them, 0 and 1")
    if value.op == "**" and any(type(part) is int and part < 0 for part in numbers):
        raise ValueMistake("wrong-dtype", f"`{value!r}`: integers have no negative powers")
    if value.op == "/" or any(isinstance(part, float) for part in numbers):
        return "float32"
    return "int64" if numbers else dtype
