"""What the server and the process that looks for mends send each other: JSON behind its length, records as lists."""

from __future__ import annotations

import json
import struct
from typing import Any, Final, NamedTuple

from netspec.diagnostics import Diagnostic, Edit, Fix, Related, Span

LENGTH: Final = struct.Struct("<Q")


class Task(NamedTuple):
    """A text to be checked, all certain mends applied to it if `repair` says so; or one of which something is made."""

    name: str
    text: str
    repair: bool = False
    make: str = ""
    """`table` or `page`: what is made of the network in the place of a check; see `making.py`."""
    variant: str | None = None
    """The variant that it is made of; None for the first one."""


class CheckAnswer(NamedTuple):
    """What came of a task. With mends it is the last answer to it."""

    found: list[Diagnostic]
    seconds: float
    """Of processor time, that the check took."""
    mends: bool
    text: str
    """The mended text, or what was made, if that was asked for; else the text as it was."""


def packed(value: Task | CheckAnswer) -> bytes:
    """A task or an answer behind its length."""
    data = json.dumps(value).encode()
    return LENGTH.pack(len(data)) + data


def task_of(data: bytes) -> Task:
    """The task that was packed."""
    return Task(*json.loads(data))


def answer_of(data: bytes) -> CheckAnswer:
    """The answer that was packed."""
    found, *others = json.loads(data)
    return CheckAnswer([_diagnostic(*row) for row in found], *others)


def _diagnostic(
    code: Any, message: str, span: Any, severity: Any, label: str, related: Any, help: str | None, *fixes: Any
) -> Diagnostic:
    others = tuple(Related(text, Span(*place)) for text, place in related)
    fix, otherwise = (None if given is None else _fix(*given) for given in fixes)
    return Diagnostic(code, message, Span(*span), severity, label, others, help, fix, otherwise)


def _fix(title: str, edits: Any, *sure: bool) -> Fix:
    return Fix(title, tuple(Edit(Span(*place), text) for place, text in edits), *sure)
