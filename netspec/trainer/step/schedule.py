"""Learning rates over a run: linear warm-up, then torch's own scheduler.

The scheduler drives a shadow: an optimiser of the same kind and groups over empty parameters, whose rates are plain
numbers. What it decides is then written into the real optimiser's tensors, so that no schedule, however it computes,
reads from the device.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from netspec.diagnostics import UsageError
from netspec.recipe.resolved import Recipe
from netspec.trainer.run.records import Record
from netspec.trainer.step.optim import Optimization

_CYCLED = ("momentum", "betas")


class Schedule:
    """The learning rate of every group at every step.

    Call `after_step` when an optimiser step is done and `after_epoch` when an epoch is; both set what comes next.
    """

    def __init__(self, recipe: Recipe, optimization: Optimization, steps_per_epoch: int) -> None:
        self._optimization = optimization
        self._by_step = recipe.schedule_by == "step"
        self._shadow = _shadow(recipe, optimization)
        self._warmup, self._start = _warmup(recipe, steps_per_epoch)
        self._waits = math.ceil(self._warmup / steps_per_epoch)  # epochs that begin within the warm-up
        self._step = self._epoch = 0
        self._written: list[float] = []
        total = recipe.epochs * steps_per_epoch - self._warmup if self._by_step else recipe.epochs - self._waits
        self._scheduler = _scheduler(recipe, self._shadow, max(total, 1))
        self.cycles_momentum = bool(recipe.scheduler and recipe.scheduler.cycles_momentum)
        """True if the schedule also changes the momentum, which a recorded step holds fixed."""
        self._apply()

    @property
    def rates(self) -> list[float]:
        """The learning rate of each group for the next step."""
        warm = 1.0
        if self._step < self._warmup:
            warm = self._start + (1 - self._start) * self._step / self._warmup
        return [float(group["lr"]) * warm for group in self._shadow.param_groups]

    def after_step(self) -> None:
        """One optimiser step is done."""
        self._step += 1
        if self._step > self._warmup:
            if not self._by_step or self._scheduler is None or isinstance(self._scheduler, ReduceLROnPlateau):
                return  # nothing changes before the epoch's end
            self._advance()
        self._apply()

    def after_epoch(self, metric: float | None) -> None:
        """One epoch is done; `metric` is the validation metric for schedules that wait for a plateau."""
        self._epoch += 1
        if isinstance(self._scheduler, ReduceLROnPlateau):
            if metric is not None and self._epoch > self._waits:
                self._scheduler.step(metric)  # pyright: ignore[reportUnknownMemberType]  # torch leaves `epoch` untyped
        elif not self._by_step and self._epoch > self._waits:
            self._advance()
        self._apply()

    def catch_up(self, records: Sequence[Record], step: int, metric: str | None) -> None:
        """Stand where a run of this recipe would after `step` steps, of which `records` tell the finished epochs.

        Raises:
            UsageError: the schedule ends before.
        """
        try:
            for record in records:
                for _ in range(record.step - self._step):
                    self.after_step()
                self.after_epoch(getattr(record, metric) if metric else None)
            for _ in range(step - self._step):
                self.after_step()
        except ValueError as error:  # OneCycleLR, whose length is the run's
            raise UsageError(f"the schedule cannot be laid over the {step} steps that are done: {error}") from None

    def state_dict(self) -> dict[str, Any]:
        """Where the schedule stands, in plain values."""
        groups = [{k: g[k] for k in ("lr", "initial_lr", *_CYCLED) if k in g} for g in self._shadow.param_groups]
        scheduler = self._scheduler.state_dict() if self._scheduler else None
        return {"step": self._step, "epoch": self._epoch, "groups": groups, "scheduler": scheduler}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Stand where `state` says, and set the optimiser accordingly."""
        self._step, self._epoch = state["step"], state["epoch"]
        for group, saved in zip(self._shadow.param_groups, state["groups"], strict=True):
            group.update(saved)
        if self._scheduler:
            self._scheduler.load_state_dict(state["scheduler"])
        self._written = []
        self._apply()

    def _advance(self) -> None:
        if self._scheduler is None:
            return
        with warnings.catch_warnings():
            # torch warns that the shadow's own step() was never called; it has nothing to update.
            warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step\\(\\)` before", UserWarning)
            self._scheduler.step()

    def _apply(self) -> None:
        rates = self.rates
        if rates != self._written:
            self._optimization.set_lr(rates)
            self._written = rates
        if self.cycles_momentum:
            self._optimization.set_momentum(
                [{k: group[k] for k in _CYCLED if k in group} for group in self._shadow.param_groups]
            )


def _shadow(recipe: Recipe, optimization: Optimization) -> torch.optim.Optimizer:
    groups: list[dict[str, Any]] = []
    for group in optimization.optimizer.param_groups:
        own = {k: v for k, v in group.items() if k not in ("params", "fused", "foreach", "capturable")}
        groups.append(own | {"params": [nn.Parameter(torch.empty(0))], "lr": float(group["lr"])})
    kind = type(optimization.optimizer)
    return kind(groups, **dict(recipe.optimizer))


def _warmup(recipe: Recipe, steps_per_epoch: int) -> tuple[int, float]:
    """Steps of warm-up, and the factor they start from."""
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
