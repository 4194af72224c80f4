"""The learning rate schedule: linear warm-up, then torch's own scheduler.

torch's schedulers read the learning rates of their optimizer. Those of the real optimizer may be tensors on a GPU,
which must not be read by the host. So the scheduler works on a shadow: an optimizer of the same class and groups with
empty parameters, whose rates are floats. The results are written to the real optimizer.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from netspec.diagnostics import UsageError
from netspec.recipe.base import MOMENTA
from netspec.recipe.resolved import Recipe
from netspec.trainer.run.records import RATE, Record
from netspec.trainer.step.optim import Optimization


class Schedule:
    """The learning rate of every group at every step.

    Call `after_step` after each optimizer step, and `after_epoch` after each epoch; both set the learning rates for
    the next step.
    """

    def __init__(self, recipe: Recipe, optimization: Optimization, steps_per_epoch: int) -> None:
        self._optimization = optimization
        self._by_step = recipe.schedule_by == "step"
        self._follows = None if recipe.scheduler is None else recipe.scheduler.metric
        self._shadow = _shadow(recipe, optimization)
        self._warmup, self._start = _warmup(recipe, steps_per_epoch)
        self._waits = math.ceil(self._warmup / steps_per_epoch)  # the number of epochs that begin within the warm-up
        self._step = self._epoch = 0
        self._written: list[float] = []
        self._used: list[float] = []  # the rates of the last step
        total = recipe.epochs * steps_per_epoch - self._warmup if self._by_step else recipe.epochs - self._waits
        self._scheduler = _scheduler(recipe, self._shadow, max(total, 1))
        self.cycles_momentum = bool(recipe.scheduler and recipe.scheduler.cycles_momentum)
        """True if the schedule also changes the momentum, which is a constant in a recorded step."""
        self._apply()

    @property
    def rates(self) -> list[float]:
        """The learning rate of each group for the next step."""
        warm = 1.0
        if self._step < self._warmup:
            warm = self._start + (1 - self._start) * self._step / self._warmup
        groups, scales = self._shadow.param_groups, self._optimization.scales
        return [float(group["lr"]) * warm * scale for group, scale in zip(groups, scales, strict=True)]

    def columns(self) -> dict[str, float | None]:
        """The learning rates of the last step, under the names of their columns in a record."""
        rates = self._used or self.rates
        rising = sorted(
            zip(self._optimization.scales, self._optimization.labels, rates, strict=True), key=itemgetter(0)
        )
        return {f"{RATE}/{label}" if label else RATE: rate for _, label, rate in rising}  # the last layers' remain

    def after_step(self) -> None:
        """Set the learning rates after an optimizer step."""
        self._used = self._written
        self._step += 1
        if self._step > self._warmup:
            if not self._by_step or self._follows is not None:
                return  # changes at the end of an epoch only
            self._advance()
        self._apply()

    def after_epoch(self, record: Record | None) -> None:
        """Set the learning rates after an epoch; ReduceLROnPlateau follows a figure of the record, if there is one."""
        self._epoch += 1
        if self._epoch > self._waits:
            if self._follows is not None:
                figure = None if record is None else record.figure(self._follows)
                if figure is not None:
                    self._advance(figure)
            elif not self._by_step:
                self._advance()
        self._apply()

    def catch_up(self, records: Sequence[Record], step: int) -> None:
        """Advance a new schedule to the state after `step` steps of a run.

        Args:
            records: the records of the finished epochs.
            step: the optimizer steps done.

        Raises:
            UsageError: the schedule is shorter than that.
        """
        try:
            for record in records:
                for _ in range(record.step - self._step):
                    self.after_step()
                self.after_epoch(record)
            for _ in range(step - self._step):
                self.after_step()
        except ValueError as error:  # OneCycleLR, which ends with the run
            raise UsageError(f"the schedule cannot be laid over the {step} steps that are done: {error}") from None

    def state_dict(self) -> dict[str, Any]:
        """The state of the schedule as plain values."""
        groups = [{k: g[k] for k in ("lr", "initial_lr", *MOMENTA) if k in g} for g in self._shadow.param_groups]
        scheduler = self._scheduler.state_dict() if self._scheduler else None
        return {"step": self._step, "epoch": self._epoch, "groups": groups, "scheduler": scheduler, "used": self._used}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a result of `state_dict`, and set the learning rates."""
        self._step, self._epoch = state["step"], state["epoch"]
        for group, saved in zip(self._shadow.param_groups, state["groups"], strict=True):
            group.update(saved)
        if self._scheduler:
            self._scheduler.load_state_dict(state["scheduler"])
        self._written, self._used = [], state.get("used", [])  # a checkpoint of before lacks those
        self._apply()

    def _advance(self, *metric: float) -> None:
        if self._scheduler is None:
            return
        step: Callable[..., None] = self._scheduler.step  # one that follows a metric takes it
        with warnings.catch_warnings():
            # torch warns that the shadow's `step` was never called; it has no parameters to update.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step\\(\\)` before", UserWarning)
            step(*metric)

    def _apply(self) -> None:
        rates = self.rates
        if rates != self._written:
            self._optimization.set_lr(rates)
            self._written = rates
        if self.cycles_momentum:
            self._optimization.set_momentum(
                [{k: group[k] for k in MOMENTA if k in group} for group in self._shadow.param_groups]
            )


def _shadow(recipe: Recipe, optimization: Optimization) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = []
    for group in optimization.optimizer.param_groups:
        own = {k: v for k, v in group.items() if k not in ("params", "fused", "foreach", "capturable")}
        groups.append(own | {"params": [nn.Parameter(torch.empty(0))], "lr": float(group["lr"])})
    kind = type(optimization.optimizer)
    return kind(groups, **dict(recipe.optimizer))


def _warmup(recipe: Recipe, steps_per_epoch: int) -> tuple[int, float]:
    """The steps of the warm-up, and the factor of the learning rate that it starts from.

    Raises:
        UsageError: the warm-up is as long as the run or longer.
    """
    warmup = recipe.warmup
    if warmup is None:
        return 0, 1.0
    steps = warmup.steps if warmup.steps is not None else round((warmup.epochs or 0) * steps_per_epoch)
    if steps >= recipe.epochs * steps_per_epoch:
        raise UsageError(
            f"`train.warmup` takes {steps} steps, but the run has {recipe.epochs * steps_per_epoch} = "
            f"{recipe.epochs} epochs × {steps_per_epoch}; warm up for fewer"
        )
    return steps, warmup.start_factor


def _scheduler(recipe: Recipe, shadow: torch.optim.Optimizer, length: int) -> LRScheduler | None:
    if recipe.scheduler is None:
        return None
    kind = getattr(torch.optim.lr_scheduler, type(recipe.scheduler).__name__)
    return kind(shadow, **recipe.scheduler.arguments(length))
