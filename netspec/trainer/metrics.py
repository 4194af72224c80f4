"""Metrics, summed step by step.

`Sums` adds on the device with tensor operations alone, so that a recorded step can hold it and nothing waits.
`HeldSums` keeps what the steps gave and adds it up when somebody asks: on a CPU, where values are at hand, that takes
the metrics out of the step. Both count in float64 what float32 and integers give, in the order of the steps, so they
agree to the bit, however often they are read.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netspec.trainer.host import floats


class Score(NamedTuple):
    """Means over the targets of a data set. `accuracy` is None where the targets are no classes."""

    loss: float
    accuracy: float | None


class Sums:
    """Loss, correct answers and targets, summed on the device; `read` is the only host synchronisation."""

    def __init__(self, device: torch.device, counts_correct: bool) -> None:
        self._total = torch.zeros(3, dtype=torch.float64, device=device)  # loss · targets, correct, targets
        self._loss, self._correct, self._targets = self._total.unbind()
        self._counts_correct = counts_correct

    def add(self, loss: Tensor, output: Tensor, y: Tensor) -> None:
        """Add one batch: its mean loss, the net's output (N, C, ...) and the targets (N, ...), none with a gradient."""
        self._loss.add_(loss, alpha=y.numel())
        if self._counts_correct:
            self._correct.add_(_correct(output, y))
        self._targets.add_(y.numel())

    def reset(self) -> None:
        """Start again from nothing."""
        self._total.zero_()

    def total(self) -> Tensor:
        """A copy of the sums, (3,) float64 on the device: loss times targets, correct answers, targets."""
        return self._total.clone()

    def load(self, total: Tensor) -> None:
        """Go on from what `total` gave."""
        self._total.copy_(total)

    def read(self, total: Tensor | None = None) -> Score:
        """The means so far; NaN before the first batch. `total`: of several processes, or read earlier."""
        loss, correct, targets = floats(self.total() if total is None else total)
        if not targets:
            return Score(float("nan"), float("nan") if self._counts_correct else None)
        return Score(loss / targets, correct / targets if self._counts_correct else None)


class HeldSums(Sums):
    """The same on a CPU, added up when asked for or when much is held."""

    batches, values = 32, 2**20
    """So many batches and values of outputs are held at most."""

    def __init__(self, counts_correct: bool) -> None:
        super().__init__(torch.device("cpu"), counts_correct)
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
        loss, correct, targets = floats(self._total)
        for value, _, y in self._held:
            loss += value.item() * y.numel()
            targets += y.numel()
        if self._counts_correct:
            correct += _correct(*(torch.cat([held[i] for held in self._held]) for i in (1, 2))).item()
        self._total.copy_(torch.tensor([loss, correct, targets], dtype=torch.float64))
        self._held.clear()
        self._size = 0


def _correct(output: Tensor, y: Tensor) -> Tensor:
    """How many targets (N, ...) name the largest score of the output (N, C, ...)."""
    return (output.argmax(1) == y).sum()
