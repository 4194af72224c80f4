"""How the loop looks at a run without stopping it.

Every `EVERY` steps the sums and the failure notes are copied to the host; on a GPU the copy is asynchronous and is
read at the next look, when it has long arrived, so that the queue of launched work never runs dry.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from netspec.train.host import floats
from netspec.train.metrics import Score, Sums
from netspec.train.step import Failures

EVERY = 16
"""Steps between two looks. A failed step is seen within two of them."""


class Reading(NamedTuple):
    """What a look saw."""

    score: Score
    """Train metrics of the epoch so far."""
    failed: int | None
    """The step, counted from 0 since the process started, that first produced a value that is not finite."""


class Monitor:
    """Looks at the sums and the failure notes."""

    def __init__(self, sums: Sums, failures: Failures) -> None:
        self._sums = sums
        self._failures = failures
        self._on_gpu = failures.ever.device.type == "cuda"
        self._steps = 0
        self._pending: tuple[int, Tensor, torch.cuda.Event] | None = None

    def look(self) -> Reading | None:
        """Called after every step: every `EVERY`th time a reading, else None. On a GPU the reading is that of the
        look before."""
        self._steps += 1
        if self._steps % EVERY:
            return None
        if not self._on_gpu:
            return self._reading(self._steps, self._snapshot())
        before, self._pending = self._pending, self._request()
        if before is None:
            return None
        steps, values, arrived = before
        arrived.synchronize()  # it was asked for 16 steps ago: there is nothing to wait for
        return self._reading(steps, values)

    def now(self) -> Reading:
        """A reading of this moment; waits for the device."""
        self._pending = None
        return self._reading(self._steps, self._snapshot())

    def _snapshot(self) -> Tensor:
        """(4,) float64: the three sums, and the steps since the first failure."""
        return torch.cat((self._sums.total, self._failures.since.unsqueeze(0)))

    def _request(self) -> tuple[int, Tensor, torch.cuda.Event]:
        values = torch.empty(4, dtype=torch.float64, pin_memory=True)
        values.copy_(self._snapshot(), non_blocking=True)
        arrived = torch.cuda.Event()
        arrived.record()
        return self._steps, values, arrived

    def _reading(self, steps: int, values: Tensor) -> Reading:
        since = int(floats(values[3:])[0])
        return Reading(self._sums.read(values[:3]), steps - since if since else None)
