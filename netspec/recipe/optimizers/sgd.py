"""Stochastic gradient descent."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative, Real
from netspec.dims import Problem
from netspec.recipe.base import OMITTED_OF_OPTIMIZERS, Optimizer


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
    def from_zeros(self) -> tuple[str, ...]:
        return ("momentum_buffer",) if self.momentum and not self.dampening else ()

    @property
    def first_step_differs(self) -> bool:
        """With dampening: the first gradient alone counts in full."""
        return bool(self.dampening)

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
