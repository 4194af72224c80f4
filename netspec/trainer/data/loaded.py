"""A part of the data whose batches a DataLoader makes, ahead of time if it has worker processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from multiprocessing.context import BaseContext
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from netspec.trainer.data.splits import Split
from netspec.trainer.data.workers import begin_worker, losses


class Unusable(str):
    """The error message for an example, which a worker sends in place of a batch."""

    __slots__ = ()


class Loaded(Split):
    """A part whose batches come from a DataLoader of a data set that makes whole batches.

    Args:
        name: see `Split`.
        rows: see `Split`.
        whole: the data set. Its `__getitems__` makes a batch, in a worker, of what `_read` is given for it; a worker
            so sends few tensors per batch.
        device: where batches are wanted.
        workers: the number of worker processes; 0 makes the batches in this one.
        context: the multiprocessing context of the workers; None for torch's own.
    """

    resident = False

    def __init__(
        self,
        name: str,
        rows: Tensor,
        whole: Dataset[Any],
        device: torch.device,
        workers: int,
        context: Callable[[], BaseContext] | None,
    ) -> None:
        super().__init__(name, rows)
        self.device = device
        self._whole, self._workers, self._context = whole, workers, context
        self._plan = _Plan()
        self._loader: DataLoader[Any] | None = None
        self._iterator: Iterator[Any] | None = None

    def _placed(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)

    def _read(self, plan: Sequence[Any]) -> Iterator[Any]:
        """The loader's results for the batches of a plan.

        Raises:
            ResourceError: a worker ended, or cannot be started.
        """
        self._plan.batches = plan
        with losses(None):
            if self._workers and self._loader is None and self._context is not None:
                self._context().Lock()  # fails here if the loader would: that prints another error on its deletion
            self._iterator = iter(self._open())
        while True:
            with losses(self._iterator):
                batch = next(self._iterator, None)
            if batch is None:
                return
            yield batch

    def _open(self) -> DataLoader[Any]:
        """The loader, created at the first call. Its workers are kept between epochs."""
        if self._loader is None:
            self._loader = DataLoader(
                self._whole,
                batch_sampler=self._plan,
                collate_fn=_same,
                num_workers=self._workers,
                persistent_workers=self._workers > 0,
                pin_memory=self.device.type == "cuda",
                multiprocessing_context=self._context() if self._workers and self._context is not None else None,
                prefetch_factor=4 if self._workers else None,
                worker_init_fn=begin_worker,
                generator=torch.Generator(),  # else drawing the workers' base seed would advance torch's generator
            )
        return self._loader

    def close(self) -> None:
        """See `Split.close`."""
        end: Callable[[], None] | None = getattr(self._iterator, "_shutdown_workers", None)  # there is no public way
        self._loader = self._iterator = None
        if end is not None:
            end()


class _Plan:
    """The loader's batch sampler: what the batches of the current epoch are made of."""

    batches: Sequence[Any]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def _same(batch: Any) -> Any:
    """The loader's collate function: `__getitems__` returns a batch already. A module-level function, to be pickled."""
    return batch
