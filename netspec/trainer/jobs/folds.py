"""Cross-validation: a run for each share of the training set that is held out, and their figures together."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from netspec.asked import option
from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.recipe.resolved import Recipe, best_metric
from netspec.trainer.errors import AnotherRun
from netspec.trainer.jobs.training import train
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.run.checkpoint import clear_orphans
from netspec.trainer.run.directory import RunDirectory, create_run
from netspec.trainer.run.records import Record, figure_text
from netspec.trainer.run.result import RunResult
from netspec.trainer.setup.lacking import without_recipe

_NAME = "fold-{}"
_TABLE = "folds.csv"


@dataclass(frozen=True)
class FoldsResult:
    """The runs of a cross-validation."""

    run: Path
    """The directory that holds them: `fold-1`, `fold-2` …; `folds.csv` has the figures of each."""
    folds: list[RunResult] = field(repr=False)
    """One for each share that is held out, in their order."""

    @property
    def figures(self) -> dict[str, tuple[float, float]]:
        """The mean over the folds, and the standard deviation with n − 1, of each figure after the last epoch that is
        measured on validation or test data; NaN for the deviation of figures that are not finite."""
        lasts = [fold.records[-1] for fold in self.folds]
        found: dict[str, tuple[float, float]] = {}
        for name in _measured(lasts):
            values = [value for last in lasts if (value := last.figure(name)) is not None]
            if len(values) == len(lasts):
                found[name] = mean(values), stdev(values) if all(map(math.isfinite, values)) else math.nan
        return found

    @property
    def text(self) -> str:
        """The figures, a line each: `validation accuracy  0.8312 ± 0.0093`."""
        rows = [(name.replace("_", " ", 1), values) for name, values in self.figures.items()]
        wide = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{wide}}  {figure_text(m)} ± {figure_text(d)}" for name, (m, d) in rows)


def cross_validate(
    net: Net, *, folds: int = 5, run: str | Path | None = None, quiet: bool = False, **options: Any
) -> FoldsResult:
    """Train a net once for each fold: its training set is divided into equal shares, of which one is held out for
    validation, stratified where targets are classes. Folds that are finished in `run` are left as they are, and one
    that was interrupted goes on, so that the same call completes what an earlier one began.

    Args:
        net: the net, with a recipe.
        folds: how many, at least 2.
        run: the directory of the runs; `runs/NAME-N` if None.
        quiet: show nothing but warnings.
        options: as of `netspec.train`, but for `resume` and `auto_resume`.

    Returns:
        The results, and their figures together.

    Raises:
        UsageError: there are too few folds, or the data have validation data of their own; or `run` holds folds of
            another training, with other data or another recipe.

    >>> net = netspec.loads(
    ...     "{input: [8], layers: [Linear: 4], train: {data: synthetic, batch_size: 64,"
    ...     " epochs: 2, optimizer: SGD, loss: CrossEntropyLoss}}"
    ... )
    >>> result = netspec.cross_validate(net, folds=3, run=folder / "folds", quiet=True)
    >>> [fold.run.name for fold in result.folds]
    ['fold-1', 'fold-2', 'fold-3']
    >>> sorted(result.figures)
    ['test_accuracy', 'test_loss', 'validation_accuracy', 'validation_loss']
    """
    nets = [replace(net, recipe=_with_fold(net, fold, folds)) for fold in range(1, folds + 1)]
    place = Path(run) if run is not None else create_run(net.name).path
    if place.exists() and not place.is_dir():
        raise UsageError(f"`{place}` is a file; name a directory for the folds")
    there = _checked(place, folds)
    results: dict[int, RunResult] = {}
    for number in sorted(range(1, folds + 1), key=lambda number: number not in there):  # what differs is told at once
        at = place / _NAME.format(number)
        try:
            results[number] = train(nets[number - 1], run=at, auto_resume=True, quiet=quiet, **options)
        except AnotherRun as other:
            raise UsageError(
                f"`{other.path}` is a fold of another training:\n{other.listed}\n"
                f"train the folds with what they began with, or in another directory, by {option('run')}"
            ) from None
    found = FoldsResult(place, [results[number] for number in sorted(results)])
    write_atomically(place / _TABLE, _table(found), durable=False)
    return found


def _checked(place: Path, folds: int) -> set[int]:
    """The folds that there are in a directory; their figures together are taken away unless all are finished.

    Raises:
        UsageError: there are more than `folds`.
    """
    runs = {number: place / _NAME.format(number) for number in range(1, folds + 1)}
    there = {number for number, path in runs.items() if (path / "spec.yaml").is_file()}
    more = place / _NAME.format(folds + 1)
    if (more / "spec.yaml").is_file():
        raise UsageError(
            f"`{place}` holds more folds than {option('folds', folds)}, such as `{more.name}`; train in another "
            f"directory, by {option('run')}, or as many folds as it began with"
        )
    clear_orphans(place)
    if len(there) < folds or not all(RunDirectory(path).finished for path in runs.values()):
        (place / _TABLE).unlink(missing_ok=True)
    return there


def _with_fold(net: Net, fold: int, folds: int) -> Recipe:
    recipe = net.recipe
    if recipe is None:
        raise without_recipe(net)
    if folds < 2:
        raise UsageError(f"{folds} folds are none: the least is 2, of which each is held out once")
    if recipe.data.has_validation:
        raise UsageError(
            f"`{recipe.data.name()}` names validation data of its own, and folds are shares of the training set; leave "
            "`validation` of the data out"
        )
    if recipe.data.next_token:
        raise UsageError(f"`{recipe.data.name()}` holds out its last part, and has no folds")
    recipe = recipe._replace(validation=1 / folds, fold=fold)
    best = recipe.best or best_metric(recipe)
    stopping = recipe.early_stopping
    if stopping is not None and stopping.metric is None:
        stopping = stopping.model_copy(update={"metric": best})
    return recipe._replace(best=best, early_stopping=stopping)


def _measured(records: Sequence[Record]) -> list[str]:
    names = dict.fromkeys(name for record in records for name in record.row())
    return [name for name in names if name.startswith(("validation_", "test_"))]


def _table(found: FoldsResult) -> str:
    """The figures of each fold, and below them mean and standard deviation."""
    names = list(found.figures)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["fold", *names])
    for number, fold in enumerate(found.folds, 1):
        writer.writerow([number, *(fold.records[-1].figure(name) for name in names)])
    for place, word in enumerate(("mean", "deviation")):
        writer.writerow([word, *(found.figures[name][place] for name in names)])
    return table.getvalue()
