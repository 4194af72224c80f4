"""Programs that look at numbers of their inputs and compute the same whatever they find, as those that warn do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor

from netspec.capture.graph import NotCaptured, Trace, Traced, calls_in

_MOST: Final = 16
"""Ways through a program that are gone one by one."""


def settled(run: Callable[[Sequence[bool]], Trace]) -> Trace:
    """A run of a program. If it computes the same whichever truth values it finds, it has read nothing.

    Args:
        run: runs the program, which finds these truth values first, and then those that are in its tensors.
    """
    first = run(())
    if first.read and _is_the_same(first, run):
        first.read.clear()
    return first


def _is_the_same(first: Trace, run: Callable[[Sequence[bool]], Trace]) -> bool:
    """Whether each way through a program is the first one."""
    told, waiting = _told(first), _turns(first, 0)
    for _ in range(_MOST):
        if waiting is None or not waiting:
            break
        answers = waiting.pop()
        try:
            other = run(answers)
        except NotCaptured:
            return False
        turns = _turns(other, len(answers))
        if turns is None or _told(other) != told:
            return False
        waiting += turns
    return waiting == []


def _turns(trace: Trace, start: int) -> list[list[bool]] | None:
    """The ways that leave this one at each truth value from a number on; None where other numbers were read."""
    found = [read.answer for read in trace.read if read.answer is not None]
    if len(found) < len(trace.read):
        return None
    return [[*found[:i], not found[i]] for i in range(start, len(found))]


def _told(trace: Trace) -> list[Any]:
    """What a run computed, to be compared with that of another: the calls with their arguments, and what they gave."""
    numbers: dict[Traced, Any] = {value: i for i, value in enumerate(trace.inputs)}

    def told(tree: Any) -> Any:
        if isinstance(tree, Traced):
            if tree not in numbers:
                numbers[tree] = tree.key or (len(numbers) if tree.tensor is None else _written(tree.tensor))
            return numbers[tree]
        if isinstance(tree, Tensor):
            return _written(tree)
        if isinstance(tree, (tuple, list)):
            return [told(item) for item in cast("Sequence[Any]", tree)]
        if isinstance(tree, dict):
            return [(key, told(item)) for key, item in cast("dict[Any, Any]", tree).items()]
        if isinstance(tree, slice):
            ends = cast("slice[Any, Any, Any]", tree)
            return [told(end) for end in (ends.start, ends.stop, ends.step)]
        return type(tree).__name__, tree

    return [
        *([call.function, call.path, told((call.args, call.kwargs, call.results))] for call in calls_in(trace.root)),
        told(trace.root.result),
    ]


def _written(numbers: Tensor) -> tuple[str, torch.Size, bytes]:
    """Numbers, to be compared with others to the bit."""
    return str(numbers.dtype), numbers.shape, numbers.contiguous().flatten().view(torch.uint8).numpy().tobytes()
