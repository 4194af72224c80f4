"""Resume a run from its newest usable checkpoint; with `--force`, also with another spec or other data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from netspec.asked import option
from netspec.recipe.resolved import Recipe
from netspec.trainer.errors import AnotherRun
from netspec.trainer.loop.agreement import newest_agreed
from netspec.trainer.loop.state import restore
from netspec.trainer.run.checkpoint import Checkpoint, best_of, point, pointed
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.plugins import plugin_notes
from netspec.trainer.run.progress import Progress
from netspec.trainer.run.records import read_records, write_records
from netspec.trainer.run.sameness import differences
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.reporters import Reporter
from netspec.trainer.step.drivers import GONE, driver_names
from netspec.views.describe import plural

Change = Callable[[], Callable[[], None]]
"""Updates the files that describe a run (spec, options). Returns a function that undoes it."""


def resumed(
    trainer: Trainer,
    directory: RunDirectory,
    who: Mapping[str, Any],
    facts: Mapping[str, Any],
    force: bool,
    reporter: Reporter,
) -> tuple[Progress, Change | None]:
    """Restore the trainer from the newest usable checkpoint of a run.

    The files that describe the run are not changed yet, even with `force`: they change together with the next
    checkpoint, so that checkpoint and description always match.

    Args:
        trainer: the trainer, assembled by the current spec and options.
        directory: the run directory.
        who: the identity of the current run, see `run/sameness.py`.
        facts: the current contents of `environment.json`.
        force: resume even if the identity differs.
        reporter: shows the differences.

    Returns:
        The progress of the run, and the change to apply with its next checkpoint, None for no change.

    Raises:
        UsageError: the identity differs without `force`, or the state does not fit the trainer.
        ResourceError: no checkpoint can be used.
    """
    place = trainer.world
    notes: list[str] = []

    def use(found: Checkpoint) -> tuple[Progress, bool]:
        notes.clear()
        other = differences(found.state["identity"], who)
        if other and not force:
            raise AnotherRun(directory.path, other)
        notes.extend(_of_another_machine(found.state["versions"], facts))
        return restore(trainer, found, notes.append, directory.path), bool(other)

    at, (progress, changed) = newest_agreed(place, directory.checkpoints, reporter.note, use)
    notes += _of_a_driver_that_is_gone(directory.options, facts["options"])
    for note in (*notes, *plugin_notes(directory, trainer.net.plugins)):
        reporter.note(note)
    if place.first:
        _bring_up_to(directory, at, progress)
    step = progress.step
    if force:
        progress.stopped = None
    if changed:
        return progress, lambda: directory.supersede_sources(trainer.net, facts, step, trainer.data.kept)
    if directory.options != facts["options"]:
        return progress, lambda: directory.note_options(facts["options"])
    return progress, None


def _bring_up_to(directory: RunDirectory, at: Path, progress: Progress) -> None:
    """Make the records and what names the latest and the best checkpoint those of the checkpoint that the run goes on
    from: it may have ended before they were, or with one after it that is damaged."""
    if read_records(directory.path) != progress.records:
        write_records(directory.path, progress.records)
    best = best_of(directory.checkpoints, progress.best_epoch, progress.records)
    for name, path in (("latest", at), ("best", best)):
        if path is not None and pointed(directory.checkpoints, name) != path:
            point(directory.checkpoints, name, path)


def _of_another_machine(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Notes about differences of the environment, with which the result is not bit-identical."""
    return [
        f"note: {key} was {then.get(key)} and is {now[key]}: the result will not be equal to the bit"
        for key in ("versions", "device", "precision", "threads")
        if then.get(key) != now[key]
    ]


def _of_a_driver_that_is_gone(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """A note if the run was started with a driver that no longer exists, with the one in its place."""
    driver = then.get("driver")
    if driver not in GONE or driver in driver_names():
        return []
    return [
        f"note: the run was started with {option('driver', driver)}, which is gone: it goes on with "
        f"{option('driver', now['driver'])}"
    ]


def finished(directory: RunDirectory, progress: Progress, recipe: Recipe) -> str:
    """The message that a run is finished, why, and how to train it further."""
    done, early = len(progress.records), len(progress.records) < recipe.epochs
    how = f"early, after {done} of {plural(recipe.epochs, 'epoch')}" if early else f"after {plural(done, 'epoch')}"
    change = "train.early_stopping=null" if early else "train.epochs=N"
    further = directory.resumed_by(set=change, force=True)
    if progress.stopped is not None:
        how, further = f"{how}, by the callback {progress.stopped}", directory.resumed_by(force=True)
    return f"{directory.path} is finished: it ended {how}. This trains it further: `{further}`"
