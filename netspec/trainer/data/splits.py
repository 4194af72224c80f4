"""Training, validation and test splits, and their batches in an order that needs no saved state.

The order of an epoch is a function of seed and epoch, and the augmentation of an example is a function of seed, epoch
and example. So a run that is resumed at any step sees the same batches as one without an interruption. With several
processes, each takes its share of every global batch, so the global batches do not depend on the number of processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import torch
from torch import Tensor

from netspec.trainer.data.sampling import EvenSampler
from netspec.trainer.machine.host import ints
from netspec.trainer.machine.values import Values, each, mapped
from netspec.trainer.transforms.draws import draw_key, stable_seed
from netspec.trainer.transforms.pipeline import Pipeline, Pipelines


class Batch(NamedTuple):
    """Examples of shape (N, ...), float32, int64 or bool, and targets: (N,) int64 classes, or (N, ...) float32 values.
    Several inputs, or several targets, are a tuple."""

    x: Values
    y: Values

    def fetch(self) -> Batch:
        """The batch itself; see `Picked.fetch`."""
        return self


class Wanted(NamedTuple):
    """Which batches of an epoch are wanted; see `Split.batches`."""

    batch_size: int
    seed: int = 0
    epoch: int = 0
    start_step: int = 0
    shuffle: bool = False
    augment: bool = False
    shard: tuple[int, int] = (0, 1)
    drop_last: bool = False

    def key(self, device: torch.device) -> Tensor | None:
        """The key of the augmentation, on the device; None without augmentation."""
        return draw_key(self.seed, self.epoch, device=device) if self.augment else None


class TargetForm(NamedTuple):
    """How the targets of a batch stand together, where a program's function is given them."""

    names: tuple[str, ...] = ()
    """Of a dict; empty for none."""
    number: int = 1
    """How many there are."""

    def make(self, values: Sequence[Tensor]) -> Any:
        """The targets as a program knows them: a tensor, a tuple, a dict, or None for none."""
        if self.names:
            return dict(zip(self.names, values, strict=True))
        return None if not self.number else values[0] if self.number == 1 else tuple(values)


@dataclass(frozen=True)
class Picked:
    """A batch of resident examples that is not gathered yet, so that a CUDA graph can contain the gathering."""

    split: Resident
    rows: Tensor
    """int64 (N,), on the device."""
    key: Tensor | None
    """The key of the epoch's augmentation; None without augmentation."""

    def fetch(self) -> Batch:
        """Gather and transform the examples."""
        return self.split.fetch(self.rows, self.key)


class Split(ABC):
    """One part of the data.

    Attributes:
        name: `train`, `validation` or `test`.
        available: the number of examples before `--examples` reduces it.
        rows: int64 (n,), on the host: the indices of its stored examples. A validation share and the rest for training
            are two sets of indices into the same store.
        resident: True if the examples are on the training device, so that fetching can be captured in a CUDA graph.
        replays: True if the batches of a past step can be fetched again.
        sampler: draws the rows of a shuffled epoch; None takes each once.
        sources: what each stored example is called; empty where it has no name.
    """

    resident: bool
    replays: bool = True
    sources: Sequence[str] = ()

    def __init__(self, name: str, rows: Tensor) -> None:
        self.name = name
        self.rows = rows
        self.available = len(rows)
        self.sampler: EvenSampler | None = None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def known(self) -> int | None:
        """The number of examples; None where only reading them tells."""
        return len(self)

    def state(self) -> dict[str, Any] | None:
        """What a checkpoint keeps of how far the data are; None where seed, epoch and step say it."""
        return None

    def load(self, state: dict[str, Any]) -> str | None:
        """Go on from a result of `state`. Returns a note for the user where that may not be to the bit."""
        return None

    def peek(self, batch_size: int) -> Batch | None:
        """A batch of at most so many examples, to try something out on."""
        return next(iter(self.batches(min(batch_size, max(len(self), 1)))), None)

    def targets(self, number: int) -> Tensor | None:
        """The target with this number of every example, in the order of `rows`; None where only reading the examples
        tells."""
        return None

    def steps(self, batch_size: int, *, drop_last: bool = False) -> int:
        """The number of batches in an epoch; the last one may be smaller, and counts unless it is dropped then."""
        return len(self) // batch_size if drop_last else -(-len(self) // batch_size)

    def order(self, *, seed: int = 0, epoch: int = 0, shuffle: bool = False) -> Tensor:
        """The rows in the order of an epoch: int64 (n,), on the host. A function of seed and epoch.

        Where a `sampler` draws them, a row that comes again has another number; `stored` tells which it is."""
        if shuffle and self.sampler is not None:
            return self.sampler.order(seed, epoch)
        return self._shuffled(seed, epoch) if shuffle else self.rows

    def stored(self, rows: Tensor) -> Tensor:
        """Where the examples of some rows of an `order` are stored."""
        return rows if self.sampler is None else rows % self.sampler.stride

    def limit(self, examples: int, seed: int) -> None:
        """Keep at most so many examples, drawn with a seed."""
        self.rows = self._shuffled(seed, -1)[:examples]

    def _shuffled(self, seed: int, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(stable_seed(seed, epoch, "order"))
        return self.rows[torch.randperm(len(self.rows), generator=generator)]

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
            batch_size: the size of the global batch, over all processes.
            seed: the seed of order and augmentation.
            epoch: from 0.
            start_step: the index of the first batch; the batches before it are not read.
            shuffle: use a random order instead of that of the data.
            augment: apply the recipe's `augment`.
            shard: rank and number of processes; each gets its share of every batch, which may be empty.
        """
        return self.read(Wanted(batch_size, seed, epoch, start_step, shuffle, augment, shard))

    @abstractmethod
    def read(self, wanted: Wanted) -> Iterator[Batch]:
        """See `batches`."""

    def chosen(self, wanted: Wanted, device: torch.device | None = None) -> Iterator[Tensor]:
        """The rows of this process in each of the batches; on the host, or on a device. Shares differ by at most one
        row."""
        rows = self.order(seed=wanted.seed, epoch=wanted.epoch, shuffle=wanted.shuffle)
        rows = rows if device is None else rows.to(device)
        rank, world = wanted.shard
        for step in range(wanted.start_step, self.steps(wanted.batch_size, drop_last=wanted.drop_last)):
            start = step * wanted.batch_size
            size = min(wanted.batch_size, len(rows) - start)
            yield rows[start + rank * size // world : start + (rank + 1) * size // world]

    def close(self) -> None:  # noqa: B027  # most splits hold nothing
        """End the worker processes, if there are any. They are started again for the next batches."""


class Resident(Split):
    """Examples on the training device. A batch is gathered and transformed there, without transfer or host sync."""

    resident = True

    def __init__(self, name: str, rows: Tensor, x: Values, y: Values, pipeline: Pipeline | Pipelines | None) -> None:
        super().__init__(name, rows)
        self.x = x
        self.y = y
        self._pipeline = pipeline

    @property
    def device(self) -> torch.device:
        """The device of the examples."""
        return each(self.x)[0].device

    def targets(self, number: int) -> Tensor | None:
        """See `Split.targets`."""
        return each(self.y)[number].index_select(0, self.rows.to(self.device))

    def fetch(self, rows: Tensor, key: Tensor | None = None) -> Batch:
        """Gather and transform the examples of some rows, and augment them if a key is given.

        No value is read by the host, and all shapes follow from that of `rows`; so the call can be captured in a CUDA
        graph with static `rows` and `key`.

        Args:
            rows: int64 (N,) on the device.
            key: int64 (2,) on the device, the result of `draw_key` for the epoch.
        """
        at = self.stored(rows)
        x, y = (mapped(lambda tensor: tensor.index_select(0, at), values) for values in (self.x, self.y))
        return Batch(x, y) if self._pipeline is None else Batch(*self._pipeline.batch(x, y, rows, key))

    def read(self, wanted: Wanted) -> Iterator[Batch]:
        """See `Split.batches`."""
        return (picked.fetch() for picked in self.picks(wanted))

    def picks(self, wanted: Wanted) -> Iterator[Picked]:
        """The batches of `batches`, not yet fetched."""
        key = wanted.key(self.device)
        return (Picked(self, rows, key) for rows in self.chosen(wanted, self.device))


@dataclass(frozen=True)
class DataSplits:
    """The data of a run, checked against the net."""

    train: Split
    validation: Split | None
    test: Split | None
    classes: int | None
    """The number of classes; None if the targets are values."""
    names: tuple[str, ...]
    """The names of the classes; empty if the data have none."""
    hash: Callable[[], str]
    """Returns the fingerprint; see `Parts.hash`."""
    notes: tuple[str, ...]
    """Notes for the user, a line each."""
    seconds: float
    """Wall time of loading, in seconds."""
    bytes: int
    """Memory of the examples where they are stored, in bytes."""
    kept: str | None = None
    """The text of the file `DataSet.keeps`; None where there is nothing to keep."""
    form: TargetForm | None = None
    """How the targets stand together, where a program's function is given them; None for those of the recipe."""
    ignores: tuple[bool, ...] = ()
    """For each loss of the recipe, True if some targets have the class that it ignores; empty is False for all."""

    @cached_property
    def fingerprint(self) -> str:
        """The hash of the data's contents; a run is resumed only with equal data. Computed at the first access, which
        reads files whose hash is not cached.

        Raises:
            ResourceError: a file cannot be read.
        """
        return self.hash()

    @property
    def parts(self) -> dict[str, Split]:
        """The existing splits by name: `train`, `validation`, `test`."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: split for name, split in named.items() if split is not None}

    def split(self, name: str) -> Split | None:
        """The split with a name; None if there is none."""
        return self.parts.get(name)

    def limit(self, examples: int, seed: int) -> None:
        """Keep at most so many examples of each split, drawn with a seed."""
        for split in self.parts.values():
            split.limit(examples, seed)

    def close(self) -> None:
        """End the worker processes, if there are any."""
        for split in self.parts.values():
            split.close()


def hold_out(labels: Tensor, share: float, seed: int, fold: int = 1) -> tuple[Tensor, Tensor]:
    """Split the training rows into rows for training and rows for validation, at least one each.

    If the targets are classes (int64 with one axis), the split is stratified: both parts have about the proportions of
    the whole.

    Args:
        labels: the targets of all training examples, on the host.
        share: the share for validation, between 0 and 1.
        seed: the seed of the random choice.
        fold: which of the shares that make up the whole, from 1. No example is in two of them.

    Returns:
        The rows for training and those for validation, int64, in ascending order.
    """
    n = len(labels)
    first, behind = (min(round(part * share * n), n) for part in (fold - 1, fold))
    first, behind = (0, min(max(behind, 1), n - 1)) if fold == 1 else (first, max(behind, first + 1))
    generator = torch.Generator().manual_seed(stable_seed(seed, "validation"))
    shuffled = torch.randperm(n, generator=generator)
    if labels.ndim == 1 and labels.dtype == torch.int64:
        numbers = {label: number for number, label in enumerate(sorted(set(ints(labels))))}  # −100 may mean "ignore"
        drawn = torch.tensor([numbers[label] for label in ints(labels)])[shuffled]
        # Each example gets its relative rank within its class, in the shuffled order; the lowest ranks are validated.
        by_class = torch.argsort(drawn, stable=True)
        rank = torch.empty(n, dtype=torch.float64)
        counts = torch.bincount(drawn)
        starts = torch.cumsum(counts, 0) - counts
        within = torch.arange(n) - starts[drawn[by_class]]
        rank[by_class] = (within + 0.5).double() / counts[drawn[by_class]]
        shuffled = shuffled[torch.argsort(rank, stable=True)]
    chosen = torch.zeros(n, dtype=torch.bool)
    chosen[shuffled[first:behind]] = True
    return torch.nonzero(~chosen).squeeze(1), torch.nonzero(chosen).squeeze(1)
