"""What the server and the process that looks for mends send each other."""

from __future__ import annotations

import pickle
import struct
from typing import Final, NamedTuple

from netspec.diagnostics import Diagnostic

LENGTH: Final = struct.Struct("<Q")


class Task(NamedTuple):
    """A text to be checked, all certain mends applied to it if `repair` says so."""

    name: str
    text: str
    repair: bool = False


class CheckAnswer(NamedTuple):
    """What came of a task. With mends it is the last answer to it."""

    found: list[Diagnostic]
    seconds: float
    """Of processor time, that the check took."""
    mends: bool
    text: str
    """The mended text, if that was asked for; else as it was."""


def packed(value: object) -> bytes:
    """A value behind its length."""
    data = pickle.dumps(value)
    return LENGTH.pack(len(data)) + data
