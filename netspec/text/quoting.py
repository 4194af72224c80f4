"""Text as YAML has it: bare where that is the same text, in quotes where not."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = r"[A-Za-z_][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*"  # compiled when a text is written
_NOT_TEXT: Final = frozenset(("true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL"))
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def written(text: str) -> str:
    """A text as a YAML scalar that is read as this text again."""
    if re.fullmatch(_PLAIN, text) and text not in _NOT_TEXT:
        return text
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(ord(c))) for c in text) + '"'


def literal(text: str) -> str:
    """A text as the scalar of a text field, in which `$name` would take a variable, and `$$` is a `$`."""
    return written(f"${text}" if text.startswith("$") else text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
