"""How the loop looks at a run without stopping it.

Where the failure notes count steps, they are copied to the host with the sums every `EVERY` steps; on a GPU the copy is
asynchronous and is read at the next look, when it has long arrived, so that the queue of launched work never runs dry.
Where they do not (a CPU, steps called one by one), the note itself is looked at after every step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from netspec.trainer.machine.host import floats
from netspec.trainer.measure.metrics import Score, Sums
from netspec.trainer.step.work import Failures

EVERY = 16
"""Steps between two readings."""


class Reading(NamedTuple):
    """What a look saw."""

    score: Callable[[], Score]
    """Gives the train metrics of the epoch so far."""
    failed: int | None
    """The step, counted from 0 since the process started, that first produced a value that is not finite."""


class Monitor:
    """Looks at the sums and the failure notes."""

    def __init__(self, sums: Sums, failures: Failures) -> None:
        self._sums, self._failures = sums, failures
        self._on_gpu = failures.ever.device.type == "cuda"
        self.lag = 1 if failures.since is None else 3 * EVERY
        """Steps, at most, from a failed one to the look that sees it, both counted."""
        self._steps = 0
        self._pending: tuple[int, Tensor, torch.cuda.Event] | None = None

    def look(self) -> Reading | None:
        """Called after every step: a reading every `EVERY`th time and as soon as a failure is seen, else None. On a GPU
        the reading is that of the look before."""
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
        arrived.synchronize()  # it was asked for 16 steps ago: there is nothing to wait for
        return self._reading(steps, values)

    def now(self) -> Reading:
        """A reading of this moment; waits for the device."""
        self._pending = None
        if self._failures.since is None:
            return Reading(self._sums.read, self._steps - 1 if self._failures.ever.item() else None)
        return self._reading(self._steps, self._snapshot(self._failures.since))

    def _snapshot(self, since: Tensor) -> Tensor:
        """float64 of one axis: the sums, and the steps since the first failure."""
        return torch.cat((self._sums.total(), since.unsqueeze(0)))

    def _request(self, since: Tensor) -> tuple[int, Tensor, torch.cuda.Event]:
        now = self._snapshot(since)
        values = torch.empty_like(now, device="cpu", pin_memory=True)
        values.copy_(now, non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record()
        return self._steps, values, arrived

    def _reading(self, steps: int, values: Tensor) -> Reading:
        since = int(floats(values[-1:])[0])
        return Reading(lambda: self._sums.read(values[:-1]), steps - since if since else None)
