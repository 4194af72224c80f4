"""Values that are one for all examples and are computed of parameters.

A program may have no batch axis in them, a spec has one of 1 in front. Their axes are moved as those of any other
value: a table of biases that was looked up, `(L, S, heads)`, becomes `(heads, L, S)`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.constants import is_repeated
from netspec.capture.lowering.forms import FIXED, Axis, AxisMoves, Form, NoForm, Unmovable
from netspec.capture.lowering.lookups import only_reshapes
from netspec.capture.patterns.patterns import ItemGraph

if TYPE_CHECKING:
    from netspec.capture.lowering.lowering import Lowering


class Lifted(NamedTuple):
    """Such a value."""

    base: Traced
    """The value of the spec that it is made of."""
    layout: AxisMoves
    """How the axes of that are moved; the tensor has no batch, unless it is repeated for each example."""

    @property
    def is_repeated(self) -> bool:
        """Whether a program has it once for each example."""
        return self.layout.left[0][0].size != 1


def lift(lowering: Lowering, values: Iterable[Traced]) -> None:
    """Note those of some values that no input decides, and that the spec has now."""
    for value in values:
        if value.varies or value in lowering.lifted or not (value in lowering.forms or value in lowering.same):
            continue
        base = lowering.find(value)
        form = lowering.forms.get(value, Form() if len(base.shape) == len(value.shape) else FIXED)
        if base in lowering.forms:
            lowering.lifted[value] = Lifted(base, _layout(value.shape, form))


def _layout(shape: tuple[int, ...], form: Form) -> AxisMoves:
    """The axes of a tensor that no input decides, which may be repeated for each example."""
    if form.at == 0 and shape[0] != prod(form.inner):
        return AxisMoves.of(shape, form, shape[0] // prod(form.inner))
    return AxisMoves.fixed(shape, form)


def is_lifted(lowering: Lowering, value: Traced) -> bool:
    """Whether a value is noted as such; that of which it is written how it is computed gets there."""
    if lowering.composes and not value.varies and value not in lowering.lifted:
        base, form = lowering.anywhere(value)
        lowering.lifted.setdefault(value, Lifted(base, _layout(value.shape, form)))
    return value in lowering.lifted


def form_of(lowering: Lowering, value: Traced) -> Form:
    """Where the batch of what no input decides is: in a first axis of 1, or of all examples with the same numbers, and
    perhaps merged with another axis."""
    parts = _parts_of_each(lowering, value)
    if parts is not None:
        return Form(0, (parts,))
    if value.shape[:1] != (lowering.batch,):
        return Form() if value.shape[:1] == (1,) else FIXED
    lifted, (_, seen) = lowering.lifted.get(value), lowering.constants.get(value, (value, value.shape))
    if (lifted is not None and lifted.is_repeated) or (len(seen) == len(value.shape) and seen[0] == 1):
        return Form()
    return Form() if value.kind == "numbers" and is_repeated(value.tensor) else FIXED


def _parts_of_each(lowering: Lowering, value: Traced) -> int | None:
    """How many parts an example has in the first axis of what a program repeats for each: masks of windows; None where
    it is not repeated, or has one part."""
    lifted = lowering.lifted.get(value)
    if lifted is not None:
        first = lifted.layout.right[0] if lifted.is_repeated and lifted.layout.right else []
        return prod(axis.size for axis in first[1:]) if len(first) > 1 and first[0].is_batch else None
    count, call = lowering.batch, value.maker
    while call is not None and only_reshapes(call):
        call = call.args[0].maker
    is_repeat = call is not None and call.name in ("expand", "expand_as") and call.args[0].shape[0] == 1
    if not is_repeat or not value.shape or value.shape[0] % count or value.shape[0] == count or count == 1:
        return None
    return value.shape[0] // count if value.kind == "numbers" and is_repeated(value.tensor, count) else None


def unread_dropped(lowering: Lowering, items: list[PlacedItem], outputs: Sequence[Traced]) -> None:
    """Take away what functions make of parameters and nobody reads in the spec: all of it together may be known by
    another word, such as a weight that is standardised."""
    graph = ItemGraph(items, outputs)
    for value in (lowering.same.get(value, value) for value in reversed(lowering.computed)):
        if graph.maker(value) is not None and graph.counts[value] == 0:
            graph.dropped(items, value)


def move_lifted(lowering: Lowering, value: Traced, result: Traced, move: Callable[[AxisMoves], None]) -> None:
    """Move the axes of such a value.

    Raises:
        NoForm: it cuts axes where no part of them ends.
    """
    base, before = lowering.lifted[value]
    layout = before.copied()
    try:
        move(layout)
    except Unmovable:
        raise NoForm("it cuts axes where no part of them ends") from None
    lowering.lifted[result] = Lifted(base, layout)


def repeat(lowering: Lowering, value: Traced, result: Traced) -> None:
    """Note that such a value is repeated for each example.

    Raises:
        NoForm: it is repeated along another axis.
    """
    base, before = lowering.lifted[value]
    own = (1, *value.shape) if len(result.shape) == len(value.shape) + 1 else value.shape
    if result.shape != own:
        if own[0] != 1 or result.shape != (lowering.batch, *own[1:]):
            raise NoForm("it repeats values along an axis")
        batch = Axis(lowering.batch, is_batch=True)
        right = before.right[len(value.shape) + 1 - len(own) :]
        layout = AxisMoves([[batch], *before.left[1:]], [[batch], *right]).copied()
    else:
        layout = AxisMoves(before.left, [*([] for _ in own[len(value.shape) :]), *before.right]).copied()
    lowering.lifted[result] = Lifted(base, layout)


def give_lifted(lowering: Lowering, value: Traced) -> None:
    """Move the axes of such a value that a region gives in the region, where what it is made of is."""
    found = lowering.lifted.get(value)
    if found is None or value not in lowering.read or not any(found.base in item.gives for item in lowering.items):
        return
    result = lifted_value(lowering, value, value.shape if value.shape[:1] == (1,) else (1, *value.shape))
    if result is not None and result is not found.base:
        lowering.computed.append(result)


def lifted_value(lowering: Lowering, value: Traced, shape: Sequence[int]) -> Traced | None:
    """Such a value in a shape whose first axis, of 1 or of all examples, is that of the batch; None where it is none,
    or has no such shape."""
    found = lowering.lifted.get(value)
    if found is None or not shape or not (shape[0] == 1 or found.is_repeated):
        return None
    wanted = tuple(shape[1:])
    known = lowering.parameters.get((value, wanted))
    if known is not None:
        return known
    base, layout = found.base, found.layout.copied() if found.is_repeated else found.layout.with_batch()
    try:
        layout.reshaped((lowering.batch if found.is_repeated else 1, *wanted))
    except Unmovable:
        return None
    item = layout.item()
    if item is None and layout.sizes == wanted:
        return base
    if item is None and len(layout.sizes) == 1:
        item = "Unflatten", {"dim": 1, "unflattened_size": list(wanted)}
    word, arguments = item or layout.rearranged()
    result = made((1, *wanted), value, varies=False)
    lowering.items.append(PlacedItem(word, base, (result,), arguments))
    lowering.forms[result] = Form()
    lowering.parameters[value, wanted] = result
    return result
