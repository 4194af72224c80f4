"""Where a run stands between two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.trainer.run.records import Record, record_of


@dataclass
class Progress:
    """Where a run stands."""

    epoch: int = 0
    """The current epoch, from 0."""
    batch: int = 0
    """Batches of it that are done; an optimiser step is never cut in two."""
    step: int = 0
    """Optimiser steps since the start of the run."""
    seconds: float = 0.0
    """Wall time that this epoch's training has taken."""
    computing: float = 0.0
    """The part of it that was not spent waiting for a batch."""
    best: float | None = None
    """The best value of the recipe's metric."""
    best_epoch: int = 0
    stopping_best: float | None = None
    """Early stopping's own best value, and the epochs since."""
    waited: int = 0
    records: list[Record] = field(default_factory=list[Record])


def progress_of(saved: Mapping[str, Any]) -> Progress:
    """Where a run stood.

    Raises:
        LookupError, TypeError, ValueError: nowhere that a run can stand.
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
    if len(progress.records) != progress.epoch:
        raise ValueError(f"{len(progress.records)} records of {progress.epoch} epochs")
    return progress
