"""The result of a data source, examples with targets, and helpers that data sources share."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from netspec.diagnostics import ResourceError
from netspec.layers.base import TensorType
from netspec.recipe.resolved import Recipe
from netspec.recipe.terms import EndValue, LossTerm, TargetField
from netspec.trainer.data.blocks import Blocking
from netspec.trainer.data.splits import Split, TargetForm
from netspec.trainer.data.supplied import GivenData


class Request(NamedTuple):
    """What a source of data is told beside what the recipe says of it."""

    recipe: Recipe
    inputs: tuple[EndValue, ...]
    """The net's inputs, without the batch axis."""
    output: TensorType
    """The net's first output, likewise."""
    fields: tuple[TargetField, ...]
    """The targets that are wanted of the data."""
    root: Path
    """The folder of torchvision's data sets."""
    base: Path | None
    """Where a relative path of the recipe counts from, if what it names is there; else the working directory."""
    budget: int
    """Bytes up to which images are decoded into memory; above it they stay files."""
    download: bool
    """Fetch torchvision's data sets that are missing."""
    kept: Path | None = None
    """What the run keeps of its data, the file `DataSet.keeps`, in place of what the recipe names; None if nothing."""
    given: GivenData | None = None
    """What a program gives; None if the recipe names the data."""
    terms: tuple[LossTerm, ...] = ()
    """The losses that `fields` are read by."""
    device: torch.device = torch.device("cpu")
    """Where batches are wanted."""
    workers: int | None = None
    """Processes that read examples; None for what the data think best."""
    processes: int = 1
    """The processes that share each batch."""

    @property
    def input(self) -> TensorType:
        """The net's first input, without the batch axis."""
        first = self.inputs[0].type
        assert first is not None, "a net that trains has known inputs"
        return first


class Stream(Protocol):
    """Examples of a program's, of which only some are here."""

    @property
    def count(self) -> int:
        """How many an order can be drawn of; 0 if they have an order of their own."""
        ...

    def split(self, name: str, rows: Tensor, pipeline: Any, device: torch.device, workers: int | None) -> Split:
        """The part as batches come out of it."""
        ...


@dataclass
class Part:
    """The stored examples of one part (train, validation or test).

    `x` is a tensor (N, ...) on the host (uint8, float32, int64 or bool), or, if it would not fit into memory, a data
    set whose items are single examples. `y` are the targets (N, ...), the first of them if there are several; where no
    loss asks for one, what the data have, which may be (N, 0).
    """

    x: Tensor | Dataset[Tensor]
    y: Tensor
    shape: tuple[int, ...]
    """The shape of one stored example."""
    origin: str
    """The source, for messages: a path in backticks, or "synthetic data"."""
    transformed: int = 0
    """The number of the recipe's transforms that the source has applied already."""
    inputs: tuple[Tensor, ...] = ()
    """The stored examples of the net's inputs behind the first, in their order."""
    targets: tuple[Tensor, ...] = ()
    """The targets of `Request.fields` behind the first, in their order."""
    stream: Stream | None = None
    """Where the examples come from while the run goes on; then the tensors are a first batch of them."""
    blocks: Blocking | None = None
    """How `x`, a text of tokens (M,), becomes examples and their targets; then `y` is (N, 0). None for all else."""
    sources: tuple[str, ...] = ()
    """What each example is called, such as the name of its picture; empty where it has no name."""

    @property
    def nbytes(self) -> int:
        """Bytes of examples and targets as tensors; examples that are not loaded count as uint8."""
        beside = sum(tensor.nbytes for tensor in (self.y, *self.inputs, *self.targets))
        if isinstance(self.x, Tensor):
            return self.x.nbytes + beside
        size = 1
        for n in self.shape:
            size *= n
        return size * len(self.y) + beside


@dataclass
class Parts:
    """The parts of a data set."""

    train: Part
    test: Part | None = None
    validation: Part | None = None
    names: tuple[str, ...] = ()
    classes: int | None = None
    notes: tuple[str, ...] = ()
    """Notes for the user, a line each."""
    form: TargetForm | None = None
    """How the targets stand together, of data that a program gives."""
    kept: str | None = None
    """The text of the file `DataSet.keeps`, such as the `tokenizer.json` of a text; None where there is nothing to
    keep."""
    hash: Callable[[], str] = field(kw_only=True)
    """Returns the fingerprint of the contents. Reads the files unless their hash is cached."""

    @property
    def named(self) -> list[tuple[str, Part]]:
        """The parts that there are, each with its name: `train`, `validation`, `test`."""
        parts = (("train", self.train), ("validation", self.validation), ("test", self.test))
        return [(name, part) for name, part in parts if part is not None]


def damaged(path: str | os.PathLike[str], reason: str, mend: str) -> ResourceError:
    """The error for a file that exists but cannot be used.

    Args:
        path: the file, which begins the message.
        reason: what is wrong, as the predicate of the sentence: "has 3 bytes".
        mend: what to do.
    """
    return ResourceError(f"`{os.fspath(path)}` {reason}; {mend}")


def located(path: str, base: Path | None) -> Path:
    """Resolve a path of a recipe: relative to `base` if it exists there, else unchanged."""
    return base / path if base is not None and (base / path).exists() else Path(path)


def data_root(root: str | os.PathLike[str] | None = None, base: Path | None = None) -> Path:
    """The directory of torchvision's data sets: `root`, else the environment variable NETSPEC_DATA, else `data` in
    `base` if that exists, else `data` in the working directory."""
    return Path(root or os.environ.get("NETSPEC_DATA") or located("data", base)).expanduser()
