"""What the processes of a run must agree on before they train: where it stands, what it trains, its checkpoint.

Each process reads the files of the run by itself. On machines that do not share them, or see them late, the processes
would go on from different steps without noticing; so they compare what they have found.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from netspec.diagnostics import ResourceError, UsageError
from netspec.trainer.errors import Interrupted
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.machine.processes import World
from netspec.trainer.run.checkpoint import (
    Checkpoint,
    Damaged,
    applied,
    checkpoints,
    newest_used,
    read_checkpoint,
)
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.sameness import differences

T = TypeVar("T")

_SHARE = "the run directory must be one that all machines share and see alike"


def agree_on_place(world: World, run: str | Path | None, resume: str | Path | None) -> None:
    """Require that all processes begin anew, or that all go on with a run of the same checkpoints. A collective call.

    Raises:
        ResourceError: they have found different files.
    """
    if world.alone:
        return
    names = [] if resume is None else [path.name for path in checkpoints(RunDirectory(Path(resume)).checkpoints)]
    where = next((str(place) for place in (resume, run) if place is not None), "")
    _require_same(
        world, names, f"the run `{where}`", lambda found: f"the checkpoint {found[0]}" if found else "no checkpoint"
    )


def agree_on_identity(world: World, who: Mapping[str, Any]) -> None:
    """Require that all processes train the same net by the same recipe on the same data. A collective call.

    Raises:
        UsageError: one has been started with something else, or finds other data.
    """
    found = world.gather((socket.gethostname(), dict(who)))
    first = found[0][1]
    for rank, (host, other) in enumerate(found):
        if other != first:
            raise UsageError(
                f"process {rank} (on {host}) trains something else than process 0:\n"
                + "\n".join(f"  {text}" for text in differences(first, other))
                + "\nstart all processes with the same spec, options and data"
            )


def newest_agreed(
    world: World, directory: Path, warn: Callable[[str], None], use: Callable[[Checkpoint], T]
) -> tuple[Path, T]:
    """`newest_used` for all processes together: they use one checkpoint, the newest that all can. A collective call.

    Raises:
        ResourceError: there is no usable checkpoint, or the processes see different ones.
    """
    if world.alone:
        return newest_used(directory, warn, use)

    def attempt(path: Path, use: Callable[[Checkpoint], T]) -> T:
        _require_same(world, _mark(path), f"`{path}`", lambda mark: "other contents" if mark else "no such checkpoint")
        checkpoint = _together(world, path, lambda: read_checkpoint(path))
        return _together(world, path, lambda: applied(path, checkpoint, use))

    names: list[str] = world.tell([path.name for path in checkpoints(directory)])
    return newest_used(directory, warn, use, paths=[directory / name for name in names], attempt=attempt)


def _mark(checkpoint: Path) -> str | None:
    """The SHA-256 of a checkpoint's manifest, which has those of its files; None if there is no manifest."""
    try:
        return hashlib.sha256((checkpoint / "manifest.json").read_bytes()).hexdigest()
    except OSError:
        return None


def _require_same(world: World, found: Any, what: str, told: Callable[[Any], str]) -> None:
    """Require that all processes have found the same.

    Raises:
        ResourceError: they have not; the message names the first process that has found something else.
    """
    answers = world.gather((socket.gethostname(), found))
    for rank, (host, other) in enumerate(answers):
        if other != answers[0][1]:
            raise ResourceError(
                f"{what}: process 0 (on {answers[0][0]}) finds {told(answers[0][1])}, process {rank} (on {host}) "
                f"{told(other)}; {_SHARE}"
            )


def _together(world: World, path: Path, do: Callable[[], T]) -> T:
    """Do something with a checkpoint in all processes.

    Raises:
        Damaged: none of them can.
        ResourceError: some can and others cannot.
    """
    reason: str | None = None
    result: T | None = None
    try:
        result = do()
    except Damaged as error:
        reason = str(error)
    reasons = world.gather(reason)
    failed = [rank for rank, why in enumerate(reasons) if why is not None]
    if reason is not None and len(failed) == world.size:
        raise Damaged(reason)
    if failed:
        raise ResourceError(
            f"`{path}`: process {failed[0]} cannot use it, and others can: {reasons[failed[0]]}; {_SHARE}"
        )
    return result  # pyright: ignore[reportReturnType]  # `do` has returned, since no process has failed


@contextmanager
def marked(world: World, directory: RunDirectory) -> Generator[None]:
    """While a signal has ended the run, a file says so: see `RunDirectory.interrupted`."""
    if world.first:
        directory.interrupted.unlink(missing_ok=True)
    try:
        yield
    except Interrupted as stop:
        if world.first and stop.by_signal:
            write_atomically(directory.interrupted, f"{stop}\n")
        raise
