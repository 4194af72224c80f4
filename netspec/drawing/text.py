"""The measure of text without a font at hand: its width by a table, and its lines."""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from netspec.drawing.widths import BOLD, PLAIN
from netspec.views.letters import printable as printable  # what is measured is printable

FILLED: Final = 0.94
"""The part of its room that a text fills whose width only a font knows: marks stand out at its ends."""
_MARGIN: Final = 1.02
"""Fonts that are not DejaVu may have single letters that are wider by a little."""
_WIDE: Final = 1000
"""Of an East Asian letter, which its fonts give a square: twice the mean of a Latin one."""
_UNKNOWN: Final = 1250
"""Of a letter that only a font knows the width of, an emoji or one of a further script; `fixed` tells of such."""


@cache
def _letter(letter: str, bold: bool) -> int:
    """In thousandths of the size."""
    known = (BOLD if bold else PLAIN).get(letter)
    if known is not None:
        return known
    return _WIDE if _is_square(letter) else _UNKNOWN


def _is_square(letter: str) -> bool:
    """Whether a letter is an ideograph, a kana, a syllable of Hangul or a sign among them."""
    return unicodedata.east_asian_width(letter) in "WF" and unicodedata.category(letter) != "So"


def width(words: str, size: float, *, bold: bool = False) -> float:
    """The width of a printable text in the unit of `size`: not less than what common fonts make of it."""
    return sum(_letter(c, bold) for c in words) * size / 1000 * _MARGIN


def fixed(words: str) -> bool:
    """Whether a text has letters whose width only a font knows, so that a drawing must state the width of the whole."""
    return any(c not in PLAIN and not _is_square(c) for c in words)


def lines(words: str, most: float, size: float, *, bold: bool = False) -> list[str]:
    """What can be printed of a text, in as few lines of at most `most` as can be, which are equally long as far as
    that takes no further line. Broken at blanks where there are some, else between the parts of a word, else anywhere;
    only blanks are lost."""
    rows = _filled(words, most, size, bold=bold)
    if len(rows) > 1:
        mean = width(printable(words), size, bold=bold) / len(rows)
        for share in (1.0, 1.1, 1.25, 1.4):
            even = _filled(words, min(mean * share, most), size, bold=bold)
            if len(even) == len(rows):
                return even
    return rows


def _filled(words: str, most: float, size: float, *, bold: bool) -> list[str]:
    found: list[str] = []
    rest = printable(words).strip()
    while width(rest, size, bold=bold) > most:
        end = _most_letters(rest, most, size, bold)
        blank = rest.rfind(" ", 1, end + 1)
        at = blank if blank > 0 else _seam(rest, end)
        found.append(rest[:at].rstrip())
        rest = rest[at:].lstrip()
    return [*found, rest] if rest or not found else found


def _seam(words: str, end: int) -> int:
    """Where a word that is too long is best broken at or before a letter: `Position|Embedding`, `conv_|bn`."""
    seams = (
        at
        for at in range(end, end // 2, -1)
        if words[at - 1] in "_-/.,)" or (words[at - 1].islower() and words[at : at + 1].isupper())
    )
    return next(seams, end)


def _most_letters(words: str, most: float, size: float, bold: bool) -> int:
    """How many letters fit; at least one."""
    taken = 0.0
    for at, letter in enumerate(words):
        taken += _letter(letter, bold) * size / 1000 * _MARGIN
        if taken > most:
            return max(at, 1)
    return len(words)
