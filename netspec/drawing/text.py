"""The measure of text without a font at hand: its width by a table, and its lines."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
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
_PICTURE: Final = 1250
"""Of an emoji, and of what no font may have."""
_FURTHER: Final = {
    **dict.fromkeys(("Lu", "Ll", "Lt", "Lm", "Lo", "Nd", "Nl", "No", "Pd", "Po"), 720),
    "Mc": 500, "Mn": 60, "Me": 60, "Zs": 320,
}  # fmt: skip
"""Of a letter of a further script, by its category: the mean of Noto's fonts for twenty scripts and a little more. A
mark above or below a letter has no width of its own."""
_OF_SCRIPTS: Final = (
    (0x0590, 600), (0x0600, 0), (0x0B80, 900), (0x0C00, 800), (0x0D00, 950), (0x0E00, 0), (0x1000, 860), (0x10A0, 0),
)  # fmt: skip
"""Of the scripts whose letters are narrower or wider, from which code point on: Hebrew, Tamil, Telugu and Kannada,
Malayalam and Sinhala, Burmese."""
_HALF: Final = 650
"""Of one of the two letters that are a flag."""
_TONES: Final = "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"
"""They change the emoji before them."""


@cache
def _letter(letter: str, bold: bool) -> int:
    """In thousandths of the size."""
    known = (BOLD if bold else PLAIN).get(letter)
    if known is not None:
        return known
    return _WIDE if _is_square(letter) else _further(letter)


def _further(letter: str) -> int:
    """Of a letter whose width only a font knows; `fixed` tells of such."""
    if "\U0001f1e6" <= letter <= "\U0001f1ff":
        return _HALF
    if letter in _TONES:
        return _FURTHER["Mn"]
    category = unicodedata.category(letter)
    at = bisect_right(_OF_SCRIPTS, ord(letter), key=lambda script: script[0])
    mean = _OF_SCRIPTS[at - 1][1] if at and category.startswith("L") else 0
    return mean or _FURTHER.get(category, _PICTURE)


def _is_square(letter: str) -> bool:
    """Whether a letter is an ideograph, a kana, a syllable of Hangul or a sign among them."""
    return unicodedata.east_asian_width(letter) in "WF" and unicodedata.category(letter) not in ("So", "Sk")


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
