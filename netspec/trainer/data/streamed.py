"""Examples that do not fit on the device: decoded ahead of time by worker processes, transferred from pinned memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from netspec.diagnostics import ResourceError
from netspec.trainer.data.folder import ImageFiles
from netspec.trainer.data.loaded import Loaded, Unusable
from netspec.trainer.data.splits import Batch, Wanted
from netspec.trainer.data.workers import from_worker, shared, worker_context
from netspec.trainer.machine.host import ints
from netspec.trainer.machine.values import Values, each, joined, mapped
from netspec.trainer.transforms.pipeline import Pipeline, Pipelines


class HostExamples(Dataset[Tensor]):
    """A tensor on the host as a data set."""

    def __init__(self, x: Tensor) -> None:
        self.x = x

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Tensor:
        return self.x[index]


class _Chosen(Dataset[Tensor]):
    """A data set for the DataLoader that returns whole batches, so that a worker sends one tensor per batch."""

    def __init__(self, examples: Dataset[Tensor]) -> None:
        self.examples = examples

    def __getitems__(self, rows: list[int]) -> Any:
        if isinstance(self.examples, HostExamples):
            batch = self.examples.x[rows]
            return shared(batch, (batch,))
        try:
            batch = torch.stack([self.examples[i] for i in rows])
            return shared(batch, (batch,))
        except ResourceError as error:
            return Unusable(str(error))  # the DataLoader would raise an exception again with a worker's traceback
        except RuntimeError as error:
            return f"the images of a batch are not of one size ({error}); transforms that fix the size make them alike"


class Streamed(Loaded):
    """Examples on the host or in files. Order and augmentation are the same as those of `Resident`.

    `inputs` are those of the net behind the first: tensors on the host.
    """

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
        super().__init__(name, rows, _Chosen(x), device, workers, worker_context)
        self._examples = x
        self._y = y
        self._inputs = inputs
        self._pipeline = pipeline

    def targets(self, number: int) -> Tensor | None:
        """See `Split.targets`: those of examples in files are in memory."""
        return each(self._y)[number][self.rows]

    def read(self, wanted: Wanted) -> Iterator[Batch]:
        """See `Split.batches`."""
        chosen = list(self.chosen(wanted))
        key = wanted.key(self.device)
        for rows, images in zip(chosen, self._read([ints(self.stored(rows)) for rows in chosen]), strict=True):
            if isinstance(images, str):
                raise self._refused(from_worker(images))
            at = self.stored(rows)
            first: Tensor = images.to(self.device, non_blocking=True)
            x = joined((first, *[self._placed(tensor[at]) for tensor in self._inputs]))
            y = mapped(lambda tensor: self._placed(tensor[at]), self._y)  # noqa: B023  # called at once
            if self._pipeline is not None:
                x, y = self._pipeline.batch(x, y, self._placed(rows), key)
            yield Batch(x, y)

    def _refused(self, reason: str) -> ResourceError:
        """The error for a batch that cannot be read; if an image is at fault, the error lists all such images."""
        if isinstance(reason, Unusable) and isinstance(self._examples, ImageFiles):
            return self._examples.refused(ResourceError(reason))
        return ResourceError(reason)
