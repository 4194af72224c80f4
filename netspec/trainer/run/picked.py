"""Runs by what they are and what became of them: the value of a key, the runs in its order, those that meet a
condition, what differs between them. Works without torch."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from netspec.diagnostics import UsageError, did_you_mean
from netspec.layers import OWN, Offer
from netspec.space.axes import label, value_text
from netspec.space.measure import PARTS, direction_of
from netspec.trainer.run.overview import Run, differing
from netspec.trainer.run.records import COLUMNS, Record, figure_text, is_rate

_OWN: Final[Mapping[str, Callable[[Run], Any]]] = {
    "params": lambda run: run.params,
    "epochs": lambda run: len(run.records),
    "seconds": lambda run: run.seconds,
    "name": lambda run: run.name,
    "trial": lambda run: run.trial.get("trial"),
    "state": lambda run: run.trial.get("state") or run.state or "finished",
}
"""Keys of a run that are neither of its records, nor of its recipe, nor of a sweep."""
_CONDITION: Final = re.compile(r"\s*([\w./]+)\s*(<=|>=|!=|==|=|<|>)\s*([^\s<>=!].*?)\s*")
_COMPARED: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "=": lambda a, b: a == b, "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip
_DEFAULT: Final = ("validation_accuracy", "validation_loss", "test_accuracy", "test_loss", "train_loss")


def value_of(run: Run, key: str) -> Any:
    """What a run has under a key: a column of the record of the weights that it keeps, a value that a sweep gave
    it, a key of its recipe with or without `train.` in front, or `params`, `epochs`, `seconds`, `name`, `trial`,
    `state`. Of a column the part of the data may be left out, `mcc` for `validation_mcc`. None if nothing."""
    if key in _OWN:
        return _OWN[key](run)
    row = run.measured
    if row is not None and (figure := row.figure(key)) is not None:
        return figure
    if key in run.point:
        return run.point[key]
    plain = key.removeprefix("train.")
    if plain in run.settings:
        return run.settings[plain]
    if row is not None and (column := _column(row, key)) is not None:
        return row.figure(column)
    ends = [name for name in (*run.point, *run.settings) if name.rpartition(".")[2] == key]
    found = {**run.settings, **run.point}
    return found[ends[0]] if ends else None


def _column(row: Record, key: str) -> str | None:
    """The column of a record that a key names without the part of the data: of validation data, or the only
    one. None if there is none, or one of several parts."""
    found = [name for part in PARTS if row.figure(name := f"{part}_{key}") is not None]
    return found[0] if found and (len(found) == 1 or found[0].startswith("validation_")) else None


def _whole(runs: Sequence[Run], key: str) -> str:
    """The column that a key names in the runs, or the key itself."""
    if any(key in run.settings or key in run.point for run in runs):
        return key
    return next((name for run in runs if run.records and (name := _column(run.records[-1], key)) is not None), key)


def lower_of(runs: Sequence[Run]) -> frozenset[str]:
    """The figures of the metrics of some runs of which less is better."""
    return frozenset(name for run in runs for name in run.lower)


def keys_of_runs(runs: Sequence[Run]) -> list[str]:
    """Every key under which one of the runs has something."""
    found: dict[str, None] = dict.fromkeys(_OWN)
    for run in runs:
        found |= dict.fromkeys(run.records[-1].row() if run.records else ())
        found |= dict.fromkeys((*run.point, *(f"train.{key}" for key in run.settings)))
        found |= dict.fromkeys(key.rpartition(".")[2] for key in run.settings)
    return list(found)


def need_key(runs: Sequence[Run], key: str, of: str) -> None:
    """Refuse a key under which no run has anything.

    Raises:
        UsageError: it is one.
    """
    if runs and all(value_of(run, key) is None for run in runs):
        near = did_you_mean(key, keys_of_runs(runs))
        known = ", ".join([*_OWN, *(c for c in COLUMNS if any(value_of(run, c) is not None for run in runs))])
        raise UsageError(
            f"{of}: no run has a `{key}`; "
            + (f"did you mean `{near}`?" if near else f"they have {known}, and settings")
        )


def sorted_runs(runs: Sequence[Run], key: str, *, reverse: bool = False) -> list[Run]:
    """The runs in the order of a key: the best first of a metric, the least first of anything else. Those that have
    nothing under it stand at the end."""
    need_key(runs, key, f"--sort {key}")
    key = key if any(run.records and run.records[-1].figure(key) is not None for run in runs) else _whole(runs, key)
    is_figure = any(run.records and run.records[-1].figure(key) is not None for run in runs)
    falling = (is_figure and key in _figures(runs) and direction_of(key, lower_of(runs)) == "maximize") != reverse
    known = [run for run in runs if _is_comparable(value_of(run, key))]
    numbers = all(isinstance(value_of(run, key), int | float) for run in known)
    found = sorted(
        known, key=lambda run: value_of(run, key) if numbers else str(label(value_of(run, key))), reverse=falling
    )
    return [*found, *(run for run in runs if run not in known)]


def _figures(runs: Sequence[Run]) -> set[str]:
    """The columns of records that are measured by quality."""
    counted = {"epoch", "step", "seconds", "examples_per_second"}
    names = {name for run in runs if run.records for name in run.records[-1].row()}
    return {name for name in names - counted if not is_rate(name)}


def _is_comparable(value: Any) -> bool:
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def picked(runs: Sequence[Run], conditions: Sequence[str]) -> list[Run]:
    """The runs that meet all conditions, each a key, a comparison and a value: `params<100000`, `optimizer.lr >= 0.1`.

    Raises:
        UsageError: one is of another form, or of a key that no run has.
    """
    found = list(runs)
    for condition in conditions:
        match = _CONDITION.fullmatch(condition)
        if match is None:
            raise UsageError(
                f"--where '{condition}': this is no condition, which is a key, a comparison (<, <=, >, >=, ==, !=) and "
                "a value, as in --where 'params<100000' or --where 'optimizer.SGD.lr==0.1'"
            )
        key, sign, text = match.groups()
        need_key(runs, key, f"--where '{condition}'")
        found = [run for run in found if _meets(value_of(run, key), sign, text, condition)]
    return found


def _meets(value: Any, sign: str, text: str, condition: str) -> bool:
    if value is None:
        return False
    if isinstance(value, bool) or not isinstance(value, int | float):
        words = {True: "true", False: "false"}.get(value) if isinstance(value, bool) else str(label(value))
        return _COMPARED[sign](words, text)
    try:
        number = float(text.replace("_", ""))
    except ValueError:
        raise UsageError(
            f"--where '{condition}': `{text}` is no number, and a run has {value_text(value)} there"
        ) from None
    return _COMPARED[sign](value, number)


def differences(runs: Sequence[Run], offer: Offer = OWN) -> dict[str, list[Any]]:
    """What differs between runs: each key with the value of each run. What a sweep went over comes first."""
    swept = list(dict.fromkeys(key for run in runs for key in run.point))
    found = {key: [run.point.get(key) for run in runs] for key in swept}
    for key, values in differing(runs, offer):
        found.setdefault(f"train.{key}", values)
    return {key: values for key, values in found.items() if len({json.dumps(v, default=str) for v in values}) > 1}


def metric_of(runs: Sequence[Run]) -> str:
    """The metric by which runs are held against each other: that of their sweep, else the first that they have."""
    swept = next((run.trial["metric"] for run in runs if isinstance(run.trial.get("metric"), str)), None)
    if swept is not None:
        return swept
    return next((name for name in _DEFAULT if any(value_of(run, name) is not None for run in runs)), "train_loss")


def differing_text(runs: Sequence[Run], width: int, offer: Offer = OWN) -> str:
    """The runs, one a line: the metric, the parameters, and what differs between them, as many columns as fit."""
    metric, found = metric_of(runs), differences(runs, offer)
    columns = [["run", *(run.path.name for run in runs)], [metric, *(_cell(value_of(run, metric)) for run in runs)]]
    if len({run.params for run in runs}) > 1:
        columns.append(["params", *("?" if run.params is None else f"{run.params:,}" for run in runs)])
    for key, values in found.items():
        columns.append([_short(key, found), *(_cell(value) for value in values)])
    if any(run.state for run in runs):
        columns.insert(2, ["", *(run.state for run in runs)])
    widths = [max(map(len, column)) for column in columns]
    left = 0
    while len(columns) - left > 2 and sum(widths[: len(columns) - left]) + 2 * (len(columns) - left - 1) > width:
        left += 1
    shown = columns[: len(columns) - left]
    rows = zip(*shown, strict=True)
    lines = [
        "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=False)))
        for row in rows
    ]
    if left:
        lines.append(f"and by {', '.join(column[0] for column in columns[len(columns) - left :])}, in a wider terminal")
    return "\n".join(line.rstrip() for line in lines)


def _cell(value: Any) -> str:
    text = figure_text(value) if isinstance(value, float) and 1e-3 <= abs(value) < 1e5 else value_text(value)
    return "—" if value is None else text if len(text) <= 20 else text[:19] + "…"


def _short(key: str, among: Mapping[str, Any]) -> str:
    last = key.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in among) == 1 else key
