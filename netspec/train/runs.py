"""Listing and comparing runs, from their files alone; no torch here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from netspec.compiler import load
from netspec.diagnostics import NetspecError, UsageError
from netspec.train.records import Record, read_records
from netspec.train.run import open_run

_FIGURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "test_loss", "test_accuracy")


@dataclass(frozen=True)
class Run:
    """What is known of a run without opening its weights."""

    path: Path
    name: str
    params: int | None
    settings: dict[str, Any]
    """The resolved recipe, flat: `optimizer.SGD.lr` → 0.9."""
    records: list[Record]
    finished: bool
    device: str

    @property
    def seconds(self) -> float:
        """Wall time of training."""
        return sum(record.seconds for record in self.records)

    def to_dict(self) -> dict[str, Any]:
        """In plain values."""
        return {
            "run": str(self.path), "name": self.name, "params": self.params, "finished": self.finished,
            "device": self.device, "epochs": len(self.records), "seconds": self.seconds,
            "last": asdict(self.records[-1]) if self.records else None, "settings": self.settings,
        }  # fmt: skip


def find_runs(paths: Sequence[Path], parent: Path) -> list[Run]:
    """The runs that are named, or all in a directory, in the order of their numbers.

    Raises:
        UsageError: a path is no run, or there is no such directory.
    """
    if paths:
        for path in paths:
            open_run(path)
        return [_read(path) for path in paths]
    if not parent.is_dir():
        raise UsageError(f"there is no directory `{parent}`; `netspec train` makes one, `--in DIR` names another")
    return [_read(path) for path in sorted(parent.iterdir(), key=_order) if (path / "spec.yaml").is_file()]


def _order(path: Path) -> tuple[str, int]:
    name, _, number = path.name.rpartition("-")
    return (name, int(number)) if number.isdecimal() else (path.name, 0)


def _read(path: Path) -> Run:
    try:
        net = load(path / "spec.yaml")
        name, params = net.name, net.params if isinstance(net.params, int) else None
        settings = dict(_flat(net.recipe.to_dict())) if net.recipe else {}
    except NetspecError:  # a run of an older version is still listed
        name, params, settings = path.name, None, {}
    try:
        device = str(json.loads((path / "environment.json").read_text(encoding="utf-8"))["device"])
    except (OSError, ValueError, KeyError, TypeError):
        device = "?"
    return Run(path, name, params, settings, read_records(path), (path / "model.safetensors").is_file(), device)


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():  # pyright: ignore[reportUnknownVariableType]  # plain values of a recipe
            yield from _flat(inner, f"{prefix}.{key}" if prefix else str(key))  # pyright: ignore[reportUnknownArgumentType]  # as above
    else:
        yield prefix, value


def list_text(runs: Sequence[Run], parent: Path) -> str:
    """One line per run."""
    if not runs:
        return f"no runs in {parent}"
    rows: list[tuple[str, ...]] = [
        ("run", "epochs", "train loss", "train acc", "test loss", "test acc", "seconds", "examples/s", "")
    ]
    for run in runs:
        last = run.records[-1] if run.records else None
        figures = ("train_loss", "train_accuracy", "test_loss", "test_accuracy")
        cells = [_number(getattr(last, name)) if last else "" for name in figures]
        speed = f"{last.examples_per_second:,.0f}" if last else ""
        planned = run.settings.get("epochs")
        rows.append(
            (str(run.path), f"{len(run.records)}/{planned}", *cells, f"{run.seconds:.1f}", speed,
             "" if run.finished else "unfinished")
        )  # fmt: skip
    return _table(rows)


def compare_text(runs: Sequence[Run], width: int) -> str:
    """Figures side by side, then the settings that differ."""
    rows: list[tuple[str, ...]] = [("", *(str(run.path) for run in runs))]
    rows.append(("net", *(run.name for run in runs)))
    rows.append(("parameters", *("?" if run.params is None else f"{run.params:,}" for run in runs)))
    rows.append(("epochs", *(str(len(run.records)) for run in runs)))
    for name in _FIGURES:
        values = [getattr(run.records[-1], name) if run.records else None for run in runs]
        if any(value is not None for value in values):
            rows.append((name.replace("_", " "), *(_number(value) for value in values)))
    rows.append(("seconds", *(f"{run.seconds:.1f}" for run in runs)))
    rows.append(("device", *(run.device for run in runs)))
    keys = sorted({key for run in runs for key in run.settings})
    different = [key for key in keys if len({json.dumps(run.settings.get(key, "—")) for run in runs}) > 1]
    rows += [(f"train.{key}", *(_clip(run.settings.get(key, "—"), width) for run in runs)) for key in different]
    return _table(rows)


def _clip(value: Any, width: int) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= width // 3 else text[: width // 3 - 1] + "…"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)
