"""What is still to be done to an SVG of Graphviz: tooltips as browsers show them, and widths that no font changes."""

from __future__ import annotations

import html
import re
from typing import Final

from netspec.drawing.labels import BACKSLASH, END, FOLLOWS, JOINER, MIDDLE
from netspec.drawing.text import FILLED, fixed, width

_GROUP: Final = re.compile(r'(<g id="[^"]*" class="(?:node|edge|cluster|graph)"[^>]*>\n)<title>[^<]*</title>\n')
_TIP: Final = re.compile(r'<g id="a_[^"]*"><a xlink:title="([^"]*)">\n')
_BOX: Final = r'<(?:path|polygon) [^>]*?(?: d| points)="([^"]*)"[^>]*>'
_TEXT: Final = r'<text xml:space="preserve" text-anchor="start" x="([^"]*)" y="([^"]*)" ([^>]*)>([^<]*)</text>\n'
_SHAPE: Final = re.compile(f"{_BOX}|{_TEXT}")
_SIZE: Final = re.compile(r'font-size="([\d.]+)"')
_X: Final = re.compile(r"(-?[\d.]+),-?[\d.]+")
_PADDING: Final = 5
"""Points between the end of a text and the border of its box."""


def finished(svg: str) -> str:
    """The SVG with tooltips in `title` elements in the place of names of nodes, texts that are centred or end in their
    boxes wherever a reader's fonts make them begin, and those with letters that common fonts lack as wide as the room
    that was kept for them."""
    parts = _GROUP.split(svg)
    groups = [head + _titled(body) for head, body in zip(parts[1::2], parts[2::2], strict=True)]
    return _placed("".join([parts[0], *groups])).replace(JOINER, "")


def _titled(body: str) -> str:
    """A group with the text of its links, which lead nowhere, as its title."""
    tip = _TIP.search(body)
    if tip is None:
        return body
    plain = _TIP.sub("", body).replace("</a>\n</g>\n", "")
    words = html.escape(html.unescape(tip[1]).replace(BACKSLASH, "\\"), quote=False)
    return f"<title>{words}</title>\n{plain}"


def _placed(svg: str) -> str:
    """The SVG with each text where it belongs in the box that was drawn last, and those on one line in one element."""
    box = (0.0, 0.0)
    made: list[str] = []
    line: list[tuple[str, str]] = []
    start, at = ("start", "", ""), 0
    for found in _SHAPE.finditer(svg):
        shape, x, y, look, words = found.groups()
        if line and not (words or "").startswith(FOLLOWS):
            made.append(_written(*start, line))
            line = []
        made.append(svg[at : found.start()])
        at = found.end()
        if words is None:
            made.append(found[0])
            across = [float(number) for number in _X.findall(shape)]
            box = (min(across), max(across)) if across else box
            continue
        if words.startswith(MIDDLE):
            start = "middle", f"{sum(box) / 2:.2f}", y
        elif words.startswith(END):
            start = "end", f"{box[1] - _PADDING:.2f}", y
        elif not line:
            start = "start", x, y
        line.append((look, words.lstrip(f"{MIDDLE}{END}{FOLLOWS}")))
    made += [_written(*start, line)] if line else []
    return "".join([*made, svg[at:]])


def _written(anchor: str, x: str, y: str, runs: list[tuple[str, str]]) -> str:
    """One line of text. Where no table knows its letters, it is made as wide as the room that was kept for it."""
    plain = [html.unescape(words).replace(JOINER, "") for _, words in runs]
    length = ""
    if fixed("".join(plain)):
        sizes = [float(found[1]) for look, _ in runs if (found := _SIZE.search(look))]
        bold = ['weight="bold"' in look for look, _ in runs]
        room = sum(width(words, size, bold=b) for words, size, b in zip(plain, sizes, bold, strict=True))
        left = float(x) - room * {"start": 0, "middle": 0.5, "end": 1}[anchor]
        inset = room * (1 - FILLED) / 2
        anchor, x = "start", f"{left + inset:.2f}"  # browsers do not agree where the middle of such a text is
        length = f' textLength="{room * FILLED:.1f}" lengthAdjust="spacingAndGlyphs"'
    start = f'<text xml:space="preserve" text-anchor="{anchor}" x="{x}" y="{y}"{length}'
    if len(runs) == 1:
        return f"{start} {runs[0][0]}>{runs[0][1]}</text>\n"
    return f"{start}>{''.join(f'<tspan {look}>{words}</tspan>' for look, words in runs)}</text>\n"
