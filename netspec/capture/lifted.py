"""Values that are one for all examples and are computed of parameters.

A program has no batch axis in them, a spec has one of 1 in front. Their axes are moved as those of any other value: a
table of biases that was looked up, `(L, S, heads)`, becomes `(heads, L, S)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from netspec.capture.binding import bound, several
from netspec.capture.forms import AxisMoves, Form, Unmovable
from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made

if TYPE_CHECKING:
    from netspec.capture.lowering import Lowering

_RESHAPES: Final = frozenset(
    ("view", "reshape", "unsqueeze", "squeeze", "flatten", "unflatten", "contiguous", "to", "type_as", "clone")
)


def lift(lowering: Lowering, value: Traced) -> None:
    """Note that a value that is given in the spec has an axis in front there, which it lacks in the program."""
    lowering.lifted[value] = (value, AxisMoves.of((1, *(value.shape or (1,))), Form(), 1))


def moved_once(lowering: Lowering, call: TracedCall) -> bool:
    """Move the axes of such a value; False where it is none, or the call does something else."""
    value = call.args[0] if call.args else call.kwargs.get("input")
    if not isinstance(value, Traced) or value not in lowering.lifted or len(call.results) != 1:
        return False
    result = call.results[0]
    if result.dtype != value.dtype:
        return False
    base, before = lowering.lifted[value]
    layout = before.copied()
    try:
        dims = _order(call, len(value.shape))
        if dims is not None:
            layout.permuted([0, *(dim + 1 for dim in dims)])
        elif call.name in _RESHAPES:
            layout.reshaped((1, *result.shape))
        else:
            return False
    except Unmovable:
        return False
    lowering.lifted[result] = (base, layout)
    return True


def lifted_value(lowering: Lowering, value: Traced, shape: Sequence[int]) -> Traced | None:
    """Such a value in a shape whose first axis, of 1, is that of the batch; None where it is none, or not moved."""
    found = lowering.lifted.get(value)
    wanted = tuple(shape[1:])
    if found is None or not shape or shape[0] != 1 or (found[0] is value and wanted == (value.shape or (1,))):
        return None
    known = lowering.parameters.get((value, wanted))
    if known is not None:
        return known
    base, layout = found[0], found[1].copied()
    try:
        layout.reshaped((1, *wanted))
    except Unmovable:
        return None
    item = layout.item()
    result = made((1, *wanted), value, varies=False)
    if item is None:
        word, arguments = "Unflatten", {"dim": 1, "unflattened_size": list(wanted)}
        if tuple(base.shape) == wanted:
            return base
    else:
        word, arguments = item
    lowering.items.append(PlacedItem(word, base, (result,), arguments))
    lowering.forms[result] = Form()
    lowering.parameters[value, wanted] = result
    return result


def _order(call: TracedCall, rank: int) -> list[int] | None:
    """The order in which a call puts axes; None if it does something else."""
    if call.name == "permute":
        return [dim % rank for dim in several(call)]
    if call.name in ("transpose", "swapaxes"):
        given: dict[str, Any] = bound(call, "input dim0 dim1" if call.name == "transpose" else "input axis0 axis1")
        a, b = (dim % rank for name, dim in given.items() if name != "input")
        dims = list(range(rank))
        dims[a], dims[b] = b, a
        return dims
    return None
