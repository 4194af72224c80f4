"""Who writes a run's checkpoints: a thread, while training goes on."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from safetensors.torch import save

from netspec.trainer.loop.state import capture
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.machine.host import on_host
from netspec.trainer.machine.processes import World
from netspec.trainer.run.checkpoint import Checkpoint, checkpoints, point, rotate, write_checkpoint
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.progress import Progress
from netspec.trainer.setup.trainer import Trainer


class Keeper:
    """Takes the state at the step where it is asked, writes it in the background, one checkpoint at a time.

    A failure to write is raised at the next call: training must not go on for hours without a checkpoint.

    Args:
        directory: the run.
        identity: what the run is from now on.
        versions: what it runs on.
        keep: how many checkpoints are kept.
        world: this process's place.
        change: writes what belongs to the run from its next checkpoint on, and gives what takes that back.
    """

    def __init__(
        self,
        directory: RunDirectory,
        identity: Mapping[str, Any],
        versions: Any,
        keep: int,
        world: World,
        change: Callable[[], Callable[[], None]] | None = None,
    ) -> None:
        self._directory, self._identity, self._versions = directory, identity, versions
        self._keep, self._world, self._change = keep, world, change
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._thread is not None:
            self._thread.join()
        if error is None:
            self.wait()

    def keep(self, trainer: Trainer, progress: Progress, *, best: bool) -> None:
        """Checkpoint the run as it stands. All processes must call it.

        Raises:
            ResourceError: this checkpoint or the one before could not be written.
        """
        self.wait()
        checkpoint = capture(trainer, progress, self._identity, self._versions)
        if checkpoint is None:
            return
        self._thread = threading.Thread(target=self._write, args=(progress.step, checkpoint, best))
        self._thread.start()

    def _write(self, step: int, checkpoint: Checkpoint, best: bool) -> None:
        try:
            path = self._changed(lambda: write_checkpoint(self._directory.checkpoints, step, checkpoint))
            if best:
                point(self._directory.checkpoints, "best", path)
            rotate(self._directory.checkpoints, self._keep)
        except BaseException as error:  # handed over to the thread that trains
            self._failure = error

    def _changed(self, write: Callable[[], Path]) -> Path:
        """Write a checkpoint, and before the first one what else changes with it."""
        if self._change is None:
            return write()
        undo = self._change()
        try:
            path = write()
        except BaseException:
            undo()
            raise
        self._change = None
        return path

    def wait(self) -> None:
        """Wait for the checkpoint that is being written.

        Raises:
            ResourceError: it could not be.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def latest(self) -> Path | None:
        """The newest checkpoint, if any."""
        self.wait()
        return next(iter(checkpoints(self._directory.checkpoints)), None)

    def finish(self, trainer: Trainer, progress: Progress) -> None:
        """The run is over: wait for its last checkpoint, and write the weights that were evaluated."""
        self.wait()
        if self._world.first:
            data = save(on_host(trainer.evaluated.state_dict()), {"format": "pt"})
            self._directory.report.unlink(missing_ok=True)  # at no moment is there a page about other weights
            self._directory.weights_sum.unlink(missing_ok=True)  # nor a sum of them
            write_atomically(self._directory.weights, data)
            write_atomically(self._directory.weights_sum, f"{hashlib.sha256(data).hexdigest()} {progress.step}\n")
