"""Signals: a flag at the first, an end at the second."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

_CAUGHT = (signal.SIGINT, signal.SIGTERM, *((signal.SIGUSR1,) if hasattr(signal, "SIGUSR1") else ()))


class Interrupts:
    """What arrived: `pending` is the first signal's name, or None."""

    def __init__(self) -> None:
        self.pending: str | None = None

    def note(self, number: int, _frame: FrameType | None) -> None:
        """The handler: sets the flag; a second Ctrl-C quits at once."""
        if number == signal.SIGINT and self.pending is not None:
            os._exit(128 + number)  # whoever presses twice wants no clean-up, and checkpoints are whole at any moment
        self.pending = signal.Signals(number).name


@contextmanager
def interrupts() -> Generator[Interrupts]:
    """Catch SIGINT, SIGTERM and SIGUSR1 while training; in a thread, where Python cannot, nothing is caught."""
    caught = Interrupts()
    if threading.current_thread() is not threading.main_thread():
        yield caught
        return
    saved = {number: signal.signal(number, caught.note) for number in _CAUGHT}
    try:
        yield caught
    finally:
        for number, handler in saved.items():
            signal.signal(number, handler)
