"""Where a command writes: a command goes on when nobody reads any more, as under `nohup`.

A pipe whose reader went away, a terminal that was closed and a stream that was closed from the start take what is
written and keep nothing of it. What a full disk refuses is still an error.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import Any, TextIO

_UNREAD = (errno.EPIPE, errno.EIO)  # of a pipe, and of a terminal


class Shown:
    """How what ends a command is shown: made by `main`, told by the command's `--format`."""

    def __init__(self) -> None:
        self.as_json = False


class _Patient(io.FileIO):
    """A file that becomes /dev/null when its reader has gone."""

    def write(self, b: Any, /) -> int:
        """As `FileIO.write`."""
        try:
            return super().write(b)
        except OSError as error:
            if error.errno not in _UNREAD:
                raise
            _to_nowhere(self.fileno())
            return len(memoryview(b))


def _to_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    if nowhere != number:
        os.dup2(nowhere, number)
        os.close(nowhere)


def drop_output() -> None:
    """Let go of what standard output could not take, or the interpreter tries once more at its end."""
    _to_nowhere(1)


def open_streams() -> None:
    """Make standard output and error take everything, in UTF-8: a table has × in it, whatever the locale says.

    A number that is closed is opened, or the next file that is written would get it, and the words of a library in it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            _to_nowhere(number)
    if sys.stdout is None or sys.stdout is sys.__stdout__:  # pyright: ignore[reportUnnecessaryComparison]  # None where it was closed
        sys.stdout = _stream(1)
    if sys.stderr is None or sys.stderr is sys.__stderr__:  # pyright: ignore[reportUnnecessaryComparison]  # as above
        sys.stderr = _stream(2)


def _stream(number: int) -> TextIO:
    raw = _Patient(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="replace", line_buffering=number == 2 or raw.isatty()
    )
