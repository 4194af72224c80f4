"""Examples that do not fit on the device: decoded ahead of time by worker processes, transferred from pinned memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from netspec.diagnostics import ResourceError
from netspec.trainer.data.folder import ImageFiles
from netspec.trainer.data.splits import Batch, Split, slices
from netspec.trainer.data.workers import begin_worker, losses, shared, worker_context
from netspec.trainer.machine.values import Values, joined, mapped
from netspec.trainer.transforms.draws import draw_key
from netspec.trainer.transforms.pipeline import Pipeline, Pipelines


class HostExamples(Dataset[Tensor]):
    """A tensor on the host as a data set."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Tensor:
        return self.x[index]


class Unusable(str):
    """The error message for an example, which a worker sends in place of a batch."""

    __slots__ = ()


class _Chosen(Dataset[Tensor]):
    """A data set for the DataLoader that returns whole batches, so that a worker sends one tensor per batch."""

    def __init__(self, examples: Dataset[Tensor]) -> None:
        self.examples = examples

    def __getitems__(self, rows: list[int]) -> Any:
        if isinstance(self.examples, HostExamples):
            return shared(self.examples.x[rows])
        try:
            return shared(torch.stack([self.examples[i] for i in rows]))
        except ResourceError as error:
            return Unusable(str(error))  # the DataLoader would raise an exception again with a worker's traceback
        except RuntimeError as error:
            return f"the images of a batch are not of one size ({error}); transforms that fix the size make them alike"


class Streamed(Split):
    """Examples on the host or in files. Order and augmentation are the same as those of `Resident`.

    `inputs` are those of the net behind the first: tensors on the host.
    """

    resident = False

    def __init__(
        self,
        name: str,
        rows: Tensor,
        x: Dataset[Tensor],
        y: Values,
        pipeline: Pipeline | Pipelines | None,
        device: torch.device,
        workers: int,
        inputs: tuple[Tensor, ...] = (),
    ) -> None:
        super().__init__(name, rows)
        self.device = device
        self._x = _Chosen(x)
        self._y = y
        self._inputs = inputs
        self._pipeline = pipeline
        self._plan = _Plan()
        self._workers = workers
        self._loader: DataLoader[Any] | None = None
        self._iterator: Iterator[Any] | None = None

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
        for rows, images in zip(chosen, self._read(), strict=True):
            if isinstance(images, str):
                raise self._refused(images)
            first: Tensor = images.to(self.device, non_blocking=True)
            x = joined((first, *[self._placed(tensor[rows]) for tensor in self._inputs]))
            y = mapped(lambda tensor: self._placed(tensor[rows]), self._y)  # noqa: B023  # called at once
            if self._pipeline is not None:
                x, y = self._pipeline.batch(x, y, self._placed(rows), key)
            yield Batch(x, y)

    def _placed(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.device, non_blocking=True)

    def _refused(self, reason: str) -> ResourceError:
        """The error for a batch that cannot be read; if an image is at fault, the error lists all such images."""
        examples = self._x.examples
        if isinstance(reason, Unusable) and isinstance(examples, ImageFiles):
            return examples.refused(ResourceError(reason))
        return ResourceError(reason)

    def _read(self) -> Iterator[Any]:
        """The loader's results for the batches of the plan.

        Raises:
            ResourceError: a worker ended, or cannot be started.
        """
        with losses(None):
            if self._workers and self._loader is None:
                worker_context().Lock()  # fails here if the loader would: that prints another error on its deletion
            self._iterator = iter(self._open())
        while True:
            with losses(self._iterator):
                images = next(self._iterator, None)
            if images is None:
                return
            yield images

    def _open(self) -> DataLoader[Any]:
        """The loader, created at the first call. Its workers are kept between epochs."""
        if self._loader is None:
            self._loader = DataLoader(
                self._x,
                batch_sampler=self._plan,
                collate_fn=_same,
                num_workers=self._workers,
                persistent_workers=self._workers > 0,
                pin_memory=self.device.type == "cuda",
                multiprocessing_context=worker_context() if self._workers else None,
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
    """The loader's batch sampler: the batches of the current epoch, as lists of rows."""

    batches: list[list[int]]

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches)

    def __len__(self) -> int:
        return len(self.batches)


def _same(batch: Any) -> Any:
    """The loader's collate function: `__getitems__` returns a batch already. A module-level function, to be pickled."""
    return batch
