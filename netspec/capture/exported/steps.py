"""One step of a program: what it computes, and the sizes in it that grow with the batch.

A program that was exported for one batch has it in its sizes as a number. Which of them it is, is seen in one run with
another batch: the axis of a tensor whose size is another one then is that of the batch, and a view carries it on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any, Final

import torch
from torch import Tensor

from netspec.capture.exported.program import DtypeArgument, ProgramNode

DTYPES: Final[dict[str, torch.dtype]] = {
    "uint8": torch.uint8, "int8": torch.int8, "int16": torch.int16, "int32": torch.int32, "int64": torch.int64,
    "float16": torch.float16, "float32": torch.float32, "float64": torch.float64, "bool": torch.bool,
    "bfloat16": torch.bfloat16,
}  # fmt: skip


@dataclass(eq=False)
class PartStep:
    """An operator of a program."""

    node: ProgramNode
    sizes: tuple[int, ...]
    """Of what it gives, in the example."""
    source: tuple[int, ...]
    """Of what it is given first, in the example."""
    is_symbolic: bool
    """Whether the program computes sizes for it."""
    axes: tuple[int, ...] = ()
    """Those of its sizes that grow with the batch."""


@dataclass(eq=False)
class BatchPlan:
    """What one run with another batch finds out."""

    outer: dict[str, int] = field(default_factory=dict[str, int])
    """For each value, in the axis with its batch, how many numbers stand in front of that."""


class ProgramRun:
    """One run of a program."""

    def __init__(self, root: Any, batch: int, example: int, floats: torch.dtype, plan: BatchPlan | None) -> None:
        self.root = root
        self.batch = batch
        self.example = example
        """The batch of the example."""
        self.floats = floats
        self.plan = plan


class StepRun:
    """One run of one step."""

    def __init__(self, run: ProgramRun, step: PartStep, *, training: bool, exported_training: bool) -> None:
        self.run = run
        self.step = step
        self.training = training
        self._exported_training = exported_training

    def mode(self, flag: bool) -> bool:
        """Whether a layer is in training mode, where the program says which mode it was exported in."""
        return self.training if flag == self._exported_training else flag

    def dtype(self, wanted: DtypeArgument | None, number: float | bool = 0.0) -> torch.dtype:
        """The dtype of a new tensor; floats are those of the run."""
        if wanted is None:
            is_float = isinstance(number, float)
            return self.run.floats if is_float else torch.bool if isinstance(number, bool) else torch.int64
        found = DTYPES.get(wanted.name)
        if found is None:
            raise ValueError(f"{wanted.name} is no dtype of a spec")
        return self.run.floats if found.is_floating_point else found

    # ---- sizes

    def reshaped(self, value: Tensor, size: Sequence[int] | None) -> list[int]:
        """The sizes of a view."""
        step = self.step
        if self.run.plan is not None:
            self._plan_view(value)
        if step.is_symbolic and size is not None:
            return list(size)
        found = list(step.sizes) if size is None else list(size)
        for axis in step.axes:
            found[axis] = found[axis] if found[axis] == -1 else self._grown(step.sizes[axis])
        return found

    def _plan_view(self, value: Tensor) -> None:
        plan, step = self.run.plan, self.step
        assert plan is not None
        read, made = step.node.reads[0], step.node.outputs[0]
        axis = _batch_axis(value.shape, step.source)
        if axis is None or made is None or prod(step.sizes) != prod(step.source):
            return
        before = plan.outer.get(read, 1)
        outer = prod(step.source[:axis]) * before
        batch = self.run.example
        fitting: list[int] = []
        front = 1
        for i, size in enumerate(step.sizes):
            if outer % front == 0 and (front * size) % (outer * batch) == 0:
                fitting.append(i)
            front *= size
        if not fitting:
            return
        exact = [i for i in fitting if step.sizes[i] == batch]
        at = exact[0] if exact and batch == 1 else fitting[0]
        step.axes = (at,)
        plan.outer[made] = outer // prod(step.sizes[:at])

    def expanded(self, value: Tensor, size: Sequence[int]) -> list[int]:
        """The sizes, or the numbers of times, that a tensor is repeated to."""
        step, found = self.step, list(size)
        is_times = step.node.target == "aten.repeat.default"
        if self.run.plan is not None and not step.is_symbolic:
            axis = _batch_axis(value.shape, step.source)
            new = len(found) - len(step.source)
            if axis is not None:
                step.axes = () if is_times else (axis + new,)
            elif found and found[0] == self.run.example and (new > 0 or step.source[0] == 1):
                step.axes = (0,)
        for axis in step.axes:
            found[axis] = found[axis] if found[axis] == -1 else self._grown(found[axis])
        return found

    def created(self, size: Sequence[int]) -> list[int]:
        """The sizes of a new tensor, whose first axis is that of the batch where it is as long."""
        step, found = self.step, list(size)
        if self.run.plan is not None and not step.is_symbolic and len(found) > 1 and found[0] == self.run.example:
            step.axes = (0,)
        for axis in step.axes:
            found[axis] = self._grown(found[axis])
        return found

    def _grown(self, size: int) -> int:
        return size // self.run.example * self.run.batch


def _batch_axis(shape: Sequence[int], example: Sequence[int]) -> int | None:
    """The axis of another size than in the example."""
    if len(shape) != len(example):
        return None
    found = [i for i, (now, then) in enumerate(zip(shape, example, strict=True)) if now != then]
    return found[0] if len(found) == 1 else None
