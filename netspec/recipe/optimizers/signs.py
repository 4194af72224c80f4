"""Optimisers that look at the signs of the gradients alone."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative
from netspec.dims import Problem
from netspec.recipe.base import OMITTED_OF_OPTIMIZERS, Optimizer
from netspec.recipe.fields import PositiveRange


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
