"""Signals: a flag at the first, an end at the second."""

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
"""Those at which a run stops at a checkpoint. A terminal, a job scheduler and a service manager send them to all
processes of the run."""


class Interrupts:
    """What arrived: `pending` is the first signal's name, or None.

    Args:
        patience: seconds within which a second Ctrl-C is taken for an echo of the first: torchrun passes on what the
            terminal has sent to its processes already.
    """

    def __init__(self, patience: float = 0.0) -> None:
        self.pending: str | None = None
        self._patience = patience
        self._first = 0.0

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The handler: sets the flag; a second Ctrl-C quits at once."""
        if self.pending is None:
            self.pending, self._first = signal.Signals(number).name, time.monotonic()
        elif number == signal.SIGINT and time.monotonic() - self._first >= self._patience:
            os._exit(128 + number)  # whoever presses twice wants no clean-up, and checkpoints are whole at any moment


@contextmanager
def interrupts(patience: float = 0.0) -> Generator[Interrupts]:
    """Catch SIGINT, SIGTERM, SIGHUP and SIGUSR1 while training; in a thread, where Python cannot, nothing is caught.

    What is ignored at the start stays ignored: SIGHUP under `nohup`, SIGINT in the background of a script.
    """
    caught = Interrupts(patience)
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    saved = {number: handler for number, handler in before.items() if handler not in (signal.SIG_IGN, None)}
    for number in saved:
        signal.signal(number, caught.note)
    try:
        yield caught
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Generator[None]:
    """Hold back these signals in this thread: a process that is started inside is deaf to them from its birth.

    One that arrives meanwhile is delivered afterwards.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
