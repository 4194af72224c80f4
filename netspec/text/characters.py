"""Characters that YAML forbids, and those that end a line for libyaml but not in YAML 1.2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

_NOT_YAML: Final = "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_BREAKS: Final = "\x85\u2028\u2029"  # line breaks in YAML 1.1 and in libyaml, plain characters in YAML 1.2


def forbidden(text: str) -> Iterator[tuple[int, str]]:
    """The characters that YAML does not allow, at most ten of them: where each stands, and its code and name."""
    for match in islice(re.finditer(_NOT_YAML, text), 10):
        yield match.start(), f"U+{ord(match[0]):04X} ({_name(match[0])})"


def readable(text: str) -> tuple[str, dict[int, int]]:
    """The text to pass to libyaml, with the characters replaced that end a line for it but not in YAML 1.2.

    Returns:
        The text, and for `str.translate` what puts the characters back. Each is replaced by a private-use character
        that does not occur in the text, not even as an escape sequence.
    """
    if text.isascii() or not any(c in text for c in _BREAKS):
        return text, {}
    lower = text.lower()
    unused = (c for c in range(0xE000, 0xF900) if chr(c) not in text and f"{c:04x}" not in lower)
    restore = {substitute: ord(c) for c, substitute in zip(_BREAKS, unused, strict=False)}
    return text.translate({original: substitute for substitute, original in restore.items()}), restore


def _name(char: str) -> str:
    """The name of a forbidden character in messages, such as `NUL`; else the category that it belongs to."""
    return {"\0": "NUL", "\x1b": "ESC", "\x7f": "DEL", "\ufeff": "byte order mark"}.get(
        char, "half of a surrogate pair" if "\ud800" <= char <= "\udfff" else "control character"
    )
