"""The records of a run, one per epoch: `metrics.jsonl` and `metrics.csv`. No torch here: listing runs needs none."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from netspec.train.files import write_atomically


@dataclass(frozen=True)
class Record:
    """One epoch, as `metrics.jsonl` and `metrics.csv` hold it, in this order. What was not measured is None.

    Train figures are example-weighted means over the epoch, in train mode, each batch before its update. `seconds` is
    the wall time of the epoch's training, data included, evaluation not.
    """

    epoch: int
    """From 1."""
    step: int
    """Optimiser steps since the start of the run."""
    train_loss: float
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    examples_per_second: float

    @property
    def line(self) -> str:
        """The record as one line for a log."""
        parts = [f"epoch {self.epoch:>3}", f"loss {self.train_loss:.4f}"]
        if self.train_accuracy is not None:
            parts.append(f"accuracy {self.train_accuracy:.4f}")
        for name in ("validation", "test"):
            if (loss := getattr(self, f"{name}_loss")) is not None:
                accuracy = getattr(self, f"{name}_accuracy")
                parts.append(f"{name} {loss:.4f}" + ("" if accuracy is None else f" / {accuracy:.4f}"))
        return "  ".join([*parts, f"{self.seconds:.1f} s", f"{self.examples_per_second:,.0f} examples/s"])


COLUMNS = tuple(f.name for f in fields(Record))


def write_records(directory: Path, records: list[Record]) -> None:
    """Write `metrics.jsonl` and `metrics.csv`, each replaced whole so that no reader meets half a line.

    They are not flushed to the disk: checkpoints hold the records too.
    """
    rows = [asdict(record) for record in records]
    write_atomically(directory / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows), durable=False)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(directory / "metrics.csv", table.getvalue(), durable=False)


def read_records(directory: Path) -> list[Record]:
    """The records of a run, oldest first; none if it has not finished an epoch."""
    path = directory / "metrics.jsonl"
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Record(**row) for row in rows]
