"""The optimizer step, as work of the device without host synchronisation.

`Step` only reads and writes tensors. No Python branch depends on the value of a tensor, so that the step can be
recorded once and replayed (`drivers.py`) with the same result as by calling it. What changes from step to step (the
batch, its weight, the parameters of mixing, the learning rate) is in tensors, and so are failures.

A step whose loss or gradient is not finite changes no parameter, and neither does any step after it, until the loop
reads `Failures`: by then the parameters are still those from before the failed step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from netspec.recipe.base import is_map
from netspec.recipe.resolved import Recipe
from netspec.trainer.machine.device import Arithmetic
from netspec.trainer.machine.divided import is_divided, local
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.values import Values, each
from netspec.trainer.measure.evaluation import autocast
from netspec.trainer.measure.losses import LossFunction, Objective, Shares
from netspec.trainer.measure.metrics import Adds, Entry
from netspec.trainer.step.feed import Buffers, Feed, Phase
from netspec.trainer.step.optim import Optimization
from netspec.trainer.step.parameters import Thawing


class Failures:
    """Records on the device whether any step has computed a value that is not finite."""

    def __init__(self, device: torch.device, counts: bool) -> None:
        self.ever = torch.zeros((), dtype=torch.float32, device=device)
        """0, and from the first failed step on 1; then nothing is updated any more."""
        self.since = torch.zeros((), dtype=torch.float64, device=device) if counts else None
        """The number of steps from the first failed one on, itself included; None if `ever` is read after each step."""


class LossScale:
    """The loss scale for fp16: halved if gradients overflow, doubled after 2,000 steps without overflow, as by torch's
    GradScaler."""

    growth, backoff, interval, initial = 2.0, 0.5, 2000, 65536.0

    def __init__(self, device: torch.device) -> None:
        self.scale = torch.full((), self.initial, device=device)
        self.since = torch.zeros((), dtype=torch.int32, device=device)

    def state_dict(self) -> dict[str, Tensor]:
        """The scale, and the number of steps since it last changed."""
        return {"scale": self.scale, "since": self.since}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Restore a result of `state_dict`, in place."""
        self.scale.copy_(state["scale"])
        self.since.copy_(state["since"])

    def update(self, overflow: Tensor) -> None:
        """Update the scale after a step; `overflow` is 1 if its gradients overflowed, else 0."""
        torch._amp_update_scale_(self.scale, self.since, overflow, self.growth, self.backoff, self.interval)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # what GradScaler calls, without its reads by the host


class Step:
    """Forward pass, backward pass and update for one batch.

    Args:
        forward: the module to call: the model, or a wrapper of it.
        optimization: the optimizer.
        objective: the recipe's losses.
        recipe: the recipe.
        arithmetic: device and precision.
        sums: accumulates the metrics of every batch.
        average: the moving average, if the recipe has one.
        watched: the caller reads `failures.ever` after every step, so that steps need not be counted.
        world: the processes of the run.
        statistics: the buffers of the model. A batch in which no target counts does not change them.
        thawing: what freezes parameters for the first epochs.
    """

    def __init__(
        self,
        forward: Callable[..., Any],
        optimization: Optimization,
        objective: Objective,
        recipe: Recipe,
        arithmetic: Arithmetic,
        sums: Adds,
        average: Average | None = None,
        watched: bool = False,
        world: World = World(),  # noqa: B008  # an immutable value
        statistics: Sequence[Tensor] = (),
        thawing: Thawing | None = None,
    ) -> None:
        self.forward, self.optimization, self.objective = forward, optimization, objective
        self.recipe, self.arithmetic, self.sums, self.average = recipe, arithmetic, sums, average
        self.world, self.thawing = world, thawing
        self.parameters = optimization.parameters
        self._divided = any(map(is_divided, self.parameters))
        self.failures = Failures(arithmetic.device, counts=not watched)
        self.scale = LossScale(arithmetic.device) if arithmetic.scaled else None
        only = objective.only
        self.shares = Shares(only, arithmetic.device, world) if only is not None and only.divides else None
        self.statistics = statistics if self.shares is not None else ()
        self._one = torch.ones((), device=arithmetic.device)
        self._autocast = autocast(arithmetic)
        self._accumulates = recipe.accumulate > 1
        self._weighted = self._accumulates or not world.alone
        self._mixes = recipe.mixup > 0 or recipe.cutmix > 0
        if optimization.fused:
            optimization.optimizer.found_inf = self.failures.ever  # pyright: ignore[reportAttributeAccessIssue]  # the protocol between GradScaler and fused optimisers

    def __call__(self, feed: Feed, phase: Phase = Phase()) -> None:  # noqa: B008  # an immutable tuple
        """Run the forward and backward pass of a batch; after the last batch of the step, update the parameters.

        In order: reset the gradients, mix the examples, run the model, compute the loss with that of auxiliary heads,
        weight and scale it, run the backward pass, add to the metrics, update.
        """
        b = feed.ready()
        if phase.first:
            self._clear_gradients()
        x, y, other = self._mixed(b)
        statistics = [buffer.clone() for buffer in self.statistics]
        inputs = each(x)
        with self._autocast:
            result = self.forward(*inputs)
        objective, entries = self._objective(result, (*inputs, *each(y)), b, other)
        empty = None
        if self.shares is not None:
            factor, empty = self.shares.add(entries[0].y, b.weight, first=phase.first)
            objective = objective * factor
        elif self._weighted:
            objective = objective * b.weight
        (objective if self.scale is None else objective * self.scale.scale).backward()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
        if empty is not None:  # no branch on the value of `empty`: that would need the host
            for buffer, before in zip(self.statistics, statistics, strict=True):
                buffer.copy_(torch.where(empty, before, buffer))
        self.sums.add(entries)
        if phase.last:
            idle = self._update([entry.loss for entry in entries])
            if phase.average and self.average is not None:
                self.average.update(idle)

    # ---- the parts

    def _clear_gradients(self) -> None:
        if not self._accumulates:
            for parameter in self.parameters:
                parameter.grad = None
            return
        for parameter in self.parameters:  # zeroed in place: recordings of several phases share the gradients' memory
            if self.thawing is not None and parameter in self.thawing.waiting:
                continue
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            else:
                parameter.grad.zero_()

    def _mixed(self, b: Buffers) -> tuple[Values, Values, Tensor | None]:
        """Apply mixup or CutMix with the neighbouring example in the batch; both are for one input and one target.

        Returns:
            The examples, their targets, and the neighbours' targets if the loss is to be mixed, else None.
        """
        if not self._mixes:
            return b.x, b.y, None
        (x,), (y,) = each(b.x), each(b.y)
        neighbour = x.roll(1, 0)
        x, other = x * b.mix[0] + neighbour * (1 - b.mix[0]), y.roll(1, 0)
        maps = is_map(self.recipe.losses[0].loss, x.shape[1:], y.shape[1:])
        if maps and self.recipe.mixup > 0:  # maps of values: mixup is not allowed for masks of classes
            y = y * b.mix[0] + other * (1 - b.mix[0])
        if self.recipe.cutmix > 0:
            rows = torch.arange(x.shape[-2], device=x.device).unsqueeze(1)
            columns = torch.arange(x.shape[-1], device=x.device)
            _, _, top, bottom, left, right = b.mix.unbind()
            box = (rows >= top) & (rows < bottom) & (columns >= left) & (columns < right)
            x = torch.where(box, neighbour, x)
            y = torch.where(box, other, y) if maps else y
        return x, y, None if maps else other

    def _objective(
        self, result: Any, values: Sequence[Tensor], b: Buffers, other: Tensor | None
    ) -> tuple[Tensor, list[Entry]]:
        """What is minimised, the losses of auxiliary heads included; and each loss with its output and target."""
        outputs, heads = self.objective.outputs(result)
        objective: Tensor | None = None
        entries: list[Entry] = []
        beside: list[tuple[Tensor, ...]] = []
        for term in self.objective.terms:
            output, y, further = term.reads(outputs, values)
            beside.append(further)
            loss = self._loss(term, output, y, further, b, other)
            entries.append(Entry(loss.detach(), output.detach(), y))
            part = loss * term.share(y) if term.divides and self.shares is None else loss
            if term.weight != 1:
                part = part * term.weight
            objective = part if objective is None else objective + part
        assert objective is not None, "a recipe has a loss"
        first = self.objective.terms[0]
        for head in heads:
            objective = objective + self.recipe.aux_weight * self._loss(
                first, first.scored(head).float(), entries[0].y, beside[0], b, other
            )
        return objective, entries

    def _loss(
        self,
        term: LossFunction,
        output: Tensor,
        y: Tensor,
        further: Sequence[Tensor],
        b: Buffers,
        other: Tensor | None,
    ) -> Tensor:
        if further:
            return term(output, y, *further)
        own = term(output, y)
        return own if other is None else b.mix[1] * own + (1 - b.mix[1]) * term(output, other)

    def _update(self, losses: list[Tensor]) -> Tensor:
        """Update the parameters, unless the step fails.

        Returns:
            1 if nothing was updated since a step has failed or no target counts, else 0; 0-dim.
        """
        if self.thawing is not None:
            self.thawing.drop()
        gradients = [local(gradient) for p in self.parameters if (gradient := p.grad) is not None]
        empty = None if self.shares is None else self.shares.divide(gradients)
        skip = self._checked(losses, gradients)
        if empty is not None:
            skip = torch.maximum(skip, empty)
            if self.optimization.fused:
                self.optimization.optimizer.found_inf = skip  # pyright: ignore[reportAttributeAccessIssue]  # as above
        if self.recipe.clip_grad_value is not None:
            nn.utils.clip_grad_value_(self.parameters, self.recipe.clip_grad_value)
        if self.recipe.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, self.recipe.clip_grad_norm)
        if self.optimization.fused:
            self.optimization.step()
        else:
            self._step_unless(skip, gradients)
        return self.failures.ever if empty is None else torch.maximum(self.failures.ever, empty)

    def _checked(self, losses: list[Tensor], gradients: list[Tensor]) -> Tensor:
        """Check losses and gradients, divide the gradients by the loss scale, and record a failure.

        Returns:
            1 if this step must not change the parameters, else 0; 0-dim.
        """
        failures, scale = self.failures, self.scale
        if scale is None:
            _check_and_divide([*losses, *gradients], failures.ever, self._one)
            skip = self.world.largest_(failures.ever)
        else:  # with fp16, an overflow is a failure only if the loss scale cannot be reduced any further
            overflow = torch.zeros_like(failures.ever)
            _check_and_divide(gradients, overflow, scale.scale.reciprocal())
            if self._divided:  # this process has a part of the gradients
                self.world.largest_(overflow)
            _check_and_divide(losses, failures.ever, self._one)
            torch.maximum(failures.ever, overflow * (scale.scale < 1), out=failures.ever)
            self.world.largest_(failures.ever)
            scale.update(overflow)
            skip = torch.maximum(failures.ever, overflow)
            if self.optimization.fused:
                self.optimization.optimizer.found_inf = skip  # pyright: ignore[reportAttributeAccessIssue]  # as above
        if failures.since is not None:
            failures.since.add_(failures.ever)
        return skip

    def _step_unless(self, skip: Tensor, gradients: list[Tensor]) -> None:
        """Run an optimizer without a fused kernel, unless `skip` is 1.

        On a GPU the step always runs, since the host must not read `skip`; parameters and state are then restored from
        copies with `torch.where`.
        """
        if skip.device.type == "cpu":
            if not skip.item():
                self.optimization.step()
            return
        held = [*(local(p.detach()) for p in self.parameters), *self.optimization.state_on(skip.device)]
        before = [tensor.detach().clone() for tensor in held]
        for gradient in gradients:
            gradient.masked_fill_(skip.bool(), 0)  # state that the step creates is not restored below
        self.optimization.step()
        for tensor, old in zip(held, before, strict=True):
            tensor.data.copy_(torch.where(skip.bool(), old, tensor.detach()))


def _check_and_divide(tensors: list[Tensor], found: Tensor, factor: Tensor) -> None:
    """Multiply tensors in place by a factor, and set `found` to 1 if one of them has a value that is not finite."""
    torch._amp_foreach_non_finite_check_and_unscale_(tensors, found, factor)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # the kernel of GradScaler


class Average:
    """The exponential moving average of the weights, in a copy of the model that evaluation uses."""

    def __init__(self, model: nn.Module, module: nn.Module, device: torch.device) -> None:
        self.module = module.requires_grad_(False).eval()
        self._divided = any(is_divided(p) for p in model.parameters())
        self._source = [p.detach() for p in model.parameters()]
        self._target = [p.detach() for p in module.parameters()]
        self._pairs = list(zip(model.parameters(), module.parameters(), strict=True)) if self._divided else []
        self._buffers = list(zip(module.buffers(), model.buffers(), strict=True))
        self.share = torch.zeros((), device=device)
        """1 − decay for the next update, written by the host before the step."""

    def update(self, skip: Tensor) -> None:
        """average ← average + share · (weight − average), unless `skip` is 1."""
        if self._divided:  # its parts have their final place from the first step on
            self._source, self._target = ([local(p.detach()) for p in side] for side in zip(*self._pairs, strict=True))
        difference = torch._foreach_sub(self._source, self._target)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # documented under "foreach functions"
        torch._foreach_mul_(difference, self.share * (1 - skip))  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # as above
        torch._foreach_add_(self._target, difference)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # as above

    def copy_buffers(self) -> None:
        """Copy the running statistics of the model, before the average is evaluated."""
        for target, source in self._buffers:
            target.copy_(source)
