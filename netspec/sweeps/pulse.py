"""Signs of life: a process counts up a number beside the trial that it trains, and others see whether it still does.

Optuna's own heartbeat is for databases alone, and compares clocks; this one works in a journal, too, and needs none: a
number that has not changed for so long since one first saw it belongs to a process that is gone. A process of the same
machine that is still there is given more time: it may be asleep, or import torch on a machine that is busy.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from netspec.sweeps.chains import PROCESS

if TYPE_CHECKING:
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

PULSE: Final = "pulse"
PATIENCE: Final = 4
"""Beats without a sign of life after which a process is thought to be gone."""
_MORE: Final = 15
"""So many times as long, where the machine still has a process of its number."""


class Pulse:
    """Counts up beside a trial while it is open, in a thread of its own.

    Args:
        storage: of the study.
        trial: the number by which the storage knows the trial.
        seconds: between two beats.
    """

    def __init__(self, storage: BaseStorage, trial: int, seconds: float) -> None:
        self._storage, self._trial, self._seconds = storage, trial, seconds
        self._over = threading.Event()
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="netspec-pulse", daemon=True)

    def __enter__(self) -> Pulse:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def gone(self) -> bool:
        """Whether the trial was given to another process."""
        return self._gone.is_set()

    def _beat(self) -> None:
        from optuna.exceptions import UpdateFinishedTrialError

        count = 0
        while not self._over.wait(self._seconds):
            count += 1
            try:
                self._storage.set_trial_user_attr(self._trial, PULSE, count)
            except UpdateFinishedTrialError:
                self._gone.set()
                return
            except Exception:  # a database that is away for a moment: whether it is for good, the trial's end will tell
                continue


class Listener:
    """Sees which of the trials that run belong to processes that are gone.

    Args:
        seconds: between two beats of a process.
    """

    def __init__(self, seconds: float) -> None:
        self._patience = PATIENCE * seconds
        self._seen: dict[int, tuple[Any, float]] = {}

    def silent(self, running: Iterable[FrozenTrial], now: float) -> list[FrozenTrial]:
        """Those trials whose number has not changed for too long. `now` is from before they were read: this process
        may have been suspended in between."""
        found: list[FrozenTrial] = []
        for trial in running:
            beat = (trial.user_attrs.get(PULSE), trial.user_attrs.get("valid"))
            if trial.number not in self._seen or self._seen[trial.number][0] != beat:
                self._seen[trial.number] = (beat, now)
            elif now - self._seen[trial.number][1] > self._patience * (_MORE if _is_there(trial) else 1):
                found.append(trial)
        return found


def this_process() -> str:
    """The name of a process among all machines, as far as there is one."""
    return f"{platform.node()}:{os.getpid()}"


def _is_there(trial: FrozenTrial) -> bool:
    """Whether this machine has the process that a trial is of."""
    node, _, number = str(trial.user_attrs.get(PROCESS, "")).rpartition(":")
    if node != platform.node() or not number.isdecimal() or sys.platform == "win32":
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
