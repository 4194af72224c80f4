"""Examples of a batch that meet one another: what comes of it has the batch in two axes, or in none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from netspec.capture.graph import RefusedCall, Region, Traced, TracedCall, calls_in
from netspec.capture.lacking import of_program
from netspec.capture.lowering.forms import Form, NoForm

if TYPE_CHECKING:
    from netspec.capture.lowering.lowering import Lowering


def apart(lowering: Lowering, call: TracedCall, first: Traced, second: Traced, *, sums: bool = False) -> NoForm:
    """Why two tensors with the batch in other places have no form together; what they give is noted.

    Args:
        lowering: has their forms.
        call: what they are given to; its result has their axes, the last of each in line.
        first: a tensor that varies.
        second: another.
        sums: it is their matrix product, so that the last axis of the first meets the last but one of the second.
    """
    at, other = (lowering.anywhere(value)[1].at - len(value.shape) for value in (first, second))
    rank = len(call.results[0].shape)
    if sums and (at == -1 or other == -2):
        return met(lowering, call, (first, second), () if (at, other) == (-1, -2) else (rank + min(at, other),))
    if at == other:
        return NoForm(f"the batch, N, is not in the same place in both tensors, {_told(lowering, (first, second))}")
    return met(lowering, call, (first, second), (rank + at, rank + other))


def met(lowering: Lowering, call: TracedCall, values: Sequence[Traced], axes: Sequence[int]) -> NoForm:
    """That examples meet in a call; what it gives has the batch in these axes, which is noted unless it is one.

    Args:
        lowering: has the forms of values.
        call: what they are given to.
        values: its tensors that vary.
        axes: of its result.
    """
    result = call.results[0]
    if len(axes) != 1:
        lowering.met[result] = tuple(axes)
    if len(axes) < 2:
        return NoForm(f"of {_told(lowering, values)} it gives a sum over the batch, N, which mixes examples")
    sizes = ["N" if i in axes else str(size) for i, size in enumerate(result.shape)]
    return NoForm(
        f"{_told(lowering, values)} give ({', '.join(sizes)}): the batch, N, meets another axis, and each example "
        "every other of its batch"
    )


def over_batch(lowering: Lowering, call: TracedCall, what: str) -> NoForm:
    """That one value is made of all examples of a batch, so that nothing is left of it; what it gives is noted."""
    lowering.met[call.results[0]] = ()
    return NoForm(f"{what} over the batch mixes examples")


def _told(lowering: Lowering, values: Sequence[Traced]) -> str:
    told = list(dict.fromkeys(lowering.anywhere(value)[1].told(value.shape) for value in values))
    return " and ".join(told if len(told) > 1 else [*told, "its like"])


def refuse(lowering: Lowering, step: TracedCall | Region, region: Region, why: NoForm) -> None:
    """Note that a step in a region has no form, unless what it reads has none either, which is told there."""
    results = step.results if isinstance(step, TracedCall) else step.outputs
    reads = list(step.reads()) if isinstance(step, TracedCall) else step.inputs
    if not lowering.met or spread(lowering).isdisjoint(reads):
        inner = step if isinstance(step, Region) else region
        lowering.refused.append(RefusedCall(step.place, str(why), inner))
    for value in results:
        lowering.forms.setdefault(value, Form())


def spread(lowering: Lowering) -> set[Traced]:
    """What has the batch in two axes, or in none, and what is computed of it and has it so, too."""
    found = dict(lowering.met)
    for call in calls_in(lowering.trace.root):
        for value in call.reads():
            axes = found.get(value)
            for result in call.results if axes is not None else ():
                if _has(axes or (), value, result, lowering.batch):
                    found.setdefault(result, axes or ())
    return set(found)


def _has(axes: tuple[int, ...], value: Traced, result: Traced, batch: int) -> bool:
    """Whether a result has the batch in these axes, as what it is computed of has it."""
    if not axes:
        return result.shape == value.shape
    return len(result.shape) > max(axes) and all(result.shape[axis] == batch for axis in axes)


def beyond_layers(lowering: Lowering) -> list[RefusedCall]:
    """What was refused, with a mark where no layer of somebody's own can say it either: the part of the program around
    it gives what has the batch in two axes, or in none."""
    met = spread(lowering) if lowering.met else set[Traced]()
    return [each._replace(is_beyond=not met.isdisjoint(of_program(each.region).outputs)) for each in lowering.refused]
