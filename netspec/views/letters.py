"""What of a text a picture or a document can have."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(words: str) -> str:
    """A text on one line, without what no reader sees and no XML allows: control characters, lone surrogates, marks of
    direction, code points that are no characters."""
    return "".join(
        c for c in words.replace("\t", " ").replace("\n", " ") if unicodedata.category(c) not in _UNPRINTABLE
    )
