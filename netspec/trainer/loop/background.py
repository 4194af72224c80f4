"""Write a run's checkpoints in a background thread while training continues."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from safetensors.torch import save
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.trainer.loop.state import capture, on_first
from netspec.trainer.machine.host import on_host
from netspec.trainer.machine.processes import World
from netspec.trainer.run.checkpoint import Checkpoint, best_of, checkpoints, rotate, used, write_checkpoint
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
            path = self._changed(lambda: write_checkpoint(self._directory.checkpoints, step, checkpoint, best=best))
            rotate(path, self._keep)
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

    def finish(self, trainer: Trainer, progress: Progress) -> str | None:
        """End the run: wait for its last checkpoint, and write the weights with their checksums. They are the best and,
        in a file of their own, the last; or the last alone, of a run without a best epoch. A collective call.

        Returns:
            A note, if the best ones are not there any more.
        """
        self.settle()
        weights = on_first(trainer.evaluated.state_dict(), self._world)
        if not self._world.first:
            return None
        directory, step = self._directory, progress.step
        if (newest := self.latest()) is not None:  # a run that was killed before it had done so
            rotate(newest, self._keep)
        last = _saved(weights)
        best, note = last, None
        has_best = trainer.recipe.best is not None and progress.best_epoch > 0
        if has_best and progress.best_epoch < len(progress.records):
            try:
                best = self._best(progress)
            except ResourceError as error:
                has_best, note = False, f"note: `{directory.weights}` holds the weights at the end, for want of the " \
                                        f"best, of epoch {progress.best_epoch}: {error}"  # fmt: skip
        directory.report.unlink(missing_ok=True)  # it describes the weights: none is left beside newer ones
        if has_best:
            directory.write_weights(directory.last, last, step)
        directory.write_weights(directory.weights, best, step, progress.best_epoch if has_best else None)
        if not has_best:
            directory.remove_last()
        return note

    def _best(self, progress: Progress) -> bytes:
        """The weights of the best checkpoint that evaluation uses: those of the moving average if there is one.

        Raises:
            ResourceError: it is damaged, or not there.
        """
        at = best_of(self._directory.checkpoints, progress.best_epoch, progress.records)
        if at is None:
            raise ResourceError("its checkpoint is not there any more")
        return used(at, lambda found: _saved(found.state["average"] or found.model))


def _saved(weights: Mapping[str, Tensor]) -> bytes:
    return save(on_host(weights), {"format": "pt"})
