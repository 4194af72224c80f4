"""Ctrl-C that a library turns into something else: torch takes an import of NumPy that was interrupted for a missing
one, and a program of a user's may fail of whatever is half imported."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class CtrlC:
    """Whether it was pressed."""

    def __init__(self) -> None:
        self.came = False

    def note(self, number: int, frame: FrameType | None) -> None:
        """The signal handler: notes it, and interrupts as ever."""
        self.came = True
        signal.default_int_handler(number, frame)


def noting_ctrl_c() -> CtrlC:
    """Note Ctrl-C from now on, where it interrupts: it may be ignored, or somebody else's to handle."""
    noted = CtrlC()
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, noted.note)
    return noted
