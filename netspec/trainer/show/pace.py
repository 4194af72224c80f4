"""How fast a run goes and how long it will take, for those who show it."""

from __future__ import annotations

import time
from collections.abc import Callable

from netspec.trainer.measure.metrics import Score
from netspec.trainer.run.records import figure_text

PER_SECOND = 5
"""How often a bar moves."""


class Pace:
    """Where a run stands between its steps.

    Args:
        memory: gives the peak memory in words.
    """

    def __init__(self, memory: Callable[[], str]) -> None:
        self._memory = memory
        self.epochs = self.steps = self.epoch = self._examples = 0
        self._started, self._moved = time.perf_counter(), 0.0

    def begin(self, epochs: int, steps: int, examples: int, epoch: int) -> None:
        """The run starts or resumes in `epoch` (from 0): that many epochs of so many steps and examples."""
        self.epochs, self.steps, self.epoch = epochs, steps, epoch
        self._examples, self._started = examples, time.perf_counter()

    def due(self) -> bool:
        """True if the bar may move again."""
        now = time.perf_counter()
        if now - self._moved < 1 / PER_SECOND:
            return False
        self._moved = now
        return True

    @property
    def title(self) -> str:
        """`epoch 3/10`."""
        return f"epoch {min(self.epoch + 1, self.epochs):>{len(str(self.epochs))}}/{self.epochs}"

    def facts(self, step: int, score: Score, examples: int, room: int | None = None) -> str:
        """Loss, accuracy, examples/s, time left for the run, memory; each as wide as it was before.

        Args:
            step: steps of this epoch that are done.
            score: the epoch's so far.
            examples: those since the process started.
            room: how many characters there are; memory is left out first, then examples/s, accuracy and the time left.
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
