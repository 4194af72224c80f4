"""Signal handling: the first signal requests a stop with a checkpoint, a second Ctrl-C exits at once."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

STOPPING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)
]  # fmt: skip
"""The signals at which a run stops with a checkpoint. Terminals, job schedulers and service managers send them to all
processes of the run."""

_FOR_THE_RUN = [getattr(signal, name) for name in ("SIGUSR1",) if hasattr(signal, name)]
"""Those of them that no shell and no `nohup` ignores: whoever ignores them means the process in front of the run."""


class Interrupts:
    """The state of the signal handler: `pending` is the name of the first signal that arrived, or None.

    Args:
        patience: seconds within which a second Ctrl-C is ignored. torchrun forwards the signal that its processes have
            already received from the terminal.
    """

    def __init__(self, patience: float = 0.0) -> None:
        self.pending: str | None = None
        self._patience = patience
        self._first = 0.0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The signal handler: sets `pending`; a second Ctrl-C exits at once."""
        if self.pending is None:
            self.pending, self._first = signal.Signals(number).name, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() - self._first >= self._patience:
            os._exit(128 + number)  # without clean-up: checkpoints are complete at any moment


@contextmanager
def interrupts(patience: float = 0.0) -> Generator[Interrupts]:
    """Handle SIGINT, SIGTERM, SIGHUP and SIGUSR1 while training, and restore the handlers afterwards.

    In a thread other than the main one, Python cannot set handlers, so no signal is handled. A signal that is ignored
    stays ignored, such as SIGHUP under `nohup`, or SIGINT for a background job of a script; but SIGUSR1 is handled,
    which the script of a scheduler ignores so that `torchrun` survives it.
    """
    caught = Interrupts(patience)
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    ignored = {number for number, handler in before.items() if handler == signal.SIG_IGN and number not in _FOR_THE_RUN}
    saved = {number: handler for number, handler in before.items() if handler is not None and number not in ignored}
    for number in saved:
        signal.signal(number, caught.note)
    try:
        yield caught
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Generator[None]:
    """Block the stopping signals in this thread. A process that is started meanwhile inherits the blocked signals.

    A signal that arrives meanwhile is delivered afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
