"""Metrics, summed step by step.

`Sums` adds on the device with tensor operations alone, so that a recorded step can hold it and nothing waits.
`HeldSums` keeps what the steps gave and adds it up when somebody asks: on a CPU, where values are at hand, that takes
the metrics out of the step. Both count in float64 what float32 and integers give, in the order of the steps, so they
agree to the bit, however often they are read.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from netspec.trainer.machine.host import floats
from netspec.trainer.measure.losses import LossFunction


class Score(NamedTuple):
    """Means over the targets of a data set that count. `accuracy` is None where the targets are no classes."""

    loss: float
    accuracy: float | None


class Sums:
    """Loss, correct answers and targets, summed on the device; `read` is the only host synchronisation.

    Args:
        device: where the sums lie.
        counts_correct: the targets are classes.
        loss: what gives the losses, if it has a divisor of its own.
    """

    def __init__(self, device: torch.device, counts_correct: bool, loss: LossFunction | None = None) -> None:
        self._own = loss if loss is not None and loss.divides else None
        self._total = torch.zeros(3 if self._own is None else 4, dtype=torch.float64, device=device)
        self._loss, self._correct, self._targets = self._total[:3].unbind()
        self._counts_correct = counts_correct

    def add(self, loss: Tensor, output: Tensor, y: Tensor) -> None:
        """Add one batch: what the loss function gave, the net's output (N, C, ...) and the targets (N, ...), none with
        a gradient."""
        if self._own is not None:
            self._loss.add_(loss)
            self._total[3].add_(self._own.divisor(y))
            counted = self._own.counted(y)
            self._correct.add_(_correct(output, y, counted))
            self._targets.add_(y.numel() if counted is None else counted.sum())
            return
        self._loss.add_(loss, alpha=y.numel())
        if self._counts_correct:
            self._correct.add_(_correct(output, y))
        self._targets.add_(y.numel())

    def reset(self) -> None:
        """Start again from nothing."""
        self._total.zero_()

    def total(self) -> Tensor:
        """A copy of the sums, (3,) float64 on the device: loss times targets, correct answers, targets. (4,) with the
        divisor if the loss has its own: the sum of losses, correct answers, targets that count, divisor."""
        return self._total.clone()

    def load(self, total: Tensor) -> None:
        """Go on from what `total` gave."""
        self._total.copy_(total)

    def read(self, total: Tensor | None = None) -> Score:
        """The means so far; NaN before the first target that counts. `total`: of several processes, or read earlier."""
        loss, correct, targets, *own = floats(self.total() if total is None else total)
        (divisor,) = own or (targets,)
        right = (correct / targets if targets else math.nan) if self._counts_correct else None
        return Score(loss / divisor if divisor else math.nan, right)


class HeldSums(Sums):
    """The same on a CPU, added up when asked for or when much is held."""

    batches, values = 32, 2**20
    """So many batches and values of outputs are held at most."""

    def __init__(self, counts_correct: bool, loss: LossFunction | None = None) -> None:
        super().__init__(torch.device("cpu"), counts_correct, loss)
        self._held: list[tuple[Tensor, Tensor, Tensor]] = []
        self._size = 0

    def add(self, loss: Tensor, output: Tensor, y: Tensor) -> None:
        """See `Sums.add`. The tensors must not be changed later."""
        self._held.append((loss, output, y))
        self._size += output.numel()
        if self._size > self.values or len(self._held) == self.batches:
            self._settle()

    def reset(self) -> None:
        """See `Sums.reset`."""
        self._held.clear()
        self._size = 0
        super().reset()

    def total(self) -> Tensor:
        """See `Sums.total`."""
        self._settle()
        return super().total()

    def load(self, total: Tensor) -> None:
        """See `Sums.load`."""
        self.reset()
        super().load(total)

    def _settle(self) -> None:
        """Add up what is held, the losses one by one in their order."""
        if not self._held:
            return
        if self._own is not None:
            for held in self._held:
                super().add(*held)
        else:
            self._settle_means()
        self._held.clear()
        self._size = 0

    def _settle_means(self) -> None:
        loss, correct, targets = floats(self._total)
        for value, _, y in self._held:
            loss += value.item() * y.numel()
            targets += y.numel()
        if self._counts_correct:
            correct += _correct(*(torch.cat([held[i] for held in self._held]) for i in (1, 2))).item()
        self._total.copy_(torch.tensor([loss, correct, targets], dtype=torch.float64))


def _correct(output: Tensor, y: Tensor, counted: Tensor | None = None) -> Tensor:
    """How many targets (N, ...) that count name the largest score of the output (N, C, ...)."""
    right = output.argmax(1) == y
    return (right if counted is None else right & counted).sum()
