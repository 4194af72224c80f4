"""Saved buffers of many numbers, such as the sines of positions, of which a program often uses the first ones.

Their numbers come with the weights: a table of sines is `Sinusoids`, any other a `Parameter` that does not train.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import torch

from netspec.capture.graph import Traced, TracedCall
from netspec.capture.items import PlacedItem, made
from netspec.capture.lowering.constants import is_learned
from netspec.capture.lowering.forms import Form
from netspec.capture.numbers.sinusoids import sinusoids

if TYPE_CHECKING:
    from netspec.capture.lowering.lowering import Lowering

MANY: Final = 256
"""Numbers that nobody would write into a spec."""


class BufferPart(NamedTuple):
    """The first places along an axis of a buffer."""

    source: Traced
    axis: int
    stop: int


def part_of(call: TracedCall) -> BufferPart | None:
    """Which part of a buffer a call gives: `pe[:, :n]`; None where it is no such part."""
    source = call.args[0] if call.name == "__getitem__" else None
    if not isinstance(source, Traced) or source.kind != "buffer" or source.dtype != "float32":
        return None
    index: Any = call.args[1]
    parts = list(cast("tuple[Any, ...]", index)) if isinstance(index, tuple) else [index]
    if not all(isinstance(part, slice) for part in parts):
        return None
    slices = cast("list[slice[Any, Any, Any]]", parts)
    ends = [part.indices(size) for part, size in zip(slices, source.shape, strict=False)]
    if any(start != 0 or step != 1 for start, _, step in ends):
        return None
    cut = [(axis, stop) for axis, (_, stop, _) in enumerate(ends) if stop < source.shape[axis]]
    return BufferPart(source, *(cut[0] if cut else (0, source.shape[0]))) if len(cut) <= 1 else None


def of_buffers(lowering: Lowering, call: TracedCall) -> bool:
    """Note numbers that are chosen from buffers, such as a part of a mask: they are written as they are."""
    sources = [lowering.constants.get(value, (value, ()))[0] for value in call.reads() if is_learned(lowering, value)]
    if any(numbers is None for numbers in call.constants) or any(source.kind != "buffer" for source in sources):
        return False
    for value, numbers in zip(call.results, call.constants, strict=True):
        value.kind, value.tensor = "numbers", numbers
    result = call.results[0]
    part = part_of(call)
    if part is not None:
        lowering.parts[result] = part
    lowering.left_out.update(source.key for source in sources)
    return True


def saved(lowering: Lowering, value: Traced, shape: Sequence[int]) -> Traced | None:
    """A saved buffer of many numbers, or a part of one, as a value; None where it is neither."""
    part = lowering.parts.get(value)
    source = value if part is None else part.source
    state = lowering.trace.root.module.state_dict()
    if source.kind != "buffer" or source.dtype != "float32" or source.key not in state:
        return None
    long = [axis for axis, size in enumerate(source.shape) if size != 1]
    sizes = tuple(source.shape[axis] for axis in long)
    mine = tuple(size for size in value.shape if size != 1)
    if state[source.key].numel() <= MANY or shape[0] != 1 or mine != tuple(shape[1:]) or len(mine) != len(sizes):
        return None
    whole = lowering.parameters.get((source, sizes)) or _whole(lowering, source, sizes, state[source.key])
    if part is None or part.stop == source.shape[part.axis]:
        return whole
    known = lowering.parameters.get((value, sizes))
    if known is not None:
        return known
    axis = long.index(part.axis) + 1
    result = made((1, *(part.stop if i + 1 == axis else size for i, size in enumerate(sizes))), source, varies=False)
    lowering.items.append(PlacedItem("Slice", whole, (result,), {"dim": axis, "end": part.stop}))
    lowering.forms[result] = Form()
    lowering.parameters[value, sizes] = result
    lowering.left_out.discard(source.key)
    return result


def _whole(lowering: Lowering, source: Traced, sizes: tuple[int, ...], numbers: torch.Tensor) -> Traced:
    result = made((1, *sizes), source, varies=False)
    sines = sinusoids(numbers.reshape(sizes), is_exact=False) if len(sizes) == 2 else None
    if sines is not None:
        item = PlacedItem("Sinusoids", None, (result,), sines, keys={"value": source.key}, path=source.key)
    else:
        item = PlacedItem("Parameter", None, (result,), {"shape": list(sizes)}, keys={"weight": source.key})
        item.path, item.options["freeze"] = source.key, True
    lowering.items.append(item)
    lowering.forms[result] = Form()
    lowering.parameters[source, sizes] = result
    lowering.left_out.discard(source.key)
    return result
