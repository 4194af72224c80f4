"""When the next checkpoint is due: after so many epochs, steps or minutes."""

from __future__ import annotations

import time

from netspec.recipe.settings import CheckpointEvery
from netspec.trainer.run.progress import Progress


class Due:
    """Says when a checkpoint is due.

    Args:
        every: what the recipe says; None is after every epoch.
    """

    def __init__(self, every: CheckpointEvery | None) -> None:
        self._steps = None if every is None else every.steps
        self._seconds = None if every is None or every.minutes is None else 60 * every.minutes
        self._epochs = 1 if every is None else every.epochs
        self.written()

    @property
    def by_clock(self) -> bool:
        """True if the clock decides, which is another one in each process."""
        return self._seconds is not None

    def written(self) -> None:
        """A checkpoint is written: the minutes count from now."""
        self._since = time.monotonic()

    def after_step(self, progress: Progress) -> bool:
        """Whether one is due within an epoch, after an optimizer step."""
        if self._seconds is not None:
            return time.monotonic() - self._since >= self._seconds
        return self._steps is not None and progress.step % self._steps == 0

    def after_epoch(self, progress: Progress) -> bool:
        """Whether one is due after an epoch, whose number is that of the epochs done."""
        if self._epochs is not None:
            return progress.epoch % self._epochs == 0
        return self.after_step(progress)
