"""The measure of text without a font at hand: its width by a table, its lines, and what of it can be printed."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from netspec.drawing.widths import BOLD, PLAIN

_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_MARGIN: Final = 1.02
"""Fonts that are not DejaVu may have single letters that are wider by a little."""
_WIDE: Final = 1200
"""Of an East Asian letter or an emoji: twice the mean of a Latin one."""
_UNKNOWN: Final = 1000
"""Of a letter that the table does not have; `fixed` tells of such."""


def printable(words: str) -> str:
    """A text on one line, without what no reader sees and no XML allows: control characters, lone surrogates, marks of
    direction, code points that are no characters."""
    return "".join(
        c for c in words.replace("\t", " ").replace("\n", " ") if unicodedata.category(c) not in _UNPRINTABLE
    )


@cache
def _letter(letter: str, bold: bool) -> int:
    """In thousandths of the size."""
    known = (BOLD if bold else PLAIN).get(letter)
    if known is not None:
        return known
    return _WIDE if unicodedata.east_asian_width(letter) in "WF" else _UNKNOWN


def width(words: str, size: float, *, bold: bool = False) -> float:
    """The width of a printable text in the unit of `size`: not less than what common fonts make of it."""
    return sum(_letter(c, bold) for c in words) * size / 1000 * _MARGIN


def fixed(words: str) -> bool:
    """Whether a text has letters whose width only a font knows, so that a drawing must state the width of the whole."""
    return any(c not in PLAIN for c in words)


def lines(words: str, most: float, size: float, *, bold: bool = False) -> list[str]:
    """A printable text in lines of at most `most`, broken at blanks where there are some, else between letters.

    Nothing is lost but the blanks at which it breaks; a single letter is never too wide.
    """
    found: list[str] = []
    rest = words.strip()
    while width(rest, size, bold=bold) > most:
        end = _most_letters(rest, most, size, bold)
        blank = rest.rfind(" ", 1, end + 1)
        at = blank if blank > 0 else end
        found.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*found, rest] if rest or not found else found


def _most_letters(words: str, most: float, size: float, bold: bool) -> int:
    """How many letters fit; at least one."""
    taken = 0.0
    for at, letter in enumerate(words):
        taken += _letter(letter, bold) * size / 1000 * _MARGIN
        if taken > most:
            return max(at, 1)
    return len(words)
