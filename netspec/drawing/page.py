"""A page: how large a scene is drawn on it, its title, caption and legend.

Type is never smaller than `SMALLEST`. A style offers layouts, the one that says most first; the first whose type is at
least `COMFORTABLE` is drawn, else the one with the largest type.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from netspec.diagnostics import UsageError
from netspec.drawing.conversion import converted
from netspec.drawing.language import Language
from netspec.drawing.palette import family_colors
from netspec.drawing.scene import (
    MAIN,
    SMALL,
    Area,
    Box,
    Embedded,
    Phrase,
    Scene,
    Shape,
    Words,
    below,
    flat,
    moved,
    paragraph,
)
from netspec.drawing.short import Voice
from netspec.drawing.solids import ScaleName
from netspec.drawing.svg import svg
from netspec.drawing.text import lines, width
from netspec.drawing.theme import ThemeName, theme

SMALLEST: Final = 6.0
"""Points: below, type cannot be read on paper."""
COMFORTABLE: Final = 7.0
"""Points: where folding and breaking may end."""
MARGIN: Final = 8.0

PAPERS: Final = {"a4": (482.0, 728.0, 10.0), "slide": (960.0, 540.0, 16.0), "column": (241.0, 648.0, 9.0)}
"""Width and height in points, and the greatest size that type grows to: the text block of an A4 sheet with margins of
2 cm, a slide of 13⅓ × 7½ inches, a column of a paper of two."""
_GREATEST: Final = 20_000
"""Points along a side of a page."""
_UNITS: Final = {"": 1.0, "pt": 1.0, "mm": 72 / 25.4, "cm": 720 / 25.4, "in": 72.0}
_SIZE: Final = re.compile(r"(\d{1,5}(?:\.\d{1,3})?)x(\d{1,5}(?:\.\d{1,3})?)(pt|mm|cm|in|)")


@dataclass(frozen=True, slots=True)
class Paper:
    """The room for a picture, in points."""

    name: str
    width: float
    height: float
    greatest: float
    """The size that the type of boxes grows to."""


def paper(name: str) -> Paper:
    """`a4`, `slide`, `column`, or a size as `400x300` (points), `160x90mm`, `6x4in`.

    Raises:
        UsageError: it is none of these.
    """
    small = name.lower()
    if small in PAPERS:
        return Paper(small, *PAPERS[small])
    match = _SIZE.fullmatch(small)
    if match is None:
        raise UsageError(f"--fit {name}: write `a4`, `slide`, `column` or a size as `400x300` (points) or `160x90mm`")
    wide, high = (float(match[at]) * _UNITS[match[3]] for at in (1, 2))
    if not (36 <= wide <= _GREATEST and 36 <= high <= _GREATEST):
        raise UsageError(f"--fit {name}: a page has 36 to {_GREATEST:,} points (12.7 mm to 7 m) each way")
    return Paper(small, wide, high, 16.0)


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is asked of a picture beside what it shows."""

    fit: Paper | None = None
    """None for as large as it comes, with type of 10 and 8.5 points."""
    title: str = ""
    caption: str = ""
    legend: bool = True
    """Whether to say what colours and sizes mean."""
    theme: ThemeName = "light"
    language: Language = "en"
    everything: bool = False
    scale: ScaleName = "log"
    """Of the sides of volumes."""

    @property
    def voice(self) -> Voice:
        """How words are said."""
        return Voice(self.language, self.everything)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A scene on its page."""

    scene: Scene
    page: Sheet
    scale: float
    """Points for each unit of the scene."""
    label: str
    """What it shows, for those who hear it."""
    folded: str
    """How the layout differs from the one that says most; empty if it does not."""

    @property
    def width(self) -> float:
        """In points."""
        return (self.scene.width + 2 * MARGIN) * self.scale

    @property
    def height(self) -> float:
        """In points."""
        return (self.scene.height + 2 * MARGIN) * self.scale

    @property
    def smallest(self) -> float:
        """The smallest size of type, in points."""
        return self.scale * SMALL

    @property
    def told(self) -> str:
        """Size, type and folding in a line."""
        size = f"{self.width:.0f} × {self.height:.0f} points, type of at least {self.smallest:.1f} points"
        return f"{size}; {self.folded}" if self.folded else size

    def file(self, form: str, tell: Callable[[str], object] | None = None) -> bytes:
        """The picture as a file: `svg`, `png` or `pdf`. `tell` takes what is to be said of letters that it lacks.

        Raises:
            MissingExtra: PNG or PDF, without what makes them.
        """
        size = self.width, self.height, MARGIN
        text = svg(self.scene, theme(self.page.theme), size, label=self.page.title or self.label)
        return converted(text, form, tell)


def drawn(layouts: Iterable[tuple[Scene, str]], page: Sheet, label: str, notes: tuple[str, ...] = ()) -> Drawn:
    """The picture of the best of several layouts of one thing.

    Args:
        layouts: scenes, each with words for how it is folded.
        page: what is asked of it.
        label: what it shows, for those who hear it.
        notes: what the legend says beside the colours.

    Raises:
        UsageError: type would be smaller than `SMALLEST` in every layout.
    """
    best: tuple[float, Scene, str] | None = None
    for bare, folded in layouts:
        scene = _furnished(bare, page, notes)
        scale = _scale(scene, page.fit)
        if best is None or scale > best[0] * 1.001:
            best = scale, scene, folded
        if page.fit is None or scale * SMALL >= COMFORTABLE:
            best = scale, scene, folded
            break
    assert best is not None
    scale, scene, folded = best
    found = Drawn(scene, page, scale, label, folded)
    if page.fit is not None and found.smallest < SMALLEST:
        raise TooSmall(page.fit, found.smallest)
    return found


def type_size(scene: Scene, page: Sheet, notes: tuple[str, ...] = ()) -> float:
    """The smallest size of type, in points, that a scene would have on its page."""
    return _scale(_furnished(scene, page, notes), page.fit) * SMALL


class TooSmall(UsageError):
    """A picture does not fit its page with type that can be read."""

    def __init__(self, fit: Paper, smallest: float) -> None:
        shown = f"{smallest:.1f}" if smallest < SMALLEST - 0.05 else f"{smallest:.3f}"
        self.told = (
            f"--fit {fit.name}: on {fit.width:.0f} × {fit.height:.0f} points type would be of {shown} points, "
            f"below {SMALLEST:g}"
        )
        wide, high = (int(side * SMALLEST / smallest) + 2 for side in (fit.width, fit.height))
        self.enough = f"`--fit {wide}x{high}`" if max(wide, high) <= _GREATEST else ""
        super().__init__(self.told)
        self.add([])

    def add(self, ways: Sequence[str]) -> None:
        """Say what fits: options, each of which has been tried, and a page of the same form that is large enough."""
        every = [*ways, *([self.enough] if self.enough else [])]
        self.args = (f"{self.told}; it fits with {' or '.join(every)}" if every else self.told,)


def _scale(scene: Scene, fit: Paper | None) -> float:
    if fit is None:
        return 1.0
    room = min(fit.width / (scene.width + 2 * MARGIN), fit.height / (scene.height + 2 * MARGIN))
    return min(room, fit.greatest / MAIN)


def _furnished(scene: Scene, page: Sheet, notes: tuple[str, ...]) -> Scene:
    """A scene with the title above it, and the legend and the caption below."""
    room = max(scene.width, 240.0)
    parts = [scene]
    if page.title:
        parts.insert(0, paragraph(lines(page.title, room, MAIN + 4, bold=True), MAIN + 4, "ink", bold=True))
    if page.legend:
        colors = _legend(scene, page, room)
        parts += [part for part in (colors, _noted(notes, room)) if part is not None]
    if page.caption:
        parts.append(paragraph(lines(page.caption, room, MAIN), MAIN, "ink"))
    return below(parts, 14) if len(parts) > 1 else scene


def _noted(notes: tuple[str, ...], room: float) -> Scene | None:
    rows = [row for note in notes for row in lines(note, room, SMALL)]
    return paragraph(rows, SMALL, "faint") if rows else None


def _legend(scene: Scene, page: Sheet, room: float) -> Scene | None:
    """The colours that the scene has, in rows, families of one colour together; None if there is only one."""
    used = {role for shape in flat(scene.shapes) for role in _roles(shape)}
    fills = theme(page.theme).fills
    same: dict[str, list[str]] = {}
    for family in (family for family in family_colors() if family in used):
        same.setdefault(fills[family].fill, []).append(family)
    if len(same) < 2:
        return None
    shapes: list[Shape] = []
    x = y = widest = 0.0
    for families in same.values():
        words = ", ".join(map(page.voice.word, families))
        wide = 14 + width(words, SMALL) + 12
        if x and x + wide > room:
            x, y = 0.0, y + 14
        shapes.append(Box(x, y, 9, 9, families[0], radius=1.5))
        shapes.append(Words(x + 13, y + 8, (Phrase(words, "ink"),), SMALL, "start"))
        x += wide
        widest = max(widest, x - 12)
    return Scene(widest, y + 11, moved(shapes, 0, 1))


def _roles(shape: Shape) -> Iterable[str]:
    match shape:
        case Box() | Area():
            return (shape.role,)
        case Embedded():
            return shape.roles
        case _:
            return ()
