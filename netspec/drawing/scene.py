"""What the styles of our own layout are made of: shapes with places, in no theme and on no page yet.

Lengths are units of a scene; a page scales them. x grows to the right, y grows downwards. Colours are roles (`"frame"`,
a family of layers), which a theme gives colours to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from netspec.drawing.text import width

MAIN: Final = 10.0
"""The size of type for what a box says."""
SMALL: Final = 8.5
"""The size of type for shapes, counts and notes: the smallest of a scene."""

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    role: str
    radius: float = 3
    heavy: bool = False
    dashed: bool = False
    frame: bool = False
    """Whether it stands behind others."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in one colour."""

    words: str
    role: str = "text"
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text; `y` is that of the line that letters stand on."""

    x: float
    y: float
    runs: tuple[Phrase, ...]
    size: float = MAIN
    anchor: Anchor = "middle"

    @property
    def width(self) -> float:
        """By measure."""
        return sum(width(run.words, self.size, bold=run.bold) for run in self.runs)

    @property
    def left(self) -> float:
        """The x of its left end."""
        return self.x - self.width * {"start": 0.0, "middle": 0.5, "end": 1.0}[self.anchor]


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points, perhaps with an arrow at its end."""

    points: tuple[Point, ...]
    arrow: bool = False
    dashed: bool = False
    role: str = "line"
    thin: bool = False


@dataclass(frozen=True, slots=True)
class Area:
    """A polygon: the side of a volume. `shade` is how much darker it is than the front, 0 to 1."""

    points: tuple[Point, ...]
    role: str
    shade: float = 0.0
    clear: bool = False
    """Whether one sees through it."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle with a sign in it."""

    x: float
    y: float
    radius: float
    sign: str


@dataclass(frozen=True, slots=True)
class Embedded:
    """A picture that another program made: elements of SVG in its own units, at a scale, in colours that stay."""

    x: float
    y: float
    scale: float
    elements: str
    roles: frozenset[str]
    """The families of layers that it shows."""


@dataclass(frozen=True, slots=True)
class Tip:
    """Shapes that tell more when one points at them."""

    words: str
    shapes: tuple[Shape, ...]


Shape = Box | Words | Stroke | Area | Circle | Embedded | Tip


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture without a page: its shapes, from (0, 0) to (`width`, `height`)."""

    width: float
    height: float
    shapes: tuple[Shape, ...]


def flat(shapes: Iterable[Shape]) -> Iterator[Box | Words | Stroke | Area | Circle | Embedded]:
    """All shapes, those of tips in their place."""
    for shape in shapes:
        if isinstance(shape, Tip):
            yield from flat(shape.shapes)
        else:
            yield shape


def moved(shapes: Iterable[Shape], dx: float, dy: float) -> tuple[Shape, ...]:
    """The shapes at another place."""
    return tuple(_moved(shape, dx, dy) for shape in shapes)


def _moved(shape: Shape, dx: float, dy: float) -> Shape:
    match shape:
        case Stroke() | Area():
            return replace(shape, points=tuple((x + dx, y + dy) for x, y in shape.points))
        case Tip():
            return Tip(shape.words, moved(shape.shapes, dx, dy))
        case _:
            return replace(shape, x=shape.x + dx, y=shape.y + dy)


def beside(scenes: Sequence[Scene], gap: float) -> Scene:
    """Scenes next to each other, their upper edges on one line."""
    shapes: list[Shape] = []
    x = 0.0
    for scene in scenes:
        shapes += moved(scene.shapes, x, 0)
        x += scene.width + gap
    return Scene(x - gap, max(scene.height for scene in scenes), tuple(shapes))


def below(scenes: Sequence[Scene], gap: float) -> Scene:
    """Scenes under each other, each in the middle."""
    widest = max(scene.width for scene in scenes)
    shapes: list[Shape] = []
    y = 0.0
    for scene in scenes:
        shapes += moved(scene.shapes, (widest - scene.width) / 2, y)
        y += scene.height + gap
    return Scene(widest, y - gap, tuple(shapes))


def paragraph(words: Sequence[str], size: float, role: str, *, bold: bool = False, step: float = 1.3) -> Scene:
    """Lines of text under each other, each in the middle."""
    widest = max((width(line, size, bold=bold) for line in words), default=0.0)
    shapes = tuple(
        Words(widest / 2, size * (0.8 + step * number), (Phrase(line, role, bold),), size)
        for number, line in enumerate(words)
    )
    return Scene(widest, size * (1.1 + step * (len(words) - 1)), shapes)
