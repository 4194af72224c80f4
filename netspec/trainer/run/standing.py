"""Where a call of `train` begins: in a new run directory, or where a run stands."""

from __future__ import annotations

from pathlib import Path

from netspec.asked import option
from netspec.diagnostics import UsageError
from netspec.trainer.run.directory import RunDirectory


def beginning(run: str | Path | None, resume: str | Path | None, *, auto: bool) -> tuple[Path | None, Path | None]:
    """The new run directory, and the run to go on with; at most one of them is not None.

    Args:
        run: the new run directory that is asked for.
        resume: the run that is to be gone on with.
        auto: go on with `run` if it has a checkpoint, and begin in it otherwise.

    Raises:
        UsageError: the three do not go together.
    """
    new, old = (None if place is None else Path(place) for place in (run, resume))
    if not auto:
        return new, old
    asked = option("auto_resume", True)
    if old is not None:
        raise UsageError(f"{asked} goes on with the run that {option('run')} names; leave out {option('resume')}")
    if new is None:
        raise UsageError(f"{asked} needs {option('run')}: the directory in which the run begins, and later goes on")
    return (None, new) if RunDirectory(new).begun else (new, None)
