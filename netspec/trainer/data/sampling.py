"""Training examples drawn by their classes, so that every class comes as often as any other."""

from __future__ import annotations

import torch
from torch import Tensor

from netspec.trainer.machine.host import ints
from netspec.trainer.transforms.draws import stable_seed


class EvenSampler:
    """Draws rows with replacement, each with a probability of one over the number of examples of its class.

    That is torch's WeightedRandomSampler with these weights. A class is drawn, and then one of its rows, which takes
    no sum over all examples. A row that comes a second time in an epoch has another number, `stride` higher, so that it
    is augmented in another way.

    Args:
        rows: int64 (n,), the rows to draw from.
        classes: int64 (n,), the class of each; rows whose class is `ignored` are never drawn.
        ignored: the class of targets that do not count.

    Attributes:
        stride: above every row.
    """

    def __init__(self, rows: Tensor, classes: Tensor, ignored: int | None = None) -> None:
        counted = torch.ones_like(classes, dtype=torch.bool) if ignored is None else classes != ignored
        self._count = len(rows)
        self.stride = int(rows.max()) + 1
        numbers = torch.searchsorted(torch.tensor(sorted(set(ints(classes[counted])))), classes[counted])
        self._sizes: Tensor = torch.bincount(numbers)
        self._rows = rows[counted][torch.argsort(numbers, stable=True)]
        self._starts = torch.cumsum(self._sizes, 0) - self._sizes

    def order(self, seed: int, epoch: int) -> Tensor:
        """As many rows as there are examples, int64 (n,): a function of seed and epoch. Modulo `stride` they are rows;
        the quotient counts how often the row has come before."""
        generator = torch.Generator().manual_seed(stable_seed(seed, epoch, "sampler"))
        drawn = torch.randint(len(self._sizes), (self._count,), generator=generator)
        share = torch.rand(self._count, generator=generator, dtype=torch.float64)
        within = torch.minimum((share * self._sizes[drawn]).long(), self._sizes[drawn] - 1)
        rows = self._rows[self._starts[drawn] + within]
        return rows + self.stride * _earlier(rows)


def _earlier(rows: Tensor) -> Tensor:
    """How often each value stands in front of its place."""
    ordered, at = torch.sort(rows, stable=True)
    number = torch.arange(len(rows))
    first = torch.ones_like(ordered, dtype=torch.bool)
    first[1:] = ordered[1:] != ordered[:-1]
    begins = torch.cummax(torch.where(first, number, 0), 0).values
    found = torch.empty_like(rows)
    found[at] = number - begins
    return found
