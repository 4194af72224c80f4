"""Standard streams that let a command continue when its output can no longer be read, as under `nohup`.

Output to a pipe without a reader, to a closed terminal, or to a stream that was closed from the start is discarded
without an error. A full disk is still an error.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from netspec.layers import Plugin

_UNREAD = (errno.EPIPE, errno.EIO)  # no reader: of a pipe, of a terminal


class Shown:
    """How the error that ends a command is to be shown. Created by `main`, and set by the command's `--format`."""

    def __init__(self) -> None:
        self.as_json = False
        self.plugins: tuple[Plugin, ...] = ()
        """Those that the command has imported: an error may come from their code."""


class _Patient(io.FileIO):
    """A file that is redirected to /dev/null when its reader has gone."""

    def write(self, b: Any, /) -> int:
        """See `FileIO.write`; without a reader, the bytes are discarded."""
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
    """Redirect standard output to /dev/null, since the interpreter would try to write the buffer again at its exit."""
    _to_nowhere(1)


def open_streams() -> None:
    """Replace standard output and standard error by streams that do not fail without a reader, in UTF-8.

    UTF-8 does not depend on the locale, since tables contain `×`. Closed file descriptors from 0 to 2 are opened on
    /dev/null: otherwise the next file that is opened would get one of them, and libraries would print into it.
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
