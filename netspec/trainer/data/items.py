"""Examples of a map-style data set that a program gives: read one by one, in netspec's own order."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate, get_worker_info  # pyright: ignore[reportUnknownVariableType]  # torch leaves the items open

from netspec.diagnostics import NetspecError, ResourceError
from netspec.trainer.data.loaded import Loaded
from netspec.trainer.data.pairs import PairLayout
from netspec.trainer.data.splits import Batch, Wanted
from netspec.trainer.data.workers import from_worker, shared
from netspec.trainer.machine.host import ints
from netspec.trainer.machine.values import each, mapped
from netspec.trainer.transforms.draws import stable_seed
from netspec.trainer.transforms.pipeline import Pipeline, Pipelines


class Examples(Protocol):
    """A map-style data set: torch's `Dataset`, or any sequence."""

    def __len__(self) -> int:
        """The number of its examples."""
        ...

    def __getitem__(self, index: int, /) -> Any:
        """An example, a pair `(x, y)`."""
        ...


class _Asked(NamedTuple):
    """A batch that is asked for."""

    rows: list[int]
    seed: int
    """Of what the examples draw, in a worker process."""


class _Whole(Dataset[Any]):
    """Makes whole batches of the examples."""

    def __init__(self, examples: Examples, layout: PairLayout, origin: str) -> None:
        self.examples, self.layout, self.origin = examples, layout, origin

    def __getitems__(self, asked: _Asked) -> Any:
        """The batch; in a worker the message of an error, which the DataLoader would raise with a traceback."""
        if get_worker_info() is None:
            return self.batch(asked.rows)
        _seed(asked.seed)
        try:
            found = self.batch(asked.rows)
        except NetspecError as error:
            return str(error)
        return shared(found, (*each(found.x), *each(found.y)))

    def batch(self, rows: Sequence[int]) -> Batch:
        """The examples of some rows, joined.

        Raises:
            ResourceError: one of them cannot be read, or they cannot be joined.
        """
        items = self._items(rows)
        try:
            whole = items if not items else self.layout.taken(default_collate(items), self.origin)
        except (RuntimeError, TypeError, KeyError) as error:
            if not isinstance(error, NetspecError):
                self.layout.taken(items[0], self.origin)  # what is wrong with each of them is said first
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ResourceError(
                f"{len(items)} examples of {self.origin} cannot be joined to a batch: {reason}. Let the data set give "
                "tensors of one shape, or give a DataLoader with a `collate_fn` that joins them"
            ) from error
        assert isinstance(whole, Batch)
        return whole

    def _items(self, rows: Sequence[int]) -> list[Any]:
        several: Callable[[list[int]], list[Any]] | None = getattr(self.examples, "__getitems__", None)
        row = rows[0]
        try:
            if several is not None:
                return list(several(list(rows)))
            found: list[Any] = []
            for row in rows:
                found.append(self.examples[row])
            return found
        except NetspecError:
            raise
        except Exception as error:  # whatever the program's code raises
            which = f"example {row}" if several is None else f"a batch from example {row} on"
            raise ResourceError(f"{which} of {self.origin} cannot be read: {type(error).__name__}: {error}") from error


def _seed(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped


class Items(Loaded):
    """Examples that are read when they are wanted. The order is that of `Resident`: a function of seed and epoch.

    What examples draw at random comes from the generators of this process, which a run saves; in worker processes it
    is a function of seed, epoch and batch. So a resumed run sees the same, whichever.
    """

    def __init__(
        self,
        name: str,
        rows: Tensor,
        examples: Examples,
        layout: PairLayout,
        origin: str,
        pipeline: Pipeline | Pipelines | None,
        device: torch.device,
        workers: int,
    ) -> None:
        whole = _Whole(examples, layout, origin)
        super().__init__(name, rows, whole, device, workers, None)  # torch's own: the main module has the classes
        self._layout, self._origin, self._pipeline, self._make = layout, origin, pipeline, whole.batch

    def read(self, wanted: Wanted) -> Iterator[Batch]:
        """See `Split.batches`."""
        seed, epoch, first = wanted.seed, wanted.epoch, wanted.start_step
        chosen = [rows for rows in self.chosen(wanted) if len(rows)]
        key = wanted.key(self.device)
        plan = [
            _Asked(ints(rows), stable_seed(seed, epoch, number, self.name)) for number, rows in enumerate(chosen, first)
        ]
        for number, (rows, found) in enumerate(zip(chosen, self._read(plan), strict=True), first):
            if isinstance(found, str):
                raise ResourceError(from_worker(found))
            x, y = mapped(self._placed, found.x), mapped(self._placed, found.y)
            if self._pipeline is not None:
                x, y = self._pipeline.batch(x, y, self._placed(rows), key)
            yield self._layout.check(Batch(x, y), number, self._origin)

    def sample(self) -> Batch:
        """The first example as a batch, as the data set gives it."""
        return self._make([int(self.rows[0])])
