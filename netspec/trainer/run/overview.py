"""List and compare runs from their files. Works without torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

from netspec.compiler import load_offered
from netspec.diagnostics import NetspecError, UsageError
from netspec.layers import OWN, Offer
from netspec.recipe import tables
from netspec.trainer.run.directory import RunDirectory, find_run
from netspec.trainer.run.records import Record, as_json, figure_text, read_records
from netspec.trainer.run.trial import TrialFile
from netspec.writing import shown

_PARTS = ("train", "validation", "test")
_FIGURES = tuple(f"{part}_{quantity}" for quantity in ("loss", "accuracy") for part in _PARTS)


@dataclass(frozen=True)
class Run:
    """A run as described by its files, weights excluded."""

    path: Path
    name: str
    params: int | None
    settings: dict[str, Any]
    """The resolved recipe with flat keys: `optimizer.SGD.lr` → 0.9."""
    records: list[Record]
    finished: bool
    device: str
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    """The options of the command that affect the result: `--examples` → 6000."""
    lower: frozenset[str] = frozenset()
    """The figures of its recipe's metrics of which less is better."""
    trial: dict[str, Any] = field(default_factory=dict[str, Any])
    """Which trial of a sweep it is, and what became of it; empty for any other run."""
    best_epoch: int | None = None
    """The epoch, from 1, of the weights that it keeps as the best; None where they are those at the end."""

    @property
    def measured(self) -> Record | None:
        """What was measured with the weights that it keeps: in their epoch; None before the first."""
        last = self.records[-1] if self.records else None
        return next((record for record in self.records if record.epoch == self.best_epoch), last)

    @property
    def point(self) -> dict[str, Any]:
        """The values that a sweep gave it."""
        found = self.trial.get("point")
        return dict(cast("dict[str, Any]", found)) if isinstance(found, dict) else {}

    @property
    def seconds(self) -> float:
        """Wall time of training, in seconds."""
        return sum(record.seconds for record in self.records)

    @property
    def stopped_early(self) -> bool:
        """True if the run is finished with fewer epochs than its recipe has."""
        return self.finished and len(self.records) < int(self.settings.get("epochs", 0))

    @property
    def state(self) -> str:
        """`stopped early`, `pruned`, `diverged`, `unfinished`, or empty for a run that is finished."""
        if self.finished and self.trial.get("state") in ("pruned", "diverged"):
            return str(self.trial["state"])
        return "stopped early" if self.stopped_early else "" if self.finished else "unfinished"

    def to_dict(self) -> dict[str, Any]:
        """The run as plain values, for JSON."""
        return {
            "run": str(self.path), "name": self.name, "params": self.params, "finished": self.finished,
            "stopped_early": self.stopped_early,
            "device": self.device, "epochs": len(self.records), "seconds": self.seconds,
            "last": _plain_record(self.records[-1] if self.records else None),
            **({"best": _plain_record(self.measured)} if self.best_epoch else {}),
            "settings": self.settings, "options": self.options,
            **({"trial": self.trial} if self.trial else {}),
        }  # fmt: skip


def _plain_record(record: Record | None) -> dict[str, Any] | None:
    return None if record is None else {key: as_json(value) for key, value in asdict(record).items()}


def find_runs(paths: Sequence[Path], parent: Path, offer: Offer = OWN) -> list[Run]:
    """The runs at `paths`, or if there are none all runs in the directory `parent`, ordered by name and number; `offer`
    are the layers that their specs may name.

    Raises:
        UsageError: a path is not a run, or there is no such directory.
    """
    if paths:
        for path in paths:
            find_run(path)
        return [_read(path, offer) for path in paths]
    if not parent.is_dir():
        raise UsageError(f"there is no directory `{parent}`; `netspec train` makes one, `--in DIR` names another")
    return [_read(path, offer) for path in sorted(parent.iterdir(), key=_order) if (path / "spec.yaml").is_file()]


def _order(path: Path) -> tuple[str, int]:
    name, _, number = path.name.rpartition("-")
    return (name, int(number)) if number.isdecimal() else (path.name, 0)


def _read(path: Path, offer: Offer) -> Run:
    lower = frozenset[str]()
    try:
        net = load_offered(path / "spec.yaml", offer)
        name, params = net.name, net.params if isinstance(net.params, int) else None
        settings = dict(_flat(net.recipe.to_dict())) if net.recipe else {}
        lower = net.recipe.lower if net.recipe else lower
    except NetspecError:  # a run of an older version, or of a plugin that is not here, is still listed
        name, params, settings = path.name, None, {}
    run = RunDirectory(path)
    options = {f"--{key}": value for key in _TELLING if (value := run.options.get(key)) not in (None, [])}
    device = str(run.environment.get("device", "?"))
    trial = TrialFile(path / "trial.json").read()
    records = read_records(path)
    return Run(path, name, params, settings, records, run.finished, device, options, lower, trial, run.best_epoch)


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]  # plain values of a recipe
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))  # pyright: ignore[reportUnknownArgumentType]  # as above
    else:
        yield prefix, value


_TELLING = ("examples", "weights", "fresh")
"""The options that affect the result."""

_LIST = {
    "train": ("train_loss", "train_accuracy"),
    "val": ("validation_loss", "validation_accuracy"),
    "test": ("test_loss", "test_accuracy"),
}
_DISPENSABLE = {"examples_per_second": 32, "seconds": 32, "train_accuracy": 16, "train_loss": 16}
"""The columns that are left out if the list is too wide, in this order, and the length of a run's path up to which that
is done; longer paths get lines of their own."""


def list_text(runs: Sequence[Run], parent: Path, width: int) -> str:
    """The list of runs: one line per run under two lines of headings, without empty columns.

    Args:
        runs: the runs.
        parent: the directory that was searched.
        width: columns to fit in. Speed, time and train figures are left out if they do not fit; a path that is then
            still too long gets a line of its own.
    """
    if not runs:
        return f"no runs in {parent}"
    columns = _columns(runs)
    names = [str(run.path) for run in runs]
    longest = max(3, *(len(name) for name in names))
    kept = {str(run.settings.get("best")) for run in runs}
    others = [name for name in reversed(columns) if name in _own_columns(runs) and name not in kept]
    for name, most in (_DISPENSABLE | dict.fromkeys(sorted(others, key=_by_part), 16)).items():
        if min(longest, most) + _width(columns.values()) > width:
            columns.pop(name, None)
    first = min(longest, max(width - _width(columns.values()), 3))
    widths = [max(map(len, cells)) for cells in columns.values()]
    rows = [
        "".join(f"  {cell:>{w}}" for cell, w in zip(cells, widths, strict=True))
        for cells in zip(*columns.values(), strict=True)
    ]
    lines: list[str] = []
    for name, row in zip(("", "run", *names), rows, strict=True):
        lines += [f"{name:<{first}}{row}"] if len(name) <= first else [name, f"{'':<{first}}{row}"]
    return "\n".join(line.rstrip() for line in lines)


def _own_columns(runs: Sequence[Run]) -> set[str]:
    """The columns of the metrics of recipes."""
    return {name for run in runs if run.records for name in run.records[-1].parts}


def _by_part(name: str) -> int:
    """Figures of the training and the test data are left out before those of the validation data."""
    return ("train", "test", "validation").index(name.partition("_")[0])


def _columns(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Name of a column → its two headings and its cell for each run."""
    columns = {"epochs": ["", "epochs", *(f"{len(run.records)}/{run.settings.get('epochs', '?')}" for run in runs)]}
    columns["best_epoch"] = ["best", "epoch", *("" if run.best_epoch is None else str(run.best_epoch) for run in runs)]
    lasts = [run.measured for run in runs]
    for part, names in _LIST.items():
        for name, word in zip(names, ("loss", "acc"), strict=True):
            columns[name] = [part if word == "loss" else "", word, *(_last(last, name) for last in lasts)]
        whole = names[0].partition("_")[0]
        own = dict.fromkeys(key for last in lasts if last is not None for key, _ in last.own(whole))
        for key in own:
            columns[f"{whole}_{key}"] = ["", key, *(_last(last, f"{whole}_{key}") for last in lasts)]
    columns["seconds"] = ["", "seconds", *(f"{run.seconds:.1f}" for run in runs)]
    speeds = (f"{last.examples_per_second:,.0f}" if last else "" for last in lasts)
    columns["examples_per_second"] = ["", "examples/s", *speeds]
    columns["state"] = ["", "", *(run.state for run in runs)]
    return {name: cells for name, cells in columns.items() if any(cells[2:])}


def _last(last: Record | None, name: str) -> str:
    return "" if last is None else figure_text(last.figure(name))


def _width(columns: Iterable[Sequence[str]]) -> int:
    return sum(2 + max(map(len, cells)) for cells in columns)


def compare_text(runs: Sequence[Run], width: int, offer: Offer = OWN) -> str:
    """A table that compares runs: losses, accuracies, times, then the settings that differ.

    If runs use different optimizers (or schedulers, losses, data sets), their names are listed, and those of their
    arguments that differ from the defaults.
    """
    rows: list[tuple[str, ...]] = [("net", *(run.name for run in runs))]
    rows.append(("parameters", *("?" if run.params is None else f"{run.params:,}" for run in runs)))
    rows.append(("epochs", *(str(len(run.records)) for run in runs)))
    if any(run.best_epoch for run in runs):
        rows.append(("best epoch", *("—" if run.best_epoch is None else str(run.best_epoch) for run in runs)))
    lasts = [run.measured for run in runs if run.measured is not None]
    own = dict.fromkeys(f"{part}_{key}" for part in _PARTS for last in lasts for key, _ in last.own(part))
    for name in (*_FIGURES, *own):
        values = [None if run.measured is None else run.measured.figure(name) for run in runs]
        if any(value is not None for value in values):
            rows.append((name.replace("_", " ", 1), *(figure_text(value) for value in values)))
    rows.append(("seconds", *(f"{run.seconds:.1f}" for run in runs)))
    rows.append(("device", *(run.device for run in runs)))
    for key in sorted({key for run in runs for key in run.options}):
        values = [run.options.get(key) for run in runs]
        if len(set(map(json.dumps, values))) > 1:
            rows.append((key, *map(_plain, values)))
    rows += [(f"train.{key}", *map(_plain, values)) for key, values in differing(runs, offer)]
    room = max(8, (width - max(len(row[0]) for row in rows)) // len(runs) - 2)
    heads = ("", *(_tail(str(run.path), room) for run in runs))
    return _table([heads, *((row[0], *(_clip(cell, room) for cell in row[1:])) for row in rows)])


def differing(runs: Sequence[Run], offer: Offer = OWN) -> Iterator[tuple[str, list[Any]]]:
    """The settings that differ, sorted by key, with the value of each run. Null and absent are equal."""
    found: dict[str, list[Any]] = {}
    left_out: set[str] = set()
    for section, kind in tables.tables_of(offer).calls.items():
        names = [_named(run, section) for run in runs]
        if len(set(names)) > 1:
            left_out.add(section)
            found[section] = list(names)
            for argument in _unusual(runs, section, names, kind):
                keys = (f"{section}.{name}.{argument}" for name in names)
                found[f"{section}.{argument}"] = [run.settings.get(key) for run, key in zip(runs, keys, strict=True)]
    for key in {key for run in runs for key in run.settings}:
        if key.partition(".")[0] not in left_out:
            found[key] = [run.settings.get(key) for run in runs]
    return ((key, values) for key, values in sorted(found.items()) if len(set(map(json.dumps, values))) > 1)


def _named(run: Run, section: str) -> str | None:
    """The class that a run's recipe names in a section such as `optimizer`; None if there is none."""
    return next((key.split(".")[1] for key in run.settings if key.startswith(f"{section}.")), None)


def _unusual(runs: Sequence[Run], section: str, names: Sequence[str | None], kind: tables.Kind) -> set[str]:
    """The arguments that differ from their default in at least one run."""
    found: set[str] = set()
    for run, name in zip(runs, names, strict=True):
        fields = kind.load(name).model_fields if name is not None and name in kind.names else {}
        for argument, info in fields.items():
            default = json.loads(json.dumps(info.get_default(call_default_factory=True), default=str))
            if run.settings.get(f"{section}.{name}.{argument}") != default:
                found.add(argument)
    return found


def _plain(value: Any) -> str:
    return "—" if value is None else value if isinstance(value, str) else shown(value)


def _clip(text: str, room: int) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"


def _tail(text: str, room: int) -> str:
    """The end of a path, which contains the run's number, cut to `room` characters."""
    return text if len(text) <= room else "…" + text[1 - room :]


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
