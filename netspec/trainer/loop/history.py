"""The last steps of a run, as far as running one again needs it: to find where a value first was not finite."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from netspec.trainer.machine.random_state import Drawn, Draws
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.step.feed import Feed
from netspec.trainer.step.nonfinite import Lost, explain


class _Past(NamedTuple):
    """A past optimizer step."""

    epoch: int
    first: int
    """The index of its first batch in the epoch."""
    random: Drawn
    mixes: list[tuple[float, ...]]
    """For each batch."""
    feeds: list[Feed]
    """Likewise, where the data cannot give a batch again; else empty."""


class History:
    """The last optimizer steps.

    Args:
        trainer: the run.
        steps: how many are kept: the most from a failed step to the one after which it is noticed.
    """

    def __init__(self, trainer: Trainer, steps: int) -> None:
        self._trainer, self._replays = trainer, trainer.data.train.replays
        self._steps: deque[_Past] = deque(maxlen=steps)
        self._keeps = not self._replays and steps == 1  # more batches would take much memory
        self._draws = Draws(trainer.arithmetic.device)

    def begin(self, epoch: int, batch: int) -> None:
        """An optimizer step begins, with the batch of this index in the epoch."""
        self._steps.append(_Past(epoch, batch, self._draws.before_step(), [], []))

    def add(self, mix: tuple[float, ...], feed: Feed) -> None:
        """Add a batch to the step."""
        self._steps[-1].mixes.append(mix)
        if self._keeps:
            self._steps[-1].feeds.append(feed)

    def told(self, step: int, behind: int) -> tuple[str, str]:
        """Where a step of the run was with what was first not finite in it, and what to do; `behind` steps have ended
        since it began.

        It runs once more, eagerly: batches and augmentation are functions of the epoch, the random state was saved
        before it, and no parameter has changed since.
        """
        if not 0 < behind <= len(self._steps):
            return Lost("its batch is no longer at hand").told(f"step {step + 1}", first=step == 0)
        past = self._steps[-behind]
        where = f"step {step + 1} (epoch {past.epoch + 1}, batch {past.first + 1})"
        if not (self._keeps or self._replays):
            unknown = Lost("its batch is no longer at hand, since the data have an order of their own")
            return unknown.told(where, first=step == 0)
        self._draws.restore(past.random)
        return explain(self._trainer.model, self._trainer.step, self._again(past)).told(where, first=step == 0)

    def _again(self, past: _Past) -> list[Feed]:
        if past.feeds:
            return past.feeds
        batches = self._trainer.batches(past.epoch, past.first)
        return [
            self._trainer.buffers(batch, past.first + number, mix)
            for number, (mix, batch) in enumerate(zip(past.mixes, batches, strict=False))
        ]
