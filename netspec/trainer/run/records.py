"""The records of a run, one per epoch: `metrics.jsonl` and `metrics.csv`. No torch here: listing runs needs none."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from netspec.trainer.machine.disk import write_atomically

_COLUMNS = 80


def figure_text(value: float | None, digits: int = 4) -> str:
    """A loss or an accuracy in few characters: `0.4650`, `12.345`, `3.549e+30`; nothing for None.

    Args:
        value: the figure.
        digits: decimals of numbers below ten; with each power of ten it is one less, down to one.
    """
    if value is None:
        return ""
    if not abs(value) < 1e5:  # not a number comes here too, and is written `nan`
        return f"{value:.{min(digits, 3)}e}"
    whole = len(str(int(abs(value))))
    return f"{value:.{max(digits + 1 - whole, 1)}f}"


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
        """The record as one line for a log of 80 columns: with the speed where there is room for it, and with fewer
        digits where numbers are long."""
        lines = (self._line(digits) for digits in (4, 3, 2, 1))
        line = next((line for line in lines if len(line) <= _COLUMNS), self._line(1))
        speed = f"  {self.examples_per_second:,.0f} examples/s"
        return line + speed if len(line + speed) <= _COLUMNS else line

    def _line(self, digits: int) -> str:
        parts = [f"epoch {self.epoch:>3}"]
        for name, word in (("train", "loss"), ("validation", "val"), ("test", "test")):
            if (loss := getattr(self, f"{name}_loss")) is not None:
                accuracy = getattr(self, f"{name}_accuracy")
                between = " acc " if name == "train" else " "
                behind = "" if accuracy is None else between + figure_text(accuracy, digits)
                parts.append(f"{word} {figure_text(loss, digits)}{behind}")
        seconds = f"{self.seconds:.1f}" if self.seconds < 99.95 else f"{self.seconds:.0f}"
        return "  ".join([*parts, f"{seconds} s"])


COLUMNS = tuple(f.name for f in fields(Record))


def write_records(directory: Path, records: list[Record]) -> None:
    """Write `metrics.jsonl` and `metrics.csv`, each replaced whole so that no reader meets half a line.

    They are not flushed to the disk: checkpoints hold the records too.
    """
    rows = [asdict(record) for record in records]
    lines = "".join(json.dumps({k: as_json(v) for k, v in row.items()}, allow_nan=False) + "\n" for row in rows)
    write_atomically(directory / "metrics.jsonl", lines, durable=False)
    table = io.StringIO()
    writer = csv.DictWriter(table, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(directory / "metrics.csv", table.getvalue(), durable=False)


def read_records(directory: Path) -> list[Record]:
    """The records of a run, oldest first; none if it has not finished an epoch. Lines that somebody damaged are passed
    over: the checkpoints hold all of them, and the next epoch or resume writes the file anew."""
    try:
        text = (directory / "metrics.jsonl").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [record for line in text.splitlines() if (record := _read(line)) is not None]


def as_json(value: Any) -> Any:
    """A figure as JSON can hold it, which knows no infinity: null for what is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read(line: str) -> Record | None:
    try:
        return record_of(json.loads(line))
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def record_of(row: Any) -> Record:
    """The record that plain values stand for.

    Raises:
        LookupError, TypeError, ValueError: they stand for none.
    """
    values: dict[str, Any] = {name: row[name] for name in COLUMNS}
    needed = ("train_loss", "seconds", "examples_per_second")  # null there is what was not finite
    values |= {name: math.nan for name in needed if values[name] is None}
    for name, value in values.items():
        if type(value) is not int and (name in ("epoch", "step") or not (value is None or type(value) is float)):
            raise ValueError(f"`{name}` of a record is {value!r}")
    return Record(**values)
