"""Training, validation and test examples, and batches of them in an order that needs no state.

The order of an epoch is a function of seed and epoch, the place in it is the step, and the augmentation of an example
is a function of seed, epoch and example. So a run that is resumed at any step sees exactly the batches that it would
have seen. With several processes each takes its share of every global batch, so that the global batches do not depend
on the number of processes either.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from netspec.trainer.machine.host import ints
from netspec.trainer.transforms.draws import draw_key, stable_seed
from netspec.trainer.transforms.pipeline import Pipeline


class Batch(NamedTuple):
    """Examples of shape (N, ...), float32 or int64, and targets: (N,) int64 classes, or (N, ...) float32 values."""

    x: Tensor
    y: Tensor

    def fetch(self) -> Batch:
        """Itself."""
        return self


@dataclass(frozen=True)
class Picked:
    """A batch of resident examples that is still to be fetched, so that a recorded step can do it."""

    split: Resident
    rows: Tensor
    """int64 (N,), on the device."""
    key: Tensor | None
    """Of this epoch's augmentation, if there is one."""

    def fetch(self) -> Batch:
        """The examples."""
        return self.split.fetch(self.rows, self.key)


class Split(ABC):
    """One part of the data.

    Attributes:
        name: `train`, `validation` or `test`.
        available: how many examples it has before `--examples` keeps some of them.
        rows: int64 (n,), on the host: which stored examples belong to it. A validation share and what remains for
            training are two sets of rows of the same store.
        resident: True if the examples lie on the training device, so that `fetch` can be captured in a CUDA graph.
    """

    resident: bool

    def __init__(self, name: str, rows: Tensor) -> None:
        self.name = name
        self.rows = rows
        self.available = len(rows)

    def __len__(self) -> int:
        return len(self.rows)

    def steps(self, batch_size: int) -> int:
        """Number of batches in an epoch; the last one may be smaller."""
        return -(-len(self) // batch_size)

    def order(self, *, seed: int = 0, epoch: int = 0, shuffle: bool = False) -> Tensor:
        """The rows in the order of this epoch: int64 (n,), on the host. The same for the same seed and epoch."""
        if not shuffle:
            return self.rows
        generator = torch.Generator().manual_seed(stable_seed(seed, epoch, "order"))
        return self.rows[torch.randperm(len(self.rows), generator=generator)]

    @abstractmethod
    def batches(
        self,
        batch_size: int,
        *,
        seed: int = 0,
        epoch: int = 0,
        start_step: int = 0,
        shuffle: bool = False,
        augment: bool = False,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """The batches of one epoch from `start_step` on.

        Args:
            batch_size: of the global batch, over all processes.
            seed: of order and augmentation.
            epoch: counts from 0.
            start_step: the first batch to give; earlier ones cost nothing.
            shuffle: draw the order, or keep that of the data.
            augment: apply the recipe's `augment`.
            shard: rank and number of processes; each gets its share of every batch, which may be empty.
        """

    def close(self) -> None:  # noqa: B027  # most splits hold nothing
        """End the processes that read the examples, if there are any; the next batches start them anew."""


class Resident(Split):
    """Examples on the training device: a batch is a gather and a conversion there, with no transfer and no sync."""

    resident = True

    def __init__(self, name: str, rows: Tensor, x: Tensor, y: Tensor, pipeline: Pipeline | None) -> None:
        super().__init__(name, rows)
        self.x = x
        self.y = y
        self._pipeline = pipeline

    @property
    def device(self) -> torch.device:
        """Where the examples lie."""
        return self.x.device

    def fetch(self, rows: Tensor, key: Tensor | None = None) -> Batch:
        """The examples of these rows, transformed; augmented if there is a key of `draw_key`.

        Nothing is read back to the host and every shape follows from that of `rows`, so the call can be captured in a
        CUDA graph over static `rows` and `key`.

        Args:
            rows: int64 (N,) on the device.
            key: int64 (2,) on the device, of this epoch.
        """
        x = self.x.index_select(0, rows)
        y = self.y.index_select(0, rows)
        return Batch(x, y) if self._pipeline is None else Batch(*self._pipeline.batch(x, y, rows, key))

    def batches(
        self,
        batch_size: int,
        *,
        seed: int = 0,
        epoch: int = 0,
        start_step: int = 0,
        shuffle: bool = False,
        augment: bool = False,
        shard: tuple[int, int] = (0, 1),
    ) -> Iterator[Batch]:
        """See `Split.batches`."""
        picks = self.picks(
            batch_size, seed=seed, epoch=epoch, start_step=start_step, shuffle=shuffle, augment=augment, shard=shard
        )
        return (picked.fetch() for picked in picks)

    def picks(
        self,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        start_step: int,
        shuffle: bool,
        augment: bool,
        shard: tuple[int, int],
    ) -> Iterator[Picked]:
        """The same batches, still to be fetched."""
        rows = self.order(seed=seed, epoch=epoch, shuffle=shuffle).to(self.device)
        key = draw_key(seed, epoch, device=self.device) if augment else None
        for chosen in slices(rows, batch_size, start_step, shard):
            yield Picked(self, chosen, key)


def slices(rows: Tensor, batch_size: int, start_step: int, shard: tuple[int, int]) -> Iterator[Tensor]:
    """One process's rows of each global batch, from `start_step` on. Shares differ by one row at most."""
    rank, world = shard
    for start in range(start_step * batch_size, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        size = len(batch)
        yield batch[rank * size // world : (rank + 1) * size // world]


@dataclass(frozen=True)
class DataSplits:
    """The data of a run, checked against the net."""

    train: Split
    validation: Split | None
    test: Split | None
    classes: int | None
    """Number of classes, or None where the targets are values."""
    names: tuple[str, ...]
    """The names of the classes, if the data give them; else empty."""
    hash: Callable[[], str]
    """Makes the fingerprint."""
    notes: tuple[str, ...]
    """What a person should know of what was found, a line each."""
    seconds: float
    """Wall time that loading took."""
    bytes: int
    """Memory that the examples take where they are kept, in bytes."""
    ignores: bool = False
    """True if some targets are of the class that the recipe's loss ignores."""

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the data, which any change of content changes: a run is resumed with the same. Made when it is first
        asked for, which reads files that nobody has read before.

        Raises:
            ResourceError: a file cannot be read.
        """
        return self.hash()

    @property
    def parts(self) -> dict[str, Split]:
        """The parts that there are, by name: `train`, `validation`, `test`."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def split(self, name: str) -> Split | None:
        """The part of this name; None if there is none."""
        return self.parts.get(name)

    def limit(self, examples: int, seed: int) -> None:
        """Keep so many examples of each part, drawn by a seed."""
        for split in self.parts.values():
            split.rows = split.order(seed=seed, epoch=-1, shuffle=True)[:examples]

    def close(self) -> None:
        """End the processes that read the examples, if there are any."""
        for split in self.parts.values():
            split.close()


def hold_out(labels: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Divide the training rows into those to train on and those to validate on.

    With classes (int64 of one axis) each gives its share, so that both parts have the data's proportions; the parts
    are ascending. At least one example stays on each side.

    Args:
        labels: the targets of all training examples, on the host.
        share: of the examples that goes to validation, between 0 and 1.
        seed: of the draw.

    Returns:
        Rows for training and for validation, int64.
    """
    n = len(labels)
    wanted = min(max(round(share * n), 1), n - 1)
    generator = torch.Generator().manual_seed(stable_seed(seed, "validation"))
    shuffled = torch.randperm(n, generator=generator)
    if labels.ndim == 1 and labels.dtype == torch.int64:
        numbers = {label: number for number, label in enumerate(sorted(set(ints(labels))))}  # −100 may mean "ignore"
        drawn = torch.tensor([numbers[label] for label in ints(labels)])[shuffled]
        by_class = torch.argsort(drawn, stable=True)
        rank = torch.empty(n, dtype=torch.float64)
        counts = torch.bincount(drawn)
        starts = torch.cumsum(counts, 0) - counts
        within = torch.arange(n) - starts[drawn[by_class]]
        rank[by_class] = (within + 0.5).double() / counts[drawn[by_class]]
        shuffled = shuffled[torch.argsort(rank, stable=True)]
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[shuffled[:wanted]] = True
    return torch.nonzero(~chosen).squeeze(1), torch.nonzero(chosen).squeeze(1)
