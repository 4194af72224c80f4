"""Texts for LaTeX: every letter of a spec as itself, by pdfTeX, LuaTeX and XeTeX, with what the classes of TeX define.

What TeX reads as more than a letter is escaped. Signs that its fonts have in mathematics come from there. Chinese is
left to `ctex`. Any other letter is asked of the font, which shows it, or else its code.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final

from netspec.views.letters import printable

LETTER: Final = r"""\providecommand\netspecletter[2]{%  a letter that not every font has, and its code
  \ifdefined\Umathchar\iffontchar\font"#1 #2\else\netspeccode{#1}\fi\else\netspeccode{#1}\fi}
\providecommand\netspeccode[1]{\fbox{\fontsize{5}{5}\selectfont\ttfamily#1}}
"""
"""What a document with letters of `\\netspecletter` defines."""
CHINESE: Final = r"\usepackage[scheme=plain]{ctex}"
"""What a document with Chinese letters loads."""

_SPECIAL: Final = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': r"\symbol{34}", "'": r"\textquotesingle{}", "`": r"\textasciigrave{}",
    "\N{NO-BREAK SPACE}": "~", "–": r"\textendash{}", "—": r"\textemdash{}", "…": r"\dots{}", "‘": r"\textquoteleft{}",
    "’": r"\textquoteright{}", "“": r"\textquotedblleft{}", "”": r"\textquotedblright{}", "•": r"\textbullet{}",
    "×": r"\texttimes{}", "·": r"\textperiodcentered{}", "÷": r"\textdiv{}", "±": r"\textpm{}",
    "→": r"\textrightarrow{}", "←": r"\textleftarrow{}", "²": r"\texttwosuperior{}", "³": r"\textthreesuperior{}",
    "¹": r"\textonesuperior{}", "½": r"\textonehalf{}", "¼": r"\textonequarter{}", "¾": r"\textthreequarters{}",
    "¡": r"\textexclamdown{}", "¿": r"\textquestiondown{}", "€": r"\texteuro{}", "£": r"\textsterling{}",
    "¥": r"\textyen{}", "§": r"\S{}", "¶": r"\P{}", "©": r"\textcopyright{}",
    "®": r"\textregistered{}", "°": r"\textdegree{}",
}  # fmt: skip
_SIGNS: Final = {
    "↑": "uparrow", "↓": "downarrow", "↔": "leftrightarrow", "−": "-",
    "⋅": "cdot", "≤": "le", "≥": "ge", "≠": "ne", "≈": "approx", "∞": "infty",
    "∑": "sum", "∏": "prod", "√": "surd", "∂": "partial", "∇": "nabla", "∈": "in", "⊕": "oplus", "⊗": "otimes",
    "⊙": "odot", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil", "⋯": "cdots", "⋮": "vdots",
    "¬": "neg", "∘": "circ", "∥": "parallel",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "varepsilon", "ζ": "zeta", "η": "eta", "θ": "theta",
    "ι": "iota", "κ": "kappa", "λ": "lambda", "μ": "mu", "µ": "mu", "ν": "nu", "ξ": "xi", "π": "pi", "ρ": "rho",
    "σ": "sigma", "τ": "tau", "υ": "upsilon", "φ": "varphi", "χ": "chi", "ψ": "psi", "ω": "omega", "Γ": "Gamma",
    "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma", "Υ": "Upsilon", "Φ": "Phi",
    "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip
"""The names of signs in mathematics; what begins with no letter is written as it is."""
_PLAIN: Final = frozenset("ßæÆøØœŒłŁ")
_ACCENTS: Final = frozenset("\u0300\u0301\u0302\u0303\u0304\u0306\u0307\u0308\u030a\u030b\u030c\u0327")
"""Accents of Latin letters that every encoding of TeX's fonts has."""
_LIGATURES: Final = frozenset("-,!?`'<>")
"""Of these two in a row are another sign."""


def escaped(words: str) -> str:
    """A text for LaTeX, without what `printable` leaves out. Blanks stay, also at the ends and several in a row."""
    found: list[str] = []
    before = ""
    for letter in printable(words):
        if letter == " ":
            found.append(r"\ " if before in ("", " ") else " ")
        else:
            found.append(("{}" if letter == before and letter in _LIGATURES else "") + _letter(letter))
        before = letter
    if before == " " and found[-1] == " ":
        found[-1] = r"\ "
    return "".join(found)


def named(words: str) -> bool:
    """Whether a text has letters that the document must define, by `LETTER`."""
    return any(_letter(c).startswith(r"\netspecletter") for c in printable(words))


def chinese(words: str) -> bool:
    """Whether a text has letters that the document must load `CHINESE` for."""
    return any(_is_chinese(c) for c in printable(words))


def comment(words: str) -> list[str]:
    """A text as lines of comments."""
    return [f"% {printable(line)}".rstrip() for line in words.split("\n")]


@cache
def _letter(letter: str) -> str:
    if letter in _SPECIAL:
        return _SPECIAL[letter]
    if letter in _SIGNS:
        sign = _SIGNS[letter]
        return rf"\ensuremath{{{sign if not sign.isalpha() else chr(92) + sign}}}"
    if letter.isascii() or letter in _PLAIN or _is_accented(letter) or _is_chinese(letter):
        return letter
    return rf"\netspecletter{{{ord(letter):X}}}{{{letter}}}"


def _is_accented(letter: str) -> bool:
    parts = unicodedata.normalize("NFD", letter)
    return "\xc0" <= letter <= "\u017f" and len(parts) == 2 and parts[0].isascii() and parts[1] in _ACCENTS


def _is_chinese(letter: str) -> bool:
    """Whether a letter is one of those that the fonts of `ctex` have: the ideographs and signs of GB 2312."""
    try:
        return not letter.isascii() and unicodedata.east_asian_width(letter) == "W" and bool(letter.encode("gb2312"))
    except UnicodeEncodeError:
        return False
