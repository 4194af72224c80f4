"""Loss and accuracy, accumulated over batches.

`Sums` accumulates on the device with tensor operations only, so that it can be part of a CUDA graph and needs no host
synchronisation. `HeldSums` is for the CPU: it keeps the tensors of the batches and adds them up when they are read,
which takes the metrics out of the step. Both add float32 values and integers in float64 and in the order of the
batches, so their results are bit-identical, however often they are read.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from netspec.trainer.machine.host import floats
from netspec.trainer.measure.losses import LossFunction, Objective


class Score(NamedTuple):
    """Means over the targets that count."""

    loss: float
    accuracy: float | None
    """None if the targets are not classes."""


class Scores(NamedTuple):
    """The means of all losses of a recipe."""

    loss: float
    """The sum of each times its weight."""
    accuracy: float | None = None
    """None unless exactly one loss is of classes."""
    parts: Mapping[str, float] = MappingProxyType({})
    """Of several losses, the figures of each: `loss/recon`, `accuracy/policy`; weights are not in them. And
    `perplexity`, or `perplexity/words`, of a loss of the next token."""


class Entry(NamedTuple):
    """What is measured of a batch, all detached."""

    loss: Tensor
    """The result of the loss function."""
    output: Tensor
    """(N, C, ...)."""
    y: Tensor
    """(N, ...)."""


class Sums:
    """Sums of losses, correct predictions and targets on the device; `read` is the only host synchronisation.

    Args:
        device: the device.
        counts_correct: the targets are classes, so that there is an accuracy.
        loss: the loss function, which matters if it has its own divisor.
    """

    def __init__(self, device: torch.device, counts_correct: bool, loss: LossFunction | None = None) -> None:
        self._own = loss if loss is not None and loss.divides else None
        self._count: Callable[[Tensor], int] = torch.numel if loss is None else loss.count
        self._total = torch.zeros(3 if self._own is None else 4, dtype=torch.float64, device=device)
        self._loss, self._correct, self._targets = self._total[:3].unbind()
        self._counts_correct = counts_correct

    def add(self, loss: Tensor, output: Tensor, y: Tensor) -> None:
        """Add a batch: the result of the loss function, the output (N, C, ...), the targets (N, ...); all detached."""
        if self._own is not None:
            self._loss.add_(loss)
            self._total[3].add_(self._own.divisor(y))
            counted = self._own.counted(y)
            self._correct.add_(_correct(output, y, counted))
            self._targets.add_(y.numel() if counted is None else counted.sum())
            return
        count = self._count(y)
        self._loss.add_(loss, alpha=count)
        if self._counts_correct:
            self._correct.add_(_correct(output, y))
        self._targets.add_(count)

    def reset(self) -> None:
        """Set the sums to 0."""
        self._total.zero_()

    def total(self) -> Tensor:
        """A copy of the sums, float64 on the device: (loss times targets, correct predictions, targets); if the loss
        has its own divisor, (sum of losses, correct predictions, targets that count, divisor)."""
        return self._total.clone()

    def load(self, total: Tensor) -> None:
        """Restore the sums from a result of `total`."""
        self._total.copy_(total)

    def read(self, total: Tensor | None = None) -> Score:
        """The means so far; NaN if no target counts.

        `total` replaces the sums, if given: those of all processes, or those read at an earlier time.
        """
        loss, correct, targets, *own = floats(self.total() if total is None else total)
        (divisor,) = own or (targets,)
        right = (correct / targets if targets else math.nan) if self._counts_correct else None
        return Score(loss / divisor if divisor else math.nan, right)


class HeldSums(Sums):
    """`Sums` for the CPU that keeps batches, and adds them up when the sums are read or a limit is reached."""

    batches, values = 32, 2**20
    """The most batches, and the most values of their outputs, that are kept."""

    def __init__(self, counts_correct: bool, loss: LossFunction | None = None) -> None:
        super().__init__(torch.device("cpu"), counts_correct, loss)
        self._held: list[tuple[Tensor, Tensor, Tensor]] = []
        self._size = 0

    def add(self, loss: Tensor, output: Tensor, y: Tensor) -> None:
        """See `Sums.add`. The tensors must not be changed afterwards."""
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
        """Add up the batches that are kept, the losses one by one in their order."""
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
            count = self._count(y)
            loss += value.item() * count
            targets += count
        if self._counts_correct:
            correct += _correct(*(torch.cat([held[i] for held in self._held]) for i in (1, 2))).item()
        self._total.copy_(torch.tensor([loss, correct, targets], dtype=torch.float64))


class Adds(Protocol):
    """What a step leaves the results of its batches to."""

    def add(self, entries: Sequence[Entry]) -> None:
        """Add a batch: an entry for each loss."""
        ...


class LossSums:
    """The sums of all losses of a recipe.

    Args:
        objective: the losses.
        device: the device of outputs and targets.
        held: keep batches and add them up later; for the CPU.
    """

    def __init__(self, objective: Objective, device: torch.device, *, held: bool) -> None:
        self._objective = objective
        self._sums: list[Sums] = [
            HeldSums(term.classes, term) if held else Sums(device, term.classes, term) for term in objective.terms
        ]
        self._sizes = [len(sums.total()) for sums in self._sums]

    def add(self, entries: Sequence[Entry]) -> None:
        """Add a batch: an entry for each loss. The tensors must not be changed afterwards."""
        for sums, entry in zip(self._sums, entries, strict=True):
            sums.add(*entry)

    def reset(self) -> None:
        """Set the sums to 0."""
        for sums in self._sums:
            sums.reset()

    def total(self) -> Tensor:
        """A copy of the sums of all losses behind each other, float64 on the device; see `Sums.total`."""
        return torch.cat([sums.total() for sums in self._sums])

    def load(self, total: Tensor) -> None:
        """Restore the sums from a result of `total`."""
        for sums, part in zip(self._sums, self._divided(total), strict=True):
            sums.load(part)

    def _divided(self, total: Tensor) -> list[Tensor]:
        """The sums of each loss."""
        return list(torch.split(total, self._sizes))

    def read(self, total: Tensor | None = None) -> Scores:
        """The means so far; NaN if no target counts. `total` replaces the sums, if given."""
        parts = self._divided(self.total() if total is None else total)
        scores = [sums.read(part) for sums, part in zip(self._sums, parts, strict=True)]
        terms = self._objective.terms
        if self._objective.only is not None:
            perplexity = {"perplexity": _exponential(scores[0].loss)} if terms[0].perplexed else {}
            return Scores(scores[0].loss * terms[0].weight, scores[0].accuracy, perplexity)
        figures: dict[str, float] = {}
        accuracies: list[float] = []
        for term, score in zip(terms, scores, strict=True):
            figures[f"loss/{term.term.label}"] = score.loss
            if term.perplexed:
                figures[f"perplexity/{term.term.label}"] = _exponential(score.loss)
            if score.accuracy is not None:
                figures[f"accuracy/{term.term.label}"] = score.accuracy
                accuracies.append(score.accuracy)
        loss = sum(term.weight * score.loss for term, score in zip(terms, scores, strict=True))
        return Scores(loss, accuracies[0] if len(accuracies) == 1 else None, figures)


def _exponential(loss: float) -> float:
    """exp(loss), infinity where that is no number of 64 bits."""
    return math.exp(loss) if not loss > 709 else math.inf


def _correct(output: Tensor, y: Tensor, counted: Tensor | None = None) -> Tensor:
    """The number of counted targets (N, ...) that equal the class with the largest score in the output (N, C, ...)."""
    right = output.argmax(1) == y
    return (right if counted is None else right & counted).sum()
