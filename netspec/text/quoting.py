"""Write a string as a YAML scalar: plain where it reads back as the same string, else double-quoted."""

from __future__ import annotations

import re
from typing import Final

_PLAIN: Final = r"[A-Za-z_][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*"  # compiled when a text is written
_NOT_TEXT: Final = frozenset(("true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL"))
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}


def written(text: str) -> str:
    """A string as a YAML scalar that reads back as the same string."""
    if re.fullmatch(_PLAIN, text) and text not in _NOT_TEXT:
        return text
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(ord(c))) for c in text) + '"'


def literal(text: str) -> str:
    """A string as the scalar of a text field, where a leading `$` would refer to a variable and is written `$$`."""
    return written(f"${text}" if text.startswith("$") else text)


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
