"""Stochastic gradient descent that averages the weights."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative
from netspec.recipe.base import OMITTED_OF_OPTIMIZERS, Optimizer


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
