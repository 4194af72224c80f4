"""Optimisers that scale each weight's step by the size of its past gradients."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import ClassVar

from netspec.arguments import NonNegative, Probability
from netspec.recipe.base import OMITTED_OF_OPTIMIZERS, Optimizer
from netspec.recipe.fields import AdafactorEps, AtLeastOne, NonPositive


class RMSprop(Optimizer):
    """w ← w − lr · gradient / (√v + eps), v the running mean of the squared gradient; `centered` subtracts its mean."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-2
    alpha: Probability = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    momentum: NonNegative = 0
    centered: bool = False

    @property
    def vectors(self) -> int:
        return 1 + (self.momentum > 0) + self.centered


class Adagrad(Optimizer):
    """w ← w − lr · gradient / (√sum + eps), the sum over all squared gradients so far."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-2
    lr_decay: NonNegative = 0
    weight_decay: NonNegative = 0
    initial_accumulator_value: NonNegative = 0
    eps: NonNegative = 1e-10

    @property
    def vectors(self) -> int:
        return 1


class Adadelta(Optimizer):
    """Steps in the proportion of the running means of past steps and past gradients; `rho` is their decay."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1.0
    rho: Probability = 0.9
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0

    @property
    def vectors(self) -> int:
        return 2


class Adafactor(Optimizer):
    """Second moments of matrices kept as row and column means. `eps` is `[null, 0.001]`: a floor of the second moment
    (null is the dtype's precision) and one of the weights' size; `d` clips the size of an update."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-2
    beta2_decay: NonPositive = -0.8
    eps: AdafactorEps = (None, 1e-3)
    d: AtLeastOne = 1.0
    weight_decay: NonNegative = 0.0

    def state(self, shape: Sequence[int]) -> int:
        """Of a matrix its row and its column means, over the last two axes; of a vector as many as it has."""
        if len(shape) < 2:
            return prod(shape)
        *lead, rows, columns = shape
        return prod(lead) * (rows + columns)
