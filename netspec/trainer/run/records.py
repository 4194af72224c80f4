"""The records of a run, one per epoch, in `metrics.jsonl` and `metrics.csv`. Works without torch, for listing runs."""

from __future__ import annotations

import csv
import io
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal

from netspec.trainer.machine.disk import write_atomically

_COLUMNS = 80


def figure_text(value: float | None, digits: int = 4) -> str:
    """A loss or an accuracy as short text: `0.4650`, `12.345`, `3.549e+30`; empty for None.

    Args:
        value: the number.
        digits: decimals of numbers below ten; one less for each further power of ten, at least one.
    """
    if value is None:
        return ""
    if not abs(value) < 1e5:  # also true for NaN, which is written `nan`
        return f"{value:.{min(digits, 3)}e}"
    whole = len(str(int(abs(value))))
    return f"{value:.{max(digits + 1 - whole, 1)}f}"


@dataclass(frozen=True)
class Record:
    """The record of one epoch; the fields are the columns of `metrics.csv`. What was not measured is None.

    Train figures are means over the epoch, computed in train mode on each batch before its update. `seconds` is the
    wall time of training in the epoch, with waiting for data and without evaluation.
    """

    epoch: int
    """From 1."""
    step: int
    """Optimizer steps since the start of the run."""
    train_loss: float
    train_accuracy: float | None
    validation_loss: float | None
    validation_accuracy: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    examples_per_second: float
    parts: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    """Of several losses, the figures of each under the names of their columns: `train_loss/recon`,
    `test_accuracy/policy`. Of text the perplexities, `train_perplexity`. And what a program's metrics measured:
    `validation_f1`."""
    rates: Mapping[str, float | None] = field(default_factory=dict[str, float | None])
    """The learning rate of the epoch's last step, `learning_rate`; of a group with a rate of its own under its first
    pattern, `learning_rate/bias`."""

    def figure(self, name: str) -> float | None:
        """The figure of a column; None if it was not measured."""
        return getattr(self, name) if name in COLUMNS else self.parts.get(name, self.rates.get(name))

    @property
    def quantity(self) -> Literal["perplexity", "accuracy", "loss"]:
        """What says most of how good the net is: `figure(f"test_{quantity}")`."""
        if "train_perplexity" in self.parts:
            return "perplexity"
        accuracies = (self.train_accuracy, self.validation_accuracy, self.test_accuracy)
        return "loss" if all(value is None for value in accuracies) else "accuracy"

    def row(self) -> dict[str, Any]:
        """The record as one plain mapping, from column to value."""
        return {name: getattr(self, name) for name in COLUMNS} | dict(self.parts) | dict(self.rates)

    @property
    def line(self) -> str:
        """The record as one line of at most 80 columns: with the speed if it fits, and with fewer digits if numbers are
        long."""
        return self.line_for("")

    def line_for(self, followed: str) -> str:
        """The same with a column that stands in front of the others of its kind, and is there if they do not fit:
        `validation_f1`, by which the best epoch is chosen."""
        measured = [name for name in ("train", "validation", "test") if getattr(self, f"{name}_loss") is not None]
        part, _, first = followed.partition("_")
        last = [part] if followed in self.parts and part in measured else measured[-1:]
        ways = ((measured, 9), (measured, 1), (last, 9), (last, 1), ((), 0))
        lines = (
            self._line(digits, of, most, first) for some in ((4, 3, 2), (1,)) for of, most in ways for digits in some
        )
        line = next((line for line in lines if len(line) <= _COLUMNS), self._line(1, (), 0))
        speed = f"  {self.examples_per_second:,.0f} examples/s"
        return line + speed if len(line + speed) <= _COLUMNS else line

    def _line(self, digits: int, of: Sequence[str], most: int, first: str = "") -> str:
        """With the accuracies of each output on the parts of the data `of`, if there are several, and with at most so
        many of the other metrics, beginning with `first`. A text has the perplexity in place of the accuracy."""
        parts = [f"epoch {self.epoch:>3}"]
        quantity, says = ("perplexity", " perplexity ") if self.quantity == "perplexity" else ("accuracy", " acc ")
        for name, word in (("train", "loss"), ("validation", "val"), ("test", "test")):
            if (loss := getattr(self, f"{name}_loss")) is not None:
                accuracy = self.figure(f"{name}_{quantity}")
                between = says if name == "train" else " "
                behind = "" if accuracy is None else between + figure_text(accuracy, digits)
                if name in of and accuracy is None:
                    start = f"{name}_accuracy/"
                    found = [(key.removeprefix(start), v) for key, v in self.parts.items() if key.startswith(start)]
                    behind = "".join(f" {label} {figure_text(value, digits)}" for label, value in found)
                if name in of:
                    own = sorted(self.own(name), key=lambda found: found[0] != first)[:most]
                    behind += "".join(f" {key} {figure_text(value, digits)}" for key, value in own)
                parts.append(f"{word} {figure_text(loss, digits)}{behind}")
        seconds = f"{self.seconds:.1f}" if self.seconds < 99.95 else f"{self.seconds:.0f}"
        return "  ".join([*parts, f"{seconds} s"])

    def own(self, part: str) -> list[tuple[str, float | None]]:
        """What the metrics of the recipe and of a program measured on a part of the data, those of classes left out."""
        found = [(key.removeprefix(f"{part}_"), v) for key, v in self.parts.items() if key.startswith(f"{part}_")]
        heads = Counter(key.partition(".")[0] for key, _ in found)
        return [
            (key, value)
            for key, value in found
            if "/" not in key and key != "perplexity" and heads[key.partition(".")[0]] == 1
        ]


COLUMNS = tuple(f.name for f in fields(Record) if f.name not in ("parts", "rates"))
"""The columns that every record has."""
RATE: Final = "learning_rate"
"""The column of the learning rate, and how those of groups begin."""


def is_rate(column: str) -> bool:
    """Whether a column holds a learning rate."""
    return column.partition("/")[0] == RATE


def columns_of(records: Sequence[Record]) -> list[str]:
    """The columns of some records: those of every one, those of several losses and metrics, and the learning rates."""
    more = (mapping for part in ("parts", "rates") for mapping in (getattr(record, part) for record in records))
    return [*COLUMNS, *dict.fromkeys(name for mapping in more for name in mapping)]


def write_records(directory: Path, records: list[Record]) -> None:
    """Write `metrics.jsonl` and `metrics.csv` atomically, so that a reader never sees a partial file.

    They are not flushed to the disk, since checkpoints contain the records, too.
    """
    rows = [record.row() for record in records]
    lines = "".join(json.dumps({k: as_json(v) for k, v in row.items()}, allow_nan=False) + "\n" for row in rows)
    write_atomically(directory / "metrics.jsonl", lines, durable=False)
    table = io.StringIO()
    writer = csv.DictWriter(table, columns_of(records), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomically(directory / "metrics.csv", table.getvalue(), durable=False)


def read_records(directory: Path) -> list[Record]:
    """The records of a run, oldest first; empty if no epoch is finished.

    Damaged lines are skipped: the checkpoints contain all records, and the next epoch or resume rewrites the file.
    """
    try:
        text = (directory / "metrics.jsonl").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [record for line in text.splitlines() if (record := _read(line)) is not None]


def as_json(value: Any) -> Any:
    """A value for JSON, which has no infinity and no NaN: None for those."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _read(line: str) -> Record | None:
    try:
        return record_of(json.loads(line))
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def record_of(row: Any) -> Record:
    """The record from plain values, as read from JSON.

    Raises:
        LookupError, TypeError, ValueError: the values are not those of a record.
    """
    values: dict[str, Any] = {name: row[name] for name in COLUMNS}
    more = {name: value for name, value in row.items() if name not in COLUMNS}
    needed = ("train_loss", "seconds", "examples_per_second")  # never None: null means that it was not finite
    values |= {name: math.nan for name in needed if values[name] is None}
    for name, value in (values | more).items():
        if type(value) is not int and (name in ("epoch", "step") or not (value is None or type(value) is float)):
            raise ValueError(f"`{name}` of a record is {value!r}")
    parts, rates = ({name: value for name, value in more.items() if is_rate(name) is rate} for rate in (False, True))
    return Record(**values, parts=parts, rates=rates)
