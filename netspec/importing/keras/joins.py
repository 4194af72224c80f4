"""Keras's layers of several tensors, and the arithmetic that a model is written with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

from netspec.dims import Size, same
from netspec.importing.keras.graph import Ref
from netspec.importing.keras.step import KerasStep
from netspec.importing.keras.values import KerasValue
from netspec.layers.base import TensorType, shape_text

_MOST_PARTS: Final = 1000


def joined(word: str) -> Callable[[KerasStep], KerasValue]:
    """`Add` and `Multiply`."""

    def write(step: KerasStep) -> KerasValue:
        if len(step.inputs) < 2:
            step.refuse("is given one tensor, and joins several")
        values = step.alike(step.inputs)
        branches = ", ".join(step.body.branch(value) for value in values)
        return step.body.put(f"{word}: [{branches}]", _result(step, values))

    return write


def concatenated(step: KerasStep) -> KerasValue:
    """`Concatenate`."""
    axis = step.given.get("axis", -1)
    values = list(step.inputs)
    if len({value.rank for value in values}) == 1 and values[0].rank == 1 and len(values) > 1:
        parts = tuple(part for value in values for part in value.parts or ((step.length(value),),))
        plain = not any(value.parts for value in values)
        if len(parts) > _MOST_PARTS and not plain:
            step.refuse(f"puts more than {_MOST_PARTS} maps side by side that were made flat")
    else:
        values, parts, plain = step.alike(values), (), True
    x = values[0]
    dim = x.dim(axis) if type(axis) is int else None
    if dim is None or len(values) < 2:
        step.given.refuse("axis", "is none of the axes of what it is given" if dim is None else "of a single tensor")
    size: Size = 0
    for value in values:
        size = size + value.shape[dim - 1]
    others = {tuple(str(one) for at, one in enumerate(value.shape) if at != dim - 1) for value in values}
    if len(others) > 1:
        step.refuse(f"puts tensors side by side whose other sizes differ: {_shapes(values)}")
    shape = (*x.shape[: dim - 1], size, *x.shape[dim:])
    branches = ", ".join(step.body.branch(value) for value in values)
    options = {} if dim == 1 else {"dim": str(dim)}
    return step.body.put(
        f"concat: [{branches}]", KerasValue(TensorType(shape), x.first, () if plain else parts), options
    )


def subtracted(step: KerasStep) -> KerasValue:
    """`Subtract`."""
    if len(step.inputs) != 2:
        step.refuse(f"is given {len(step.inputs)} tensors, and subtracts one from another")
    return _arithmetic(step, step.alike(step.inputs), "{} - {}")


def averaged(step: KerasStep) -> KerasValue:
    """`Average`."""
    values = step.alike(step.inputs)
    return _arithmetic(step, values, f"({' + '.join(['{}'] * len(values))}) / {len(values)}")


def operation(sign: str) -> Callable[[KerasStep], KerasValue]:
    """`x + y`, `2 * x`, and so on: of two tensors, or of one and a number."""

    def write(step: KerasStep) -> KerasValue:
        operands = step.call.args
        if len(operands) != 2 or step.call.kwargs:
            step.refuse("is called in another way than with two operands")
        tensors = [one for one in operands if isinstance(one, Ref)]
        if len(tensors) == 2:
            return _arithmetic(step, step.alike(step.inputs), f"{{}} {sign} {{}}")
        texts = ["{}" if isinstance(one, Ref) else _number(step, one) for one in operands]
        return _arithmetic(step, [step.x], f" {sign} ".join(texts))

    return write


def _number(step: KerasStep, found: Any) -> str:
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found) or abs(found) > 1e30:
        step.refuse(f"is called with `{str(found)[:40]}`, which is no number")
    return repr(found) if found >= 0 else f"({found!r})"


def _arithmetic(step: KerasStep, values: Sequence[KerasValue], form: str) -> KerasValue:
    """Arithmetic over named values."""
    names = [step.body.name(value) for value in values]
    return step.body.put(f"use: {form.format(*names)}", _result(step, values))


def _result(step: KerasStep, values: Sequence[KerasValue]) -> KerasValue:
    """What values give element by element: on each axis their size, or that of the others where it is 1."""
    sizes: list[Size] = list(values[0].shape)
    for value in values[1:]:
        for at, size in enumerate(value.shape):
            if sizes[at] == 1:
                sizes[at] = size
            elif size != 1 and same(sizes[at], size) is False:
                step.refuse(f"joins tensors whose sizes differ: {_shapes(values)}")
    return KerasValue(TensorType(tuple(sizes), values[0].type.dtype), values[0].first, values[0].parts)


def _shapes(values: Sequence[KerasValue]) -> str:
    return " and ".join(shape_text(value.in_keras) for value in values)[:200]


def unknown(step: KerasStep) -> NoReturn:
    """A layer that no item says."""
    step.refuse("has no form in a spec")


LAYERS: Final[dict[str, Callable[[KerasStep], KerasValue]]] = {
    "Add": joined("add"),
    "Average": averaged,
    "Concatenate": concatenated,
    "Multiply": joined("mul"),
    "Subtract": subtracted,
}
OPERATIONS: Final[dict[str, Callable[[KerasStep], KerasValue]]] = {
    "Add": operation("+"),
    "Divide": operation("/"),
    "Multiply": operation("*"),
    "Subtract": operation("-"),
    "TrueDivide": operation("/"),
}
"""Of `keras.ops`."""
