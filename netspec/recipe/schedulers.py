"""The schedules of `torch.optim.lr_scheduler`: how the learning rate changes over a run.

Lengths count epochs, or optimiser steps where the recipe says `schedule_by: step`; after the warm-up, if there is one.
`T_max` may be left out: it is then what is left of the run.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from netspec.arguments import Count, Natural, NonNegative, Positive, Probability
from netspec.dims import Problem
from netspec.recipe.base import Interval, Named
from netspec.recipe.fields import Factor, Inner, Milestones

_LAST_EPOCH = {"last_epoch": "a run is resumed with `--resume`, which restores the schedule"}


class Scheduler(Named):
    """Base of the schedules, each a class of `torch.optim.lr_scheduler`.

    Lengths (`T_max`, `step_size`, `milestones`) count what `Recipe.schedule_by` says: epochs, or optimiser steps.
    """

    interval: ClassVar[Interval] = "epoch"
    """What the schedule counts unless the recipe says `schedule_by`."""
    length: ClassVar[str | None] = None
    """The argument of torch's that follows from the length of the run, where a spec does not give it."""
    peak: ClassVar[str | None] = None
    """The argument that is the highest learning rate, of one that does not take it from the optimizer."""

    @property
    def metric(self) -> str | None:
        """The validation metric that the schedule reads after each epoch; None for one that reads none."""
        return None

    @property
    def cycles_momentum(self) -> bool:
        """True if the schedule changes the momentum, too."""
        return False

    def arguments(self, length: int) -> dict[str, Any]:
        """The keyword arguments of the torch class.

        Args:
            length: how many intervals the schedule spans: the run's epochs or steps less the warm-up.
        """
        values: dict[str, Any] = dict(self)
        if self.length is not None and values.get(self.length) is None:
            values[self.length] = length
        return values

    def problems(self) -> list[Problem]:
        """What is wrong with arguments that are right each by itself; `at` names the argument at fault."""
        return []


class StepLR(Scheduler):
    """lr · gamma^(t // step_size)."""

    example: ClassVar[str | None] = "{step_size: 30}"
    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH
    scalar: ClassVar[str | None] = "step_size"

    step_size: Count
    gamma: Positive = 0.1


class MultiStepLR(Scheduler):
    """lr times `gamma` at each of the `milestones`."""

    example: ClassVar[str | None] = "{milestones: [60, 80]}"
    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH

    milestones: Milestones
    gamma: Positive = 0.1


class ConstantLR(Scheduler):
    """lr · factor for the first `total_iters`, then lr."""

    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH

    factor: Factor = 1 / 3
    total_iters: Natural = 5


class LinearLR(Scheduler):
    """From lr · start_factor to lr · end_factor in a straight line over `total_iters`."""

    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH

    start_factor: Probability = 1 / 3
    end_factor: Probability = 1.0
    total_iters: Natural = 5

    def problems(self) -> list[Problem]:
        if self.start_factor > 0:
            return []
        return [
            Problem(
                "`start_factor` of `LinearLR` must be greater than 0: torch divides by it",
                code="recipe-conflict",
                at="start_factor",
            )
        ]


class ExponentialLR(Scheduler):
    """lr · gamma^t."""

    example: ClassVar[str | None] = "0.95"
    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH
    scalar: ClassVar[str | None] = "gamma"

    gamma: Positive


class PolynomialLR(Scheduler):
    """lr · (1 − t / total_iters)^power, then 0."""

    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH

    total_iters: Count = 5
    power: Positive = 1.0


class CosineAnnealingLR(Scheduler):
    """Half a cosine from lr to `eta_min` over `T_max`, which is the run unless it is given."""

    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH
    length: ClassVar[str | None] = "T_max"

    T_max: Count | None = None
    eta_min: NonNegative = 0.0


class CosineAnnealingWarmRestarts(Scheduler):
    """Half a cosine from lr to `eta_min`, again and again: the first over `T_0`, each next `T_mult` times longer."""

    example: ClassVar[str | None] = "10"
    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH
    scalar: ClassVar[str | None] = "T_0"

    T_0: Count
    T_mult: Count = 1
    eta_min: NonNegative = 0.0


class OneCycleLR(Scheduler):
    """From max_lr / div_factor up to `max_lr` over the share `pct_start` of the run, then down to
    max_lr / div_factor / final_div_factor; the momentum goes the other way if `cycle_momentum`. Counts steps."""

    interval: ClassVar[Interval] = "step"
    length: ClassVar[str | None] = "total_steps"
    peak: ClassVar[str | None] = "max_lr"
    scalar: ClassVar[str | None] = "max_lr"
    example: ClassVar[str | None] = "0.1"
    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH | {
        "total_steps": "the cycle is the run: its length follows from the recipe's epochs and the data",
        "epochs": "the cycle is the run: its length follows from the recipe's epochs",
        "steps_per_epoch": "it follows from the size of the data",
    }

    max_lr: Positive
    pct_start: Inner = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    cycle_momentum: bool = True
    base_momentum: Probability = 0.85
    max_momentum: Probability = 0.95
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4
    three_phase: bool = False

    @property
    def cycles_momentum(self) -> bool:
        return self.cycle_momentum


class CyclicLR(Scheduler):
    """Between `base_lr` and `max_lr`, up over `step_size_up` and down over `step_size_down` (the same unless given).
    Counts steps."""

    interval: ClassVar[Interval] = "step"
    peak: ClassVar[str | None] = "max_lr"
    example: ClassVar[str | None] = "{base_lr: 0.001, max_lr: 0.1}"
    omitted: ClassVar[dict[str, str]] = _LAST_EPOCH | {
        "scale_fn": "a spec cannot hold a function; `mode` offers three",
        "scale_mode": "it belongs to `scale_fn`",
    }

    base_lr: NonNegative
    max_lr: Positive
    step_size_up: Count = 2000
    step_size_down: Count | None = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Positive = 1.0
    cycle_momentum: bool = True
    base_momentum: Probability = 0.8
    max_momentum: Probability = 0.9

    @property
    def cycles_momentum(self) -> bool:
        return self.cycle_momentum


class ReduceLROnPlateau(Scheduler):
    """lr · factor when a validation metric has not improved for `patience` epochs.

    `mode: min` watches validation_loss, `max` validation_accuracy. `threshold` is the least improvement that counts,
    relative or absolute; `cooldown` the epochs of rest after a reduction.
    """

    mode: Literal["min", "max"] = "min"
    factor: Probability = 0.1
    patience: Natural = 10
    threshold: NonNegative = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: Natural = 0
    min_lr: NonNegative = 0
    eps: NonNegative = 1e-8

    @property
    def metric(self) -> str | None:
        return "validation_loss" if self.mode == "min" else "validation_accuracy"

    def problems(self) -> list[Problem]:
        if self.factor < 1:
            return []
        return [Problem("`factor` of `ReduceLROnPlateau` must be below 1", code="recipe-conflict", at="factor")]
