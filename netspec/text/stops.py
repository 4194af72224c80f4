"""Where libyaml stopped, and what is to be said of it."""

from __future__ import annotations

import re
from typing import NamedTuple

from netspec.text.lines import content_end, item_around, line_start


class Mistake(NamedTuple):
    """A translated syntax error. All places are offsets into the text."""

    message: str
    start: int
    end: int
    label: str = ""
    related: tuple[str, int, int] | None = None
    help: str | None = None
    edit: tuple[str, int, int, str] | None = None
    """The fix: title, start, end, replacement text."""


class Stop(NamedTuple):
    """libyaml's error: its message (`problem`), where it stopped, and what it was reading."""

    text: str
    problem: str
    at: int
    """Offset of the unexpected character."""
    begin: int
    """Offset of the start of the construct that it was reading."""
    collections: list[int]
    """Start offsets of the lists and mappings that are open there, outermost first."""

    @property
    def brackets(self) -> list[int]:
        """Offsets of the open `[` and `{`, outermost first."""
        return [start for start in self.collections if self.text[start : start + 1] in ("[", "{")]

    @property
    def char(self) -> str:
        """The character at fault; empty at the end of the text."""
        return self.text[self.at : self.at + 1]

    @property
    def line_start(self) -> int:
        """Offset of the start of the line of the fault."""
        return line_start(self.text, self.at)

    @property
    def before(self) -> str:
        """The text of the line before the fault."""
        return self.text[self.line_start : self.at]


def value_around(stop: Stop) -> tuple[int, int]:
    """Start and end of the value, in block or flow style, that contains the fault."""
    if stop.brackets:
        return item_around(stop.text, stop.at, stop.brackets[-1] + 1)
    match = re.match(r"\s*(?:-\s+)*(?:[^\s'\"\[{][^:]*:\s+)?", stop.before)
    start = stop.line_start + (match.end() if match else 0)
    return start, max(content_end(stop.text, start), min(start + 1, len(stop.text)))


def quoted(text: str, start: int, end: int) -> tuple[str, int, int, str]:
    """The edit that puts single quotes around a value."""
    written = "'" + text[start:end].replace("'", "''") + "'"
    return f"quote it: {written}" if len(written) <= 60 else "quote it", start, end, written


def count_of(number: int, noun: str) -> str:
    """`1 space`, `2 spaces`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
