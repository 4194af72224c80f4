"""The recipe's loss as a function of output and target, and what its means divide by.

Most losses are means over the targets. One with class weights, or with targets that it ignores, divides by the sum of
the factors of those that count, which differs from batch to batch: the mean over several batches is not the mean of
their means. Of such a loss every batch gives the sum, and whoever holds several batches divides once, at the end:
`metrics.py` over a set, `Shares` over the batches and processes of an optimiser step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netspec.recipe.base import Loss
from netspec.trainer.machine.processes import World


class LossFunction:
    """The recipe's loss over a batch: the mean over its targets, or their sum if `divides`.

    Args:
        loss: the recipe's.
        device: where outputs and targets lie.
        ignores: some targets of the data are those that the loss ignores.

    Attributes:
        divides: the loss has a divisor of its own.
    """

    def __init__(self, loss: Loss, device: torch.device, *, ignores: bool) -> None:
        divisor = loss.divisor
        self.divides = divisor is not None and (ignores or divisor.weight is not None)
        arguments: dict[str, Any] = {
            name: torch.tensor(value, dtype=torch.float32) if isinstance(value, tuple) else value
            for name, value in loss
        }
        kind: type[nn.Module] = getattr(nn, type(loss).__name__)
        self._module = kind(**arguments, reduction="sum" if self.divides else "mean").to(device)
        self._ignored = divisor.ignore_index if divisor is not None and self.divides else None
        weight = divisor.weight if divisor is not None else None
        self._weight = None if weight is None else torch.tensor(weight, dtype=torch.float64, device=device)

    def __call__(self, output: Tensor, y: Tensor) -> Tensor:
        """The loss of outputs (N, C, ...) and targets (N, ...): 0-dim."""
        return self._module(output, y)

    def counted(self, y: Tensor) -> Tensor | None:
        """Which targets (N, ...) count: bool of the same shape; None if all do."""
        return None if self._ignored is None else y != self._ignored

    def divisor(self, y: Tensor) -> Tensor:
        """What the sum over targets (N, ...) is divided by: 0-dim float64."""
        counted = y != self._ignored
        if self._weight is None:
            return counted.sum(dtype=torch.float64)
        return self._weight[y.masked_fill(~counted, 0)].mul(counted).sum()


class Shares:
    """The divisor of one optimiser step, gathered over its batches and processes, on the device.

    A batch's summed loss is scaled by its share of the step's examples over its targets, as if all of them counted with
    factor 1; at the end the gradients are divided by what did count, as a part of that.
    """

    def __init__(self, loss: LossFunction, device: torch.device, world: World) -> None:
        self._loss, self._world = loss, world
        self._total = torch.zeros((), dtype=torch.float64, device=device)

    def add(self, y: Tensor, weight: Tensor, *, first: bool) -> tuple[Tensor, Tensor]:
        """Count a batch, the `first` of its step or a further one.

        Args:
            y: its targets (N, ...).
            weight: its share of the step's examples, 0-dim.
            first: no batch of this step was counted before.

        Returns:
            The factor of its summed loss, and whether it is without any target that counts; 0-dim.
        """
        divisor = self._loss.divisor(y)
        factor = weight / y.numel()
        if first:
            self._total.zero_()
        self._total.add_(divisor * factor)
        return factor, divisor == 0

    def divide(self, gradients: list[Tensor]) -> Tensor:
        """Make the gradients those of the mean over the step; 1 if no target of it counted, else 0: 0-dim float32."""
        total = self._world.sum_(self._total.clone()) / self._world.size
        empty = total == 0
        torch._foreach_mul_(gradients, total.masked_fill(empty, 1).reciprocal().float())  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # documented under "foreach functions"
        return empty.float()
