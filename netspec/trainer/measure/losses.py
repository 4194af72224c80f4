"""The recipe's loss as a function of output and target, and the divisor of its mean.

Most losses are means over the targets. A loss with class weights or with ignored targets divides by the sum of the
weights of the targets that count. That sum differs from batch to batch, so the mean over several batches is not the
mean of their means. For such a loss, `LossFunction` returns the sum over a batch, and the division is done once over
all batches: in `metrics.py` for a data set, in `Shares` for the batches and processes of an optimizer step.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netspec.recipe.base import Loss
from netspec.trainer.machine.processes import World


class LossFunction:
    """The recipe's loss of a batch: the mean over its targets, or the sum if `divides`.

    Args:
        loss: the recipe's loss.
        device: the device of outputs and targets.
        ignores: some targets of the data are ignored by the loss.

    Attributes:
        divides: the divisor of the mean is not the number of targets; see the module's docstring.
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
        """The loss for outputs (N, C, ...) and targets (N, ...), a 0-dim tensor."""
        return self._module(output, y)

    def counted(self, y: Tensor) -> Tensor | None:
        """A mask of the targets (N, ...) that are not ignored, bool of the same shape; None if no target is ignored."""
        return None if self._ignored is None else y != self._ignored

    def divisor(self, y: Tensor) -> Tensor:
        """The divisor for targets (N, ...): the sum of the weights of those that count, 0-dim float64."""
        counted = y != self._ignored
        if self._weight is None:
            return counted.sum(dtype=torch.float64)
        return self._weight[y.masked_fill(~counted, 0)].mul(counted).sum()


class Shares:
    """Accumulates the divisor of one optimizer step over its batches and processes, on the device.

    The divisor is known only after the last batch. So each batch's summed loss is first divided as if all targets
    counted with weight 1; at the end the gradients are divided by the ratio of the real divisor to that.
    """

    def __init__(self, loss: LossFunction, device: torch.device, world: World) -> None:
        self._loss, self._world = loss, world
        self._total = torch.zeros((), dtype=torch.float64, device=device)

    def add(self, y: Tensor, weight: Tensor, *, first: bool) -> tuple[Tensor, Tensor]:
        """Add a batch.

        Args:
            y: its targets (N, ...).
            weight: its share of the step's examples, 0-dim.
            first: True for the first batch of a step, which resets the divisor.

        Returns:
            The factor of the batch's summed loss, and whether none of its targets counts; 0-dim tensors.
        """
        divisor = self._loss.divisor(y)
        factor = weight / y.numel()
        if first:
            self._total.zero_()
        self._total.add_(divisor * factor)
        return factor, divisor == 0

    def divide(self, gradients: list[Tensor]) -> Tensor:
        """Divide the gradients in place, so that they are those of the mean over the step. A collective call.

        Returns:
            1 if no target of the step counts, else 0; 0-dim float32.
        """
        total = self._world.sum_(self._total.clone()) / self._world.size
        empty = total == 0
        torch._foreach_mul_(gradients, total.masked_fill(empty, 1).reciprocal().float())  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]  # documented under "foreach functions"
        return empty.float()
