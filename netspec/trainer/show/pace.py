"""Speed and remaining time of a run, for reporters."""

from __future__ import annotations

import time
from collections.abc import Callable

from netspec.trainer.measure.metrics import Score, Scores
from netspec.trainer.run.records import figure_text

PER_SECOND = 5
"""The most updates of a bar per second."""


class Pace:
    """Computes the texts of a progress bar.

    Args:
        memory: returns the peak memory as text.
    """

    def __init__(self, memory: Callable[[], str]) -> None:
        self._memory = memory
        self.epochs = self.steps = self.epoch = self._examples = 0
        self._started, self._moved = time.perf_counter(), 0.0

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """See `Reporter.begin`."""
        self.epochs, self.steps, self.epoch = epochs, steps, epoch
        self._examples, self._started = examples, time.perf_counter()

    def due(self) -> bool:
        """True if the last update was long enough ago; then this call counts as the next one."""
        now = time.perf_counter()
        if now - self._moved < 1 / PER_SECOND:
            return False
        self._moved = now
        return True

    @property
    def title(self) -> str:
        """The current epoch: `epoch 3/10`."""
        return f"epoch {min(self.epoch + 1, self.epochs):>{len(str(self.epochs))}}/{self.epochs}"

    def facts(self, step: int, score: Score | Scores, examples: int, room: int | None = None) -> str:
        """Loss, accuracy, examples per second, remaining time of the run and memory, in fields of fixed width.

        Args:
            step: steps of the current epoch that are done.
            score: the metrics of the epoch so far.
            examples: examples since the process started.
            room: characters to fit in; memory is left out first, then speed, accuracy and the remaining time.
        """
        speed = examples / max(time.perf_counter() - self._started, 1e-9)
        epochs_left = (self.steps - step) / self.steps + self.epochs - self.epoch - 1
        left = _clock(epochs_left * self._examples / max(speed, 1e-9))
        facts = {"loss": f"loss {figure_text(score.loss, 3)}"}
        if score.accuracy is not None:
            facts["accuracy"] = f"acc {figure_text(score.accuracy, 3)}"
        facts |= {"speed": f"{speed:>6,.0f} ex/s", "left": f"{left:>5} left", "memory": f"{self._memory():>9}"}
        for name in ("memory", "speed", "accuracy", "left"):
            if room is None or len("  ".join(facts.values())) <= room:
                break
            facts.pop(name, None)
        return "  ".join(facts.values())


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
