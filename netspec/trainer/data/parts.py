"""What a source of data gives: examples with targets, and how sources say that something is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor
from torch.utils.data import Dataset

from netspec.diagnostics import ResourceError


@dataclass
class Part:
    """Examples of one part as stored.

    `x` is a tensor (N, ...) on the host (uint8, float32 or int64), or, where it would not fit into memory, a data set
    whose items are such examples one by one.
    """

    x: Tensor | Dataset[Tensor]
    y: Tensor
    shape: tuple[int, ...]
    """Of one stored example."""
    origin: str
    """Where it came from, for messages: a path in backticks, or "synthetic data"."""
    transformed: int = 0
    """How many of the recipe's transforms the source has already applied."""

    @property
    def nbytes(self) -> int:
        """Memory that the examples take as a tensor, in bytes (uint8 where they are not loaded yet)."""
        if isinstance(self.x, Tensor):
            return self.x.nbytes
        size = 1
        for n in self.shape:
            size *= n
        return size * len(self.y)


@dataclass
class Parts:
    """The parts of a data set."""

    train: Part
    test: Part | None = None
    validation: Part | None = None
    names: tuple[str, ...] = ()
    classes: int | None = None
    notes: tuple[str, ...] = ()
    """What a person should know of what was found, a line each."""
    hash: Callable[[], str] = field(kw_only=True)
    """Reads the files, unless their hash is known, for one that any change of content changes."""


def damaged(path: str | os.PathLike[str], reason: str, mend: str) -> ResourceError:
    """The error for a file that is there but cannot be used. `reason` goes on from its name: "has 3 bytes"."""
    return ResourceError(f"`{os.fspath(path)}` {reason}; {mend}")


def located(path: str, base: Path | None) -> Path:
    """A path of a recipe: as it stands, or, if it is relative and there is such a thing in `base`, that."""
    return base / path if base is not None and (base / path).exists() else Path(path)


def data_root(root: str | os.PathLike[str] | None = None, base: Path | None = None) -> Path:
    """The folder that holds torchvision's data sets: `root`, else the environment variable NETSPEC_DATA, else
    `data` in `base`, if it is there, or in the working directory."""
    return Path(root or os.environ.get("NETSPEC_DATA") or located("data", base)).expanduser()
