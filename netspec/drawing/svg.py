"""A scene as the text of an SVG file. Every text of a spec is escaped here, and nowhere else."""

from __future__ import annotations

import html
import unicodedata
from typing import Final

from netspec.drawing.scene import Area, Box, Circle, Embedded, Phrase, Scene, Shape, Stroke, Tip, Words
from netspec.drawing.text import FILLED, fixed, printable
from netspec.drawing.theme import Theme, shaded

FONTS: Final = "Helvetica, Arial, Liberation Sans, DejaVu Sans, Noto Sans CJK SC, Microsoft YaHei, sans-serif"
_HEAD: Final = 5.0
"""The length of an arrow's head."""


def svg(scene: Scene, theme: Theme, size: tuple[float, float, float], *, label: str) -> str:
    """The SVG of a scene.

    Args:
        scene: what to draw.
        theme: its colours.
        size: width and height of the picture in points, and the free room around the scene in the scene's units.
        label: what the picture shows, for those who hear it.
    """
    width, height, margin = size
    wide, high = scene.width + 2 * margin, scene.height + 2 * margin
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_n(width)}pt" height="{_n(height)}pt" '
        f'viewBox="{_n(-margin)} {_n(-margin)} {_n(wide)} {_n(high)}" role="img" font-family="{FONTS}" '
        f'stroke-linejoin="round">',
        f"<title>{_text(label)}</title>",
    ]
    if theme.page is not None:
        parts.append(
            f'<rect x="{_n(-margin)}" y="{_n(-margin)}" width="{_n(wide)}" height="{_n(high)}" fill="{theme.page}"/>'
        )
    parts += [_shape(shape, theme) for shape in scene.shapes]
    return "\n".join([*parts, "</svg>\n"])


def _n(number: float) -> str:
    """A number with at most two decimals."""
    text = f"{number:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _text(words: str) -> str:
    return html.escape(printable(words), quote=False)


def _tip(words: str) -> str:
    """A tooltip, which keeps its lines."""
    return "\n".join(_text(line) for line in words.split("\n"))


def _shape(shape: Shape, theme: Theme) -> str:
    match shape:
        case Tip():
            inside = "\n".join(_shape(inner, theme) for inner in shape.shapes)
            return f"<g><title>{_tip(shape.words)}</title>\n{inside}\n</g>"
        case Box():
            return _box(shape, theme)
        case Words():
            return _words(shape, theme)
        case Stroke():
            return _line(shape, theme)
        case Area():
            return _area(shape, theme)
        case Circle():
            return _circle(shape, theme)
        case Embedded():
            place = f"translate({_n(shape.x)} {_n(shape.y)}) scale({shape.scale:.6g})"
            return f'<g transform="{place}">\n{shape.elements}</g>'


def _box(box: Box, theme: Theme) -> str:
    color = theme.fills[box.role]
    dash = ' stroke-dasharray="4 3"' if box.dashed else ""
    return (
        f'<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" '
        f'rx="{_n(box.radius)}" fill="{color.fill}" stroke="{color.line}" '
        f'stroke-width="{1.6 if box.heavy else 0.8}"{dash}/>'
    )


def _words(words: Words, theme: Theme) -> str:
    whole = "".join(run.words for run in words.runs)
    x, length = words.x, ""
    anchor = "" if words.anchor == "start" else f' text-anchor="{words.anchor}"'
    if fixed(printable(whole)):  # from its left end, since browsers do not agree where the middle of such a text is
        x, anchor = words.left + words.width * (1 - FILLED) / 2, ""
        length = f' textLength="{_n(words.width * FILLED)}" lengthAdjust="spacingAndGlyphs"'
    start = f'<text x="{_n(x)}" y="{_n(words.y)}" font-size="{_n(words.size)}"{anchor}{length}'
    if len(words.runs) == 1:
        return f"{start}{_look(words.runs[0], theme)}>{_led(_text(whole))}</text>"
    spans = "".join(f"<tspan{_look(run, theme)}>{_led(_text(run.words))}</tspan>" for run in words.runs)
    return f'{start} xml:space="preserve">{spans}</text>'


def _led(text: str) -> str:
    """A text that begins with a mark behind a blank: without a letter before it, a mark is drawn to the left of it."""
    return f"\N{NO-BREAK SPACE}{text}" if unicodedata.category(text[:1] or " ")[0] == "M" else text


def _look(run: Phrase, theme: Theme) -> str:
    return f' fill="{theme.inks[run.role]}"' + (' font-weight="bold"' if run.bold else "")


def _line(line: Stroke, theme: Theme) -> str:
    color = theme.line if line.role == "line" else theme.inks[line.role]
    points = list(line.points)
    head = ""
    if line.arrow:
        (x0, y0), (x1, y1) = points[-2:]
        long = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-6)
        ux, uy = (x1 - x0) / long, (y1 - y0) / long
        back = (x1 - ux * _HEAD, y1 - uy * _HEAD)
        corners = ((x1, y1), (back[0] - uy * 2.4, back[1] + ux * 2.4), (back[0] + uy * 2.4, back[1] - ux * 2.4))
        head = f'\n<path d="{_path(corners)}Z" fill="{color}"/>'
        points[-1] = back
    dash = ' stroke-dasharray="4 3"' if line.dashed else ""
    stroke = 0.5 if line.thin else 1
    return f'<path d="{_path(points)}" fill="none" stroke="{color}" stroke-width="{stroke}"{dash}/>{head}'


def _path(points: list[tuple[float, float]] | tuple[tuple[float, float], ...]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _area(area: Area, theme: Theme) -> str:
    color = theme.fills[area.role]
    fill = "none" if color.fill == "none" else shaded(color.fill, area.shade)
    see = ' fill-opacity="0.35"' if area.clear else ""
    return f'<path d="{_path(area.points)}Z" fill="{fill}" stroke="{color.line}" stroke-width="0.6"{see}/>'


def _circle(circle: Circle, theme: Theme) -> str:
    fill, line = theme.fills["end"].fill, theme.line
    size = circle.radius * 2
    return (
        f'<circle cx="{_n(circle.x)}" cy="{_n(circle.y)}" r="{_n(circle.radius)}" fill="{fill}" stroke="{line}"/>\n'
        f'<text x="{_n(circle.x)}" y="{_n(circle.y + size * 0.34)}" font-size="{_n(size)}" text-anchor="middle" '
        f'fill="{theme.inks["text"]}">{_text(circle.sign)}</text>'
    )
