"""What a spec and its variants may be called: folders, files and classes of Python are named after them.

Letters of every script may stand in a name, since files and identifiers have them; what Python would read as another
letter, an `ﬁ` for one, may not, nor what a path or a command line means something by.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import UsageError

MOST: Final = 64
"""Letters."""
_MOST_BYTES: Final = 192
"""Of UTF-8: a file system gives 255 to a file's name, and there is more in it than this one."""
WISH: Final = f"a name has up to {MOST} letters, digits, `_`, `.` and `-`, and begins with a letter or digit"


def is_name(text: str) -> bool:
    """Whether a spec may be called so."""
    return next(_wrong(text), None) is None


def why_not(text: str) -> str:
    """What is wrong with a name that is none."""
    return next(_wrong(text))


def check_variant(name: str) -> None:
    """Require that a variant may be called so.

    Raises:
        UsageError: it may not.
    """
    if not is_name(name):
        raise UsageError(f"`{name}` cannot name a variant: {why_not(name)}; {WISH}")


def name_like(text: str) -> str | None:
    """The name that a text is nearest to, with `_` for what a name may not have; None if no letter is left."""
    plain = unicodedata.normalize("NFKC", text)
    pieces = "".join(c if _may_stand(c) else " " for c in plain).split()
    name = "_".join(filter(None, (piece.strip("-") for piece in pieces)))
    while name and not _may_begin(name[0]):
        name = name[1:]
    while len(name) > MOST or len(name.encode()) > _MOST_BYTES:
        name = name[:-1]
    return name.rstrip("_.-") or None


def has_all_of(name: str, text: str) -> bool:
    """Whether a name says every letter and digit of a text, and not only the first of them."""
    return _letters(name) == _letters(text)


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


def _wrong(text: str) -> Iterator[str]:
    if not text:
        yield "it is empty"
    if (plain := unicodedata.normalize("NFKC", text)) != text and plain.isprintable():
        yield f"Python reads it as `{plain}`"
    for c in text:
        if not _may_stand(c):
            yield "it has a blank" if c == " " else f"it has `{c}`" if c.isprintable() else f"it has U+{ord(c):04X}"
    if text and not _may_begin(text[0]):
        yield f"it begins with `{text[0]}`"
    if len(text) > MOST:
        yield f"it has {len(text)} letters"
    if len(text.encode(errors="replace")) > _MOST_BYTES:
        yield f"it has {len(text.encode())} bytes in a file's name, and at most {_MOST_BYTES} are sure to fit"


def _may_begin(letter: str) -> bool:
    return unicodedata.category(letter)[0] == "L" or letter.isdecimal()


def _may_stand(letter: str) -> bool:
    """Letters, the marks that are written with them, digits, and three signs."""
    return letter in "_.-" or letter.isdecimal() or unicodedata.category(letter)[0] in "LM"
