"""The progress of a run: epoch, step, records, best values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.trainer.run.records import Record, record_of


@dataclass
class Progress:
    """The progress of a run, saved with each checkpoint."""

    epoch: int = 0
    """The current epoch, from 0."""
    batch: int = 0
    """Batches of the current epoch that are done, always up to the end of an optimizer step."""
    step: int = 0
    """Optimizer steps since the start of the run."""
    seconds: float = 0.0
    """Wall time of training in the current epoch."""
    computing: float = 0.0
    """The part of `seconds` that was not spent waiting for batches."""
    best: float | None = None
    """The best value of the recipe's metric, with the sign that makes greater values better."""
    best_epoch: int = 0
    """The epoch of that value, from 1; 0 if there is none."""
    stopping_best: float | None = None
    """The best value of early stopping, with the same sign."""
    waited: int = 0
    """Epochs since `stopping_best` improved."""
    stopped: str | None = None
    """Why a callback ended the run; None if none did."""
    records: list[Record] = field(default_factory=list[Record])


def progress_of(saved: Mapping[str, Any]) -> Progress:
    """The progress from the plain values in a checkpoint.

    Raises:
        LookupError, TypeError, ValueError: the values are not those of a progress.
    """
    values = dict(saved)
    progress = Progress(records=[record_of(row) for row in values.pop("records")], **values)
    for name, least in (("epoch", 0), ("batch", 0), ("step", 0), ("best_epoch", 0), ("waited", 0)):
        value = getattr(progress, name)
        if type(value) is not int or value < least:
            raise ValueError(f"`{name}` is {value!r}")
    for name in ("seconds", "computing", "best", "stopping_best"):
        value = getattr(progress, name)
        if not isinstance(value, float | int) and (value is not None or name in ("seconds", "computing")):
            raise ValueError(f"`{name}` is {value!r}")
    if type(progress.stopped) not in (str, type(None)):
        raise ValueError(f"`stopped` is {progress.stopped!r}")
    if len(progress.records) != progress.epoch:
        raise ValueError(f"{len(progress.records)} records of {progress.epoch} epochs")
    return progress
