"""Formatting: the edits that put the white space of a text in order, and leave all else where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lsprotocol import types as lsp

from netspec.lsp.reading import LiveText
from netspec.text.formatting import formatted

_BLANKS: Final = re.compile(r"[ \t\r\n]*")
_SIGNS: Final = re.compile(r"[^ \t\r\n]*")


def format_edits(text: LiveText) -> list[lsp.TextEdit]:
    """An edit for each white space that changes; none where the text cannot be read."""
    new = formatted(text.text)
    if new is None:
        return []
    return [lsp.TextEdit(text.places.range(start, end), blanks) for start, end, blanks in changes(text.text, new)]


def changes(old: str, new: str) -> Iterator[tuple[int, int, str]]:
    """The white space in which two texts differ that have all other characters alike: where it stands in the first, and
    what stands there in the second."""
    at = other = 0
    while at < len(old) or other < len(new):
        here, there = _end(_BLANKS, old, at), _end(_BLANKS, new, other)
        if old[at:here] != new[other:there]:
            yield at, here, new[other:there]
        length = min(_end(_SIGNS, old, here) - here, _end(_SIGNS, new, there) - there)
        at, other = here + length, there + length


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    found = pattern.match(text, start)
    return start if found is None else found.end()
