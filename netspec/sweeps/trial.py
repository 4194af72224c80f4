"""One trial: its network is trained in the run directory that belongs to it, or goes on there where it was killed."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.space.axes import Point
from netspec.space.measure import Measure
from netspec.trainer.errors import NonFinite
from netspec.trainer.jobs.training import train
from netspec.trainer.loop.callbacks import Callback, Event
from netspec.trainer.run.checkpoint import checkpoints
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.lock import locked
from netspec.trainer.run.records import Record, read_records
from netspec.trainer.run.trial import TrialFile
from netspec.trainer.show.reporters import Quiet

_LOOKS: Final = 0.5
"""Seconds between two looks at a run that another process still holds."""


class Gone(Exception):
    """The trial of this process was given to another one, since nothing was heard of it for too long."""


class Outcome(NamedTuple):
    """What became of a training."""

    value: float | None
    """Of the metric after the last epoch; None for one that is not finite."""
    pruned: bool
    records: list[Record]


class Watch(Callback):
    """Tells a sweep how a trial does after each epoch, and whether it may go on.

    Args:
        measure: what is looked at.
        note: takes an epoch and its value; True ends the trial there.
        gone: whether the trial was given to another process.
        file: where it is noted which trial the run is, and that it was ended.
        known: which trial it is.
    """

    def __init__(
        self,
        measure: Measure,
        note: Callable[[int, float], bool],
        gone: Callable[[], bool],
        file: TrialFile,
        known: Mapping[str, Any],
    ) -> None:
        self._measure, self._note, self._gone, self._file, self._known = measure, note, gone, file, known

    def after_epoch(self, event: Event) -> str | None:
        """Note the value; a text where the trial is to end.

        Raises:
            Gone: it is another process's now; the run stops with a checkpoint, from which that one goes on.
        """
        if not self._file.path.is_file():
            self._file.update(**self._known)
        if self._gone():
            raise Gone
        value = None if event.record is None else event.record.figure(self._measure.column)
        if value is None:
            raise UsageError(f"a run of this recipe measures no `{self._measure.column}`")
        if self._note(event.epoch, value):
            self._file.update(pruned=event.epoch)
            return f"pruned after epoch {event.epoch}"
        return None


def carried_out(
    net: Net,
    path: Path,
    point: Point,
    measure: Measure,
    options: Mapping[str, Any],
    *,
    study: str,
    number: int,
    note: Callable[[int, float], bool],
    gone: Callable[[], bool] = lambda: False,
) -> Outcome:
    """Train a trial to its end, from its last checkpoint where it has one.

    Args:
        net: the network of the point.
        path: the run directory.
        point: the value of each key.
        measure: what is looked at.
        options: those of `netspec.train`.
        study: the name of the sweep.
        number: that of the trial.
        note: takes an epoch and its value; True ends the trial there.
        gone: whether the trial was given to another process, which is asked after every epoch.

    Raises:
        NetspecError: whatever ends a training: a signal, a full disk, missing data.
    """
    _wait_until_free(path)
    resumes = _is_begun(path)
    if not resumes and path.is_dir():
        shutil.rmtree(path)  # killed before its first checkpoint: nothing of it is of use
    path.parent.mkdir(parents=True, exist_ok=True)
    file = TrialFile(path / "trial.json")
    known = {"study": study, "trial": number, "point": dict(point), "metric": measure.column}
    known["direction"] = measure.direction
    if resumes:
        file.update(**known)
    where: dict[str, Any] = {"resume" if resumes else "run": path}
    watch = Watch(measure, note, gone, file, known)
    own: Any = options.get("callbacks")
    more: list[Any] = list(cast("list[Any]", own)) if isinstance(own, list | tuple) else [own] * (own is not None)
    told: dict[str, Any] = {"report": False, "reporter": Quiet(), **options, "callbacks": [watch, *more]}
    try:
        result = train(net, **where, **told)
    except NonFinite:
        file.update(state="diverged")
        return Outcome(None, False, [])
    last = result.records[-1].figure(measure.column) if result.records else None
    pruned = file.pruned is not None and file.pruned == result.records[-1].epoch
    if last is None:
        raise UsageError(f"a run of this recipe measures no `{measure.column}`")
    value = last if math.isfinite(last) else None
    file.update(state="diverged" if value is None else "pruned" if pruned else "finished", value=value)
    return Outcome(value, pruned, result.records)


def _is_begun(path: Path) -> bool:
    """Whether a run has a checkpoint to go on from, and all that belongs to it."""
    return RunDirectory(path).spec.is_file() and bool(checkpoints(path / "checkpoints"))


def _wait_until_free(path: Path) -> None:
    """Wait while a process that was thought to be gone still trains the run."""
    while True:
        with suppress(UsageError), locked(path):
            return
        time.sleep(_LOOKS)


def known_records(path: Path) -> list[Record]:
    """The epochs that a run has already."""
    return read_records(path) if RunDirectory(path).spec.is_file() else []
