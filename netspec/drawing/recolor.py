"""The pictures of Graphviz in other themes: each colour of the light one by what it stands for there."""

from __future__ import annotations

import re
from typing import Final

from netspec.drawing.palette import FRAME, GROUP, LINE, QUIET, TEXT, family_colors
from netspec.drawing.theme import Theme

_PART: Final = re.compile(r'(<g id="[^"]*" class="[a-z]+"[^>]*>)')
_CLASS: Final = re.compile(r' class="([a-z]+)"')
_TAG: Final = re.compile(r"<(path|polygon|ellipse|polyline|tspan|text) [^>]*>")
_FILL: Final = re.compile(r' fill="(#[0-9a-f]{6})"')
_FONT: Final = re.compile(r' font-family="[^"]*"')
_LETTERS: Final = frozenset(("text", "tspan"))
"""The elements that hold letters."""
_STROKE: Final = re.compile(r' stroke="(#[0-9a-f]{6})"')
_BODY: Final = re.compile(r"<svg\s[^>]*>\n?(.*)</svg>", re.DOTALL)
_SIZE: Final = re.compile(r'<svg width="([\d.]+)pt" height="([\d.]+)pt"')

_INKS: Final = {TEXT: ("text", "ink"), QUIET: ("quiet", "faint"), LINE: ("text", "ink")}
"""The roles of each colour of text: in a box, and on the page or on a frame."""


def _roles() -> dict[str, str]:
    """What each colour of a box's line stands for."""
    families: dict[str, str] = {color.line: family for family, color in family_colors().items()}
    return {**families, GROUP.line: "group", FRAME.line: "frame", LINE: "end"}


def roles_of(svg: str) -> frozenset[str]:
    """The families of layers that have a box in a picture."""
    lines = set(_STROKE.findall(svg))
    return frozenset(family for family, color in family_colors().items() if color.line in lines)


def size_of(svg: str) -> tuple[float, float]:
    """Width and height of a picture in points."""
    found = _SIZE.search(svg)
    assert found is not None  # Graphviz begins every picture so
    return float(found[1]), float(found[2])


def recolored(svg: str, theme: Theme) -> str:
    """What stands inside the `svg` element of a picture by Graphviz, in a theme and without its page."""
    body = _BODY.search(svg)
    assert body is not None
    first, *parts = _PART.split(body[1])
    made = [first]
    for head, inside in zip(parts[::2], parts[1::2], strict=True):
        kind = _CLASS.search(head)
        made += [head, _part(inside, kind[1] if kind else "", theme)]
    return "".join(made)


def _part(inside: str, kind: str, theme: Theme) -> str:
    """A vertex, an edge or a frame. The fill of a box comes before its line, which tells what it is."""
    roles = _roles()
    strokes = [(found.start(), roles.get(found[1])) for found in _STROKE.finditer(inside)]
    boxed = kind == "node" and bool(strokes)

    def tag(found: re.Match[str]) -> str:
        whole = found[0]
        if found[1] in _LETTERS:
            plain = _FONT.sub("", whole)  # that of the picture around it, which knows Chinese letters
            return _FILL.sub(lambda fill: f' fill="{_ink(fill[1], boxed, theme)}"', plain)
        if kind == "edge":
            return _FILL.sub(f' fill="{theme.line}"', _STROKE.sub(f' stroke="{theme.line}"', whole))
        role = next((role for at, role in strokes if at >= found.start()), None)
        if role is None or kind == "graph":
            return _FILL.sub(' fill="none"', whole).replace(' stroke="black"', ' stroke="none"')  # no box: a page
        color = theme.fills[role]
        return _FILL.sub(f' fill="{color.fill}"', _STROKE.sub(f' stroke="{color.line}"', whole))

    return _TAG.sub(tag, inside)


def _ink(color: str, boxed: bool, theme: Theme) -> str:
    in_box, outside = _INKS[color]
    return theme.inks[in_box if boxed else outside]
