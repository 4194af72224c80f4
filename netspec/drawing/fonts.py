"""Texts of a picture for a converter that does less for them than a browser does.

A browser takes every letter from the first font of a list that has it, and centres a line of several parts. CairoSVG
takes the first font for all letters, draws nothing of one that is not in it, and centres each part for itself. So lines
are cut where the font must change, and begin where their width, by the fonts of this machine, makes them begin.
"""

from __future__ import annotations

import subprocess
import xml.etree.ElementTree as Tree
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from importlib import import_module
from itertools import groupby
from typing import Any, Final

_SVG: Final = "http://www.w3.org/2000/svg"
_TEXT: Final = f"{{{_SVG}}}text"
_SPAN: Final = f"{{{_SVG}}}tspan"
_PRESERVED: Final = "{http://www.w3.org/XML/1998/namespace}space"
_FURTHER: Final = ("PingFang SC", "Hiragino Sans GB", "WenQuanYi Micro Hei", "SimHei", "Arial Unicode MS")
"""Fonts with Chinese that are asked where no fontconfig says which font has a letter."""
_SIZE: Final = 100.0
"""The size at which letters are measured: hinting then changes no width by more than a hundredth."""
Run = tuple[dict[str, str], str]
"""A part of a line: what is said of its look, and its words."""


def lettered(svg: str) -> tuple[str, str]:
    """An SVG whose texts name for each letter a font that has it, and begin where they are to begin.

    Args:
        svg: a picture of ours.

    Returns:
        The SVG, and the letters that no font of this machine has, each once.
    """
    root = Tree.fromstring(svg)
    families = tuple(name.strip() for name in root.get("font-family", "sans-serif").split(","))
    lacking: dict[str, None] = {}
    for text, given in _texts(root, families):
        runs = list(_runs(text))
        lacking |= dict.fromkeys(c for look, words in runs for c in words if font_of(c, given, _bold(look)) is None)
        cut = [run for look, words in runs for run in _cut(look, words, given)]
        if len(cut) > 1 or any("font-family" in look for look, _ in cut):
            _write(text, cut, given)
    Tree.register_namespace("", _SVG)
    Tree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    return Tree.tostring(root, encoding="unicode"), "".join(lacking)


def _texts(element: Tree.Element, families: tuple[str, ...]) -> Iterator[tuple[Tree.Element, tuple[str, ...]]]:
    """Each text below an element, with the fonts that it asks for: its own, and then those of the whole."""
    for text in element.iter(_TEXT):
        own = [text.get("font-family", ""), *(span.get("font-family", "") for span in text.iter(_SPAN))]
        named = (name.strip() for names in own for name in names.split(","))
        yield text, tuple(dict.fromkeys([*filter(None, named), *families]))


def _runs(text: Tree.Element) -> Iterator[Run]:
    """The parts of a line; what is said of the whole of it is said of each of them."""
    common = {key: value for key, value in text.attrib.items() if key in ("font-weight", "font-size", "fill")}
    if text.text:
        yield common, text.text
    for span in text:
        yield common | span.attrib, span.text or ""


def _cut(look: dict[str, str], words: str, families: tuple[str, ...]) -> Iterator[Run]:
    """A part of a line in parts of one font each. Which is the first one is not said."""
    for family, letters in groupby(words, lambda letter: font_of(letter, families, _bold(look)) or families[0]):
        yield (look if family == families[0] else look | {"font-family": family}), "".join(letters)


def _write(text: Tree.Element, runs: list[Run], families: tuple[str, ...]) -> None:
    """Put the parts in the place of a text, one behind the other from where the whole begins."""
    size = float(text.get("font-size", "0"))
    width = sum(
        advance(letter, look.get("font-family", families[0]), _bold(look)) * float(look.get("font-size", size))
        for look, words in runs
        for letter in words
    )
    left = (
        float(text.get("x", "0")) - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[text.get("text-anchor", "start")]
    )
    room = text.attrib.pop("textLength", None)
    if room is not None:
        left += max(0.0, float(room) - width) / 2
    text.attrib.pop("text-anchor", None)
    text.set("x", f"{left:.2f}")
    text.text = None
    for child in list(text):
        text.remove(child)
    for look, words in runs:
        span = Tree.SubElement(text, _SPAN, look | {_PRESERVED: "preserve"})
        span.text = words


def _bold(look: dict[str, str]) -> bool:
    return look.get("font-weight") == "bold"


@cache
def font_of(letter: str, families: tuple[str, ...], bold: bool) -> str | None:
    """The first font that has a letter: of those that are asked for, of what fontconfig knows, of well-known ones."""
    if letter.isspace() or not letter.isprintable():
        return families[0]
    return next((name for name in _candidates(letter, families) if _has(name, letter, bold)), None)


def _candidates(letter: str, families: Iterable[str]) -> Iterator[str]:
    yield from families
    asked = ["fc-match", "-f", "%{family[0]}", f"sans-serif:charset={ord(letter):x}"]
    with suppress(OSError, subprocess.TimeoutExpired):  # there is no fontconfig
        yield subprocess.run(asked, capture_output=True, timeout=10, check=False).stdout.decode(errors="replace")
    yield from _FURTHER


@cache
def _scaled(family: str, bold: bool) -> Any:
    """A font of cairo's; the one that stands for it where it is not installed."""
    cairo = import_module("cairocffi")
    weight = cairo.FONT_WEIGHT_BOLD if bold else cairo.FONT_WEIGHT_NORMAL
    face = cairo.ToyFontFace(family, cairo.FONT_SLANT_NORMAL, weight)
    return cairo.ScaledFont(face, cairo.Matrix(_SIZE, 0, 0, _SIZE, 0, 0))


@cache
def _has(family: str, letter: str, bold: bool) -> bool:
    """Whether a font has a letter: a glyph of number 0 is drawn for any that it lacks."""
    glyphs = _scaled(family, bold).text_to_glyphs(0, 0, letter, with_clusters=False)
    return all(index != 0 for index, _, _ in glyphs)


@cache
def advance(letter: str, family: str, bold: bool) -> float:
    """The width of a letter for a size of 1."""
    return _scaled(family, bold).text_extents(letter)[4] / _SIZE
