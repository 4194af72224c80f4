"""Examples that do not fit on the device: decoded by worker processes ahead of time, sent from pinned memory."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from multiprocessing.context import BaseContext
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from netspec.diagnostics import ResourceError
from netspec.train.data.splits import Batch, Split, slices
from netspec.train.transforms.draws import draw_key
from netspec.train.transforms.pipeline import Pipeline


class Rows(Dataset[Tensor]):
    """A tensor on the host, example by example."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Tensor:
        return self.x[index]


class _Chosen(Dataset[Tensor]):
    """Whole batches by their rows, so that a worker's result is one tensor."""

    def __init__(self, examples: Dataset[Tensor]) -> None:
        self.examples = examples

    def __getitems__(self, rows: list[int]) -> Any:
        if isinstance(self.examples, Rows):
            return self.examples.x[rows]
        try:
            return torch.stack([self.examples[i] for i in rows])
        except ResourceError as error:
            return str(error)  # an exception would cross the process boundary as a traceback
        except RuntimeError as error:
            return f"the images of a batch are not of one size ({error}); transforms that fix the size make them alike"


class Streamed(Split):
    """Examples on the host or in files, with the same order and augmentation as `Resident` ones."""

    resident = False

    def __init__(
        self,
        name: str,
        rows: Tensor,
        x: Dataset[Tensor],
        y: Tensor,
        pipeline: Pipeline | None,
        device: torch.device,
        workers: int,
    ) -> None:
        super().__init__(name, rows)
        self.device = device
        self._x = _Chosen(x)
        self._y = y
        self._pipeline = pipeline
        self._plan = _Plan()
        self._workers = workers
        self._loader: DataLoader[Any] | None = None

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
        order = self.order(seed=seed, epoch=epoch, shuffle=shuffle)
        chosen = list(slices(order, batch_size, start_step, shard))
        key = draw_key(seed, epoch, device=self.device) if augment else None
        self._plan.batches = [cast("list[int]", rows.tolist()) for rows in chosen]  # pyright: ignore[reportUnknownMemberType]  # torch leaves the items open
        for rows, images in zip(chosen, self._open(), strict=True):
            if isinstance(images, str):
                raise ResourceError(images)
            x: Tensor = images.to(self.device, non_blocking=True)
            y = self._y[rows].to(self.device, non_blocking=True)
            if self._pipeline is not None:
                x, y = self._pipeline.batch(x, y, rows.to(self.device, non_blocking=True), key)
            yield Batch(x, y)

    def _open(self) -> DataLoader[Any]:
        """The loader; its workers stay alive from epoch to epoch. They are forked from a clean server process, since
        a fork of one with CUDA or threads may hang."""
        if self._loader is None:
            self._loader = DataLoader(
                self._x,
                batch_sampler=self._plan,
                collate_fn=_same,
                num_workers=self._workers,
                persistent_workers=self._workers > 0,
                pin_memory=self.device.type == "cuda",
                multiprocessing_context=_context() if self._workers else None,
                prefetch_factor=4 if self._workers else None,
                generator=torch.Generator(),  # its seed for workers must not come out of the run's own random numbers
            )
        return self._loader


def _context() -> BaseContext:
    """How worker processes start: forked from a server that has imported this module and torch once."""
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


class _Plan:
    """The batches of the epoch at hand, as lists of rows."""

    batches: list[list[int]]

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def _same(batch: Any) -> Any:
    """What `__getitems__` gives is a batch already; a function of the module, since workers must find it by name."""
    return batch
