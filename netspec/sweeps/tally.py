"""What became of the trials of a sweep: how many finished, were pruned, were rejected and why; the best of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netspec.diagnostics import Code, NetspecError
from netspec.space.axes import short, told, value_text
from netspec.space.measure import Measure


@dataclass(frozen=True)
class Trial:
    """A trial that has finished."""

    number: int
    point: Mapping[str, Any]
    """The value of each key that the sweep goes over."""
    value: float
    """Of the metric after the last epoch."""
    run: Path
    """The run directory."""


@dataclass(frozen=True)
class Tally:
    """What became of the trials of a sweep so far, those of other processes included."""

    measure: Measure
    finished: Sequence[Trial]
    """The valid trials that have finished, in the order of their numbers."""
    rejected: Mapping[str, int] = field(default_factory=dict[str, int])
    """How many points were rejected for each reason: the code of the first error, or the limit that is exceeded."""
    examples: Mapping[str, str] = field(default_factory=dict[str, str])
    """For each of these reasons a point that was rejected, and what was said of it."""
    pruned: int = 0
    """Valid trials that were ended before their last epoch."""
    diverged: int = 0
    """Valid trials whose loss was not finite."""
    failed: int = 0
    """Valid trials that were killed more often than they are tried again."""
    repeated: int = 0
    """Points that were drawn again."""

    @property
    def best(self) -> Trial | None:
        """The best of the finished trials; of equal ones the first."""
        better = self.ranked
        return better[0] if better else None

    @property
    def ranked(self) -> list[Trial]:
        """The finished trials, the best first."""
        sign = -1 if self.measure.direction == "maximize" else 1
        return sorted(self.finished, key=lambda trial: (sign * trial.value, trial.number))


class NoValidTrial(NetspecError):
    """All points of a sweep that were tried were rejected. `tally` has the reasons."""

    exit_status = 1
    code: Code = "no-valid-trial"

    def __init__(self, tally: Tally, *, all: bool) -> None:
        self.tally = tally
        count = sum(tally.rejected.values())
        super().__init__(
            (f"all {count} points of the space are rejected" if all else f"{count} points were tried, all rejected")
            + "".join(f"\n{line}" for line in reasons(tally.rejected, tally.examples))
        )


def reasons(rejected: Mapping[str, int], examples: Mapping[str, str]) -> list[str]:
    """Why points were rejected: how often, the reason, and below it one of them."""
    lines: list[str] = []
    for code, count in Counter(dict(rejected)).most_common():
        lines.append(f"{count:7,}  {code}")
        if (example := examples.get(code)) is not None:
            lines.append(f"         {example}")
    return lines


def counted(tally: Tally) -> str:
    """The counts on one line."""
    numbers = {
        "finished": len(tally.finished), "pruned": tally.pruned, "diverged": tally.diverged, "failed": tally.failed,
        "rejected": sum(tally.rejected.values()), "repeated": tally.repeated,
    }  # fmt: skip
    return ", ".join(f"{count:,} {word}" for word, count in numbers.items() if count or word == "finished")


_BEST = 5


def summary(tally: Tally, width: int) -> str:
    """The best trials as a table, the counts, and why points were rejected."""
    lines = [counted(tally)]
    if tally.rejected:
        lines += [
            "rejected, without building anything:",
            *(_cut(line, width) for line in reasons(tally.rejected, tally.examples)),
        ]
    if tally.finished:
        lines += ["", *table(tally.ranked[:_BEST], tally.measure, width)]
    return "\n".join(lines)


def table(trials: Sequence[Trial], measure: Measure, width: int) -> list[str]:
    """Trials, one a line: metric and point; as many columns as fit. The run stands at the end."""
    keys = list(trials[0].point)
    rows = [["trial", measure.column, *(short(key, trials[0].point) for key in keys)]]
    rows += [
        [str(trial.number), value_text(trial.value), *(_clip(value_text(trial.point[key])) for key in keys)]
        for trial in trials
    ]
    while len(rows[0]) > 2 and sum(max(map(len, column)) + 2 for column in zip(*rows, strict=True)) - 2 > width:
        rows = [row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows]
    return [*lines, f"the best run: {trials[0].run}"]


def line(number: int, point: Mapping[str, Any], what: str, width: int) -> str:
    """What became of a trial, on one line."""
    return _cut(f"trial {number:>3}  {what}  {told(point)}", width)


_MOST = 24


def _clip(text: str) -> str:
    return text if len(text) <= _MOST else text[: _MOST - 1] + "…"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
