"""Adam and its relatives: steps scaled by running means of the gradient and of its square."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative
from netspec.recipe.base import OMITTED_OF_OPTIMIZERS, Optimizer
from netspec.recipe.fields import Betas


class Adam(Optimizer):
    """w ← w − lr · m̂ / (√v̂ + eps); `weight_decay` is added to the gradient unless `decoupled_weight_decay`."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    amsgrad: bool = False
    decoupled_weight_decay: bool = False

    @property
    def vectors(self) -> int:
        return 2 + self.amsgrad


class AdamW(Optimizer):
    """Adam whose weight decay shrinks the weights by lr · weight_decay and leaves the gradient alone."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-2
    amsgrad: bool = False

    @property
    def vectors(self) -> int:
        return 2 + self.amsgrad


class Adamax(Optimizer):
    """Adam with the largest recent gradient in place of the root mean square."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0

    @property
    def vectors(self) -> int:
        return 2


class NAdam(Optimizer):
    """Adam with Nesterov momentum, which `momentum_decay` raises over the first steps."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    momentum_decay: NonNegative = 4e-3
    decoupled_weight_decay: bool = False

    @property
    def vectors(self) -> int:
        return 2


class RAdam(Optimizer):
    """Adam that is plain momentum until the variance of its step size can be estimated."""

    scalar: ClassVar[str | None] = "lr"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_OPTIMIZERS

    lr: NonNegative = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0
    decoupled_weight_decay: bool = False

    @property
    def vectors(self) -> int:
        return 2
