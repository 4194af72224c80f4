"""Stochastic gradient descent and its averaged and sign-based relatives."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative, Real
from netspec.dims import Problem
from netspec.recipe.base import OMITTED_OF_OPTIMIZERS, Optimizer
from netspec.recipe.fields import PositiveRange


class SGD(Optimizer):
    """w ← w − lr · v with v ← momentum · v + (1 − dampening) · (gradient + weight_decay · w)."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-3
    momentum: NonNegative = 0
    dampening: Real = 0
    weight_decay: NonNegative = 0
    nesterov: bool = False

    @property
    def vectors(self) -> int:
        return int(self.momentum > 0)

    def problems(self) -> list[Problem]:
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            return [
                Problem(
                    f"`nesterov` needs a momentum above 0 and no dampening, but momentum is {self.momentum} and "
                    f"dampening {self.dampening}",
                    code="recipe-conflict",
                    at="nesterov",
                    help="give a `momentum` such as 0.9",
                )
            ]
        return []


class ASGD(Optimizer):
    """Averaged SGD: a step size lr / (1 + lambd · lr · t)^alpha, and an average of the weights from step `t0` on."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-2
    lambd: NonNegative = 1e-4
    alpha: NonNegative = 0.75
    t0: NonNegative = 1e6
    weight_decay: NonNegative = 0

    @property
    def vectors(self) -> int:
        return 1


class Rprop(Optimizer):
    """Resilient backpropagation: only the signs of the gradients count, each weight has a step size of its own.

    `etas` are the factors by which it shrinks and grows, `step_sizes` its limits. Meant for full batches.
    """

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-2
    etas: PositiveRange = (0.5, 1.2)
    step_sizes: PositiveRange = (1e-6, 50)

    @property
    def vectors(self) -> int:
        return 2

    def problems(self) -> list[Problem]:
        low, high = self.etas
        if low < 1 < high:
            return []
        return [
            Problem(
                f"`etas` of `Rprop` are a factor below 1 and one above it, not {low} and {high}",
                code="recipe-conflict",
                at="etas",
            )
        ]
