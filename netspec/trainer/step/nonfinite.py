"""Find the layer that first computed a value that is not finite, by replaying the failed step with hooks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from torch import Tensor, nn

from netspec.trainer.machine.divided import is_divided, local
from netspec.trainer.machine.host import is_finite
from netspec.trainer.machine.values import each
from netspec.trainer.measure.losses import Objective
from netspec.trainer.measure.metrics import Entry
from netspec.trainer.step.feed import Buffers, Feed, Phase
from netspec.trainer.step.parameters import modules, named
from netspec.trainer.step.work import Step


class Lost(NamedTuple):
    """What was first not finite in a step."""

    text: str
    in_data: bool = False
    """It is in the batch, before the net has done anything."""

    def told(self, where: str, *, first: bool) -> tuple[str, str]:
        """The clause behind its place, and what to do; `first` if no update was made before it."""
        mend = "A smaller learning rate, warm-up or `clip_grad_norm` are the usual remedies"
        if self.in_data:
            mend = "No learning rate mends that: look at the data, and at the transforms and the augmentation"
        elif first:
            mend = (
                "No update was made before it, so no learning rate mends that: look at the data, the layer and the "
                "initial values, or train in fp32"
            )
        return f"{where}: {self.text}", mend


def explain(model: nn.Module, step: Step, batches: Sequence[Feed]) -> Lost:
    """Replay the batches of a failed step, and find the first value that is not finite.

    The parameters must be those from before the step. They are not changed: the replay only computes gradients. The
    model is called without DistributedDataParallel, so that a process can do this without the others; all of them do it
    for one that is divided.

    Args:
        model: the model.
        step: the step.
        batches: its batches, several if gradients are accumulated.

    Returns:
        What it is, in a clause that continues "step 17: ".
    """
    wrapped, step.forward = step.forward, model
    sums, step.sums = step.sums, (seen := _Seen())
    divided = any(is_divided(parameter) for parameter in model.parameters())
    reason: Lost | None = None
    try:
        for number, batch in enumerate(feed.ready() for feed in batches):
            found = None if all(map(is_finite, each(batch.x))) else _BATCH
            if divided or not found:
                found = found or _first_lost(model, step, batch, Phase(first=number == 0, last=False), seen)
            reason = reason or found
            if reason and not divided:  # else the other processes, whose shares may be finite, wait for this one
                break
    finally:
        step.forward, step.sums = wrapped, sums
    if reason:
        return reason
    for key, parameter, _ in named(model):
        if parameter.grad is not None and not is_finite(local(parameter.grad)):
            return Lost(f"every layer's output and the loss are finite, but the gradient of `{key}` is not")
    return Lost("the loss is not finite, though every layer's output is")


_BATCH: Final = Lost("the batch itself holds a value that is not finite, before any layer", in_data=True)


def _first_lost(model: nn.Module, step: Step, batch: Buffers, phase: Phase, seen: _Seen) -> Lost | None:
    """What was first not finite in a batch, while it runs once more; None if all was."""
    found: list[str] = []
    back: list[str] = []
    with ExitStack() as hooks:
        for path, module in modules(model):
            if not len(list(module.children())):
                hook: Any = module.register_forward_hook(_Watch(path, module, found, back))  # pyright: ignore[reportUnknownMemberType]  # torch types hooks loosely
                hooks.callback(hook.remove)
        step(batch, phase)
    if found:
        return Lost(found[0])
    if lost := seen.lost(step.objective):
        targets = all(map(is_finite, each(batch.y)))
        because = "" if targets else ": a target of the batch is not"
        return Lost(f"{lost} is not finite, though every layer's output is{because}", in_data=not targets)
    return Lost(back[0]) if back else None


class _Seen:
    """Takes the place of the sums of a step: remembers for each loss whether it was finite."""

    def __init__(self) -> None:
        self.finite: list[bool] = []

    def add(self, entries: Sequence[Entry]) -> None:
        """Look at a batch."""
        self.finite = [is_finite(entry.loss) for entry in entries]

    def lost(self, objective: Objective) -> str:
        """The losses that were not finite in the last batch, as text; empty if all were."""
        if objective.only is not None:
            return "" if all(self.finite) else "the loss"
        names = [
            f"`{term.term.loss.name()}` of `{term.term.label}`"
            for term, finite in zip(objective.terms, self.finite, strict=True)
            if not finite
        ]
        return f"the loss {' and '.join(names)}" if names else ""


class _Watch:
    """A forward hook that records the first output that is not finite, or, in the backward pass, the first gradient."""

    def __init__(self, path: str, module: nn.Module, found: list[str], back: list[str]) -> None:
        self._place = f"layer `{path}` ({type(module).__name__}"
        self._found, self._back = found, back

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> None:
        if self._found:
            return
        if not all(is_finite(t) for t in _tensors(output)):
            bad = [key for key, p in module.named_parameters() if not is_finite(p)]
            because = f", whose {bad[0]} is not finite" if bad else ""
            largest = max((float(t.detach().abs().max()) for t in _tensors(inputs) if t.numel()), default=0.0)
            self._found.append(
                f"the output of {self._place}{because}) is the first that is not finite; "
                f"its input is finite, of magnitude {largest:.3g} at most"
            )
            return
        for tensor in _tensors(output):
            if tensor.requires_grad:
                tensor.register_hook(self._backward)  # pyright: ignore[reportUnknownMemberType]  # as above

    def _backward(self, gradient: Tensor) -> None:
        if not self._found and not self._back and not is_finite(gradient):
            self._back.append(
                f"every layer's output is finite, but on the way back the gradient at the output of {self._place}) "
                "is the first that is not"
            )


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in _tensors(v)]  # pyright: ignore[reportUnknownVariableType]  # any nesting
    return []
