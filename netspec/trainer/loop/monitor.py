"""Read metrics and failures from the device without stalling it.

Usually the device counts the steps since the first failure (`Failures.since`). Every `EVERY` steps the count and the
metrics are copied to the host. On a GPU the copy is asynchronous and is read `EVERY` steps later, when it has long
arrived; so the host never waits, and the queue of launched kernels does not run empty. If the steps are not counted (on
a CPU with eager steps, where reading is free), the failure flag is read after every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from netspec.trainer.machine.host import floats
from netspec.trainer.measure.metrics import LossSums, Scores
from netspec.trainer.step.work import Failures

EVERY = 16
"""The number of steps between two readings."""


class Reading(NamedTuple):
    """Metrics and the first failed step, as read from the device."""

    score: Callable[[], Scores]
    """Returns the train metrics of the epoch so far."""
    failed: int | None
    """The first step that computed a value that is not finite, counted from 0 since the process started."""


class Monitor:
    """Reads the metrics and the failures of a run."""

    def __init__(self, sums: LossSums, failures: Failures) -> None:
        self._sums, self._failures = sums, failures
        self._on_gpu = failures.ever.device.type == "cuda"
        self.lag = 1 if failures.since is None else 3 * EVERY
        """The most steps from a failed one to the one after which it is noticed, both included."""
        self._steps = 0
        self._pending: tuple[int, Tensor, torch.cuda.Event] | None = None

    def look(self) -> Reading | None:
        """Count a step; to be called after each. Returns a reading every `EVERY` steps, and at once for a failure that
        is seen; else None. On a GPU, the reading is of the state `EVERY` steps before."""
        self._steps += 1
        if self._failures.since is None:
            failed = bool(self._failures.ever.item())
            return self.now() if failed or self._steps % EVERY == 0 else None
        if self._steps % EVERY:
            return None
        if not self._on_gpu:
            return self.now()
        before, self._pending = self._pending, self._request(self._failures.since)
        if before is None:
            return None
        steps, values, arrived = before
        arrived.synchronize()  # requested `EVERY` steps before, so it has arrived
        return self._reading(steps, values)

    def now(self) -> Reading:
        """A reading of the current state. Waits for the device."""
        self._pending = None
        if self._failures.since is None:
            return Reading(self._sums.read, self._steps - 1 if self._failures.ever.item() else None)
        return self._reading(self._steps, self._snapshot(self._failures.since))

    def _snapshot(self, since: Tensor) -> Tensor:
        """The sums and the number of steps since the first failure, in one float64 tensor."""
        return torch.cat((self._sums.total(), since.unsqueeze(0)))

    def _request(self, since: Tensor) -> tuple[int, Tensor, torch.cuda.Event]:
        """Start a copy to pinned memory. Returns the current step, the destination, and an event for its arrival."""
        now = self._snapshot(since)
        values = torch.empty_like(now, device="cpu", pin_memory=True)
        values.copy_(now, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record()
        return self._steps, values, arrived

    def _reading(self, steps: int, values: Tensor) -> Reading:
        since = int(floats(values[-1:])[0])
        return Reading(lambda: self._sums.read(values[:-1]), steps - since if since else None)
