"""`torch.einsum` in a spec, whose `einsum` names every axis and has the batch first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from string import ascii_letters, ascii_lowercase
from typing import Any, NamedTuple, cast

from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import made
from netspec.capture.lowering.forms import FIXED, Form, NoForm
from netspec.capture.lowering.lowering import Lowering
from netspec.capture.lowering.meeting import met, over_batch


class Equation(NamedTuple):
    """The axes of operands and of their product, a letter each."""

    parts: list[str]
    result: str

    def unused(self) -> list[str]:
        """Letters that stand for no axis."""
        return [letter for letter in ascii_lowercase if letter not in "".join(self.parts)]


def einsum(lowering: Lowering, call: TracedCall) -> None:
    """Write a call of `torch.einsum`."""
    text, given = call.args[0], call.args[1]
    operands = cast("tuple[Traced, ...]", given if isinstance(given, tuple) else call.args[1:])
    if not isinstance(text, str):
        raise NoForm("an einsum by lists of numbers has no form in a spec: `torch.einsum('bij,bjk->bik', x, y)` has")
    equation = equation_of(text, [operand.shape for operand in operands])
    twice = next((part for part in equation.parts if len(set(part)) < len(part)), None)
    if twice is not None:
        raise NoForm(f"`{twice}` in an einsum takes a diagonal, which has no form in a spec")
    if len(operands) == 1:
        _of_one(lowering, call, operands[0], equation)
    else:
        multiplied(lowering, call, operands, equation)


def multiplied(lowering: Lowering, call: TracedCall, operands: Sequence[Traced], equation: Equation) -> None:
    """Write a product of several tensors."""
    if any(operand.varies for operand in operands):
        _of_several(lowering, call, operands, equation)
    else:
        _of_parameters(lowering, call, operands, equation)


def equation_of(text: str, shapes: Sequence[Sequence[int]]) -> Equation:
    """An equation with a letter in the place of each axis of `...`, and with what it gives where that is not said.

    >>> equation_of("...ij,jk", [(2, 3, 4, 5), (5, 6)])
    Equation(parts=['abij', 'jk'], result='abik')
    """
    left, arrow, right = text.replace(" ", "").partition("->")
    parts = left.split(",")
    free = [letter for letter in ascii_letters if letter not in left]
    most = max(
        (len(shape) - len(part) + 3 for part, shape in zip(parts, shapes, strict=True) if "..." in part), default=0
    )
    others = "".join(free[:most])
    whole = [
        part.replace("...", others[most - (len(shape) - len(part) + 3) :])
        for part, shape in zip(parts, shapes, strict=True)
    ]
    if arrow:
        return Equation(whole, right.replace("...", others))
    counts = Counter("".join(parts).replace(".", ""))
    return Equation(whole, others + "".join(sorted(letter for letter, count in counts.items() if count == 1)))


def _of_one(lowering: Lowering, call: TracedCall, operand: Traced, equation: Equation) -> None:
    """A tensor whose axes are ordered anew, after sums over some."""
    part, result = equation.parts[0], call.results[0]
    summed = [axis for axis, letter in enumerate(part) if letter not in equation.result]
    kept = [letter for letter in part if letter in equation.result]
    if summed:
        value, form = lowering.anywhere(operand)
        axes = [form.axis(axis, len(part)) for axis in summed]
        if None in axes:
            raise over_batch(lowering, call, "an einsum that sums")
        between = made(tuple(operand.shape[part.index(letter)] for letter in kept), operand)
        after = form._replace(at=form.at - sum(axis < form.at for axis in summed))
        dim: Any = axes[0] if len(axes) == 1 else axes
        lowering.add(call, "Sum", value, {"dim": dim}, form=after, gives=(between,))
        operand = between
    lowering.move(operand, result, lambda layout: layout.permuted([kept.index(letter) for letter in equation.result]))


def _of_several(lowering: Lowering, call: TracedCall, operands: Sequence[Traced], equation: Equation) -> None:
    """A product that an input decides; the batch is one axis of it, alone or with others merged into it."""
    taken = {i: lowering.anywhere(operand) for i, operand in enumerate(operands) if operand.varies}
    letters = {equation.parts[i][form.at] for i, (_, form) in taken.items()}
    inner = {form.inner for _, form in taken.values()}
    axes = [axis for axis, letter in enumerate(equation.result) if letter in letters]
    if len(axes) != 1:
        raise met(lowering, call, [operands[i] for i in taken], axes)
    if len(letters) > 1 or len(inner) > 1 or not letters <= set(equation.result):
        raise NoForm("an einsum in which the batch is not one axis of all its tensors has no form in a spec")
    batch, merged = letters.pop(), equation.unused()[: len(inner.pop())]
    values: list[Traced] = []
    patterns: list[list[str]] = []
    for i, (operand, part) in enumerate(zip(operands, equation.parts, strict=True)):
        rest = [letter for letter in part if letter != batch]
        if i in taken:
            values.append(taken[i][0])
            patterns.append([batch, *merged, *rest])
            continue
        sizes = [size for letter, size in zip(part, operand.shape, strict=True) if letter != batch]
        if batch in part and operand.shape[part.index(batch)] != 1:
            raise NoForm("an einsum multiplies each example with numbers of its own")
        values.append(lowering.constant(operand, (1, *sizes)))
        patterns.append([batch, *rest])
    after = [batch, *merged, *(letter for letter in equation.result if letter != batch)]
    form = Form(equation.result.index(batch), next(iter(taken.values()))[1].inner)
    _added(lowering, call, values, patterns, after, form)


def _of_parameters(lowering: Lowering, call: TracedCall, operands: Sequence[Traced], equation: Equation) -> None:
    """A product of parameters alone, one for all examples; each of them may have a first axis of 1 for those."""
    first = {part[:1] for part, operand in zip(equation.parts, operands, strict=True) if operand.shape[:1] == (1,)}
    is_plain = len(first) == 1 and all(operand.shape[:1] == (1,) for operand in operands)
    if is_plain and equation.result.startswith(min(first)):
        values = [lowering.constant(operand, operand.shape) for operand in operands]
        _added(lowering, call, values, [list(part) for part in equation.parts], list(equation.result), Form())
        return
    batch = equation.unused()[0]
    values = [lowering.constant(operand, (1, *operand.shape)) for operand in operands]
    _added(lowering, call, values, [[batch, *part] for part in equation.parts], [batch, *equation.result], FIXED)


def _added(
    lowering: Lowering,
    call: TracedCall,
    values: Sequence[Traced],
    parts: Sequence[list[str]],
    result: list[str],
    form: Form,
) -> None:
    options = {"pattern": f"{', '.join(' '.join(part) for part in parts)} -> {' '.join(result)}"}
    lowering.add(call, "einsum", None, branches=tuple(values), options=options, form=form)
