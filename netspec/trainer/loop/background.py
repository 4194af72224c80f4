"""Write a run's checkpoints in a background thread while training continues."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from safetensors.torch import save

from netspec.trainer.loop.state import capture, on_first
from netspec.trainer.machine.disk import write_atomically
from netspec.trainer.machine.host import on_host
from netspec.trainer.machine.processes import World
from netspec.trainer.run.checkpoint import Checkpoint, checkpoints, point, rotate, write_checkpoint
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.progress import Progress
from netspec.trainer.setup.trainer import Trainer


class Keeper:
    """Writes checkpoints: copies the state when called, and writes it in a thread, one checkpoint at a time.

    An error of writing is raised by the next call, so that training does not continue for hours without a checkpoint.

    Args:
        directory: the run directory.
        identity: the identity of the run (`run/sameness.py`), saved with each checkpoint.
        versions: the environment, saved with each checkpoint.
        keep: the number of checkpoints to keep.
        world: this process among those of the run.
        change: updates other files of the run, to be called with the next checkpoint; returns a function that undoes
            it. None for no change.
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
        """Write a checkpoint of the current state, `best` if it is the best one so far. A collective call.

        Raises:
            ResourceError: the checkpoint before this one could not be written.
        """
        self.settle()
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
        except BaseException as error:  # raised in the training thread by `wait`
            self._failure = error

    def _changed(self, write: Callable[[], Path]) -> Path:
        """Write a checkpoint, and with the first one apply `change`; undo that if the checkpoint fails."""
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
        """Wait until no checkpoint is being written.

        Raises:
            ResourceError: the last checkpoint could not be written.
        """
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def settle(self) -> None:
        """The same for all processes: none goes on, or ends, while the first one still writes. A collective call."""
        self.wait()
        self._world.wait_for_first()

    def latest(self) -> Path | None:
        """The newest checkpoint; None if there is none."""
        self.wait()
        return next(iter(checkpoints(self._directory.checkpoints)), None)

    def finish(self, trainer: Trainer, progress: Progress) -> None:
        """End the run: wait for its last checkpoint, and write the final weights with their checksum. A collective
        call."""
        self.settle()
        weights = on_first(trainer.evaluated.state_dict(), self._world)
        if self._world.first:
            data = save(on_host(weights), {"format": "pt"})
            # Report and checksum describe the weights, so they are removed first: an interruption must not leave old
            # ones beside new weights.
            self._directory.report.unlink(missing_ok=True)
            self._directory.weights_sum.unlink(missing_ok=True)
            write_atomically(self._directory.weights, data)
            write_atomically(self._directory.weights_sum, f"{hashlib.sha256(data).hexdigest()} {progress.step}\n")
