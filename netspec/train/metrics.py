"""Metrics, summed on the device step by step and read once per epoch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netspec.train.host import floats


class Score(NamedTuple):
    """Example-weighted means over a data set. `accuracy` is None where the targets are no classes."""

    loss: float
    accuracy: float | None


class Sums:
    """Loss, correct answers and examples, summed on the device in float64; `read` is the only host synchronisation."""

    def __init__(self, device: torch.device, counts_correct: bool) -> None:
        self.total = torch.zeros(3, dtype=torch.float64, device=device)  # loss · examples, correct, examples
        self._loss, self._correct, self._examples = self.total.unbind()
        self._counts_correct = counts_correct

    def add(self, loss: Tensor, correct: Tensor | None, examples: int) -> None:
        """Add one batch: its mean loss and its number of correct answers, both 0-dim."""
        self._loss.add_(loss, alpha=examples)
        if correct is not None:
            self._correct.add_(correct)
        self._examples.add_(examples)

    def reset(self) -> None:
        """Start again from nothing."""
        self.total.zero_()

    def read(self, total: Tensor | None = None) -> Score:
        """The means so far; NaN before the first example. `total`: a copy of the sums, where one is at hand."""
        loss, correct, examples = floats(self.total if total is None else total)
        if not examples:
            return Score(float("nan"), float("nan") if self._counts_correct else None)
        return Score(loss / examples, correct / examples if self._counts_correct else None)
