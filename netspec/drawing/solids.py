"""Values as solids: a map as a box in perspective, a sequence as a plate, a vector as a bar, on a stated scale."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import log2
from typing import Final, Literal, get_args

from netspec.drawing.scene import Area, Point, Stroke

ScaleName = Literal["log", "linear"]
SCALES: Final[tuple[ScaleName, ...]] = get_args(ScaleName)

_TALLEST: Final = 100.0
"""The height of the largest map, and of the longest vector."""
_DEEPEST: Final = 42.0
"""The thickness of a map of most channels."""
_LEAST: Final = 2.5
"""No side is shorter, so that one channel can be seen."""
_SLANT: Final = 0.32
"""A side that runs into the picture is so much shorter than one in its plane, and goes as far up as to the right."""
_BAR: Final = 9.0
"""The width of a vector's bar."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Lengths of sides, from the greatest sizes that a picture has."""

    name: ScaleName
    side: int
    """The greatest height or width of a map, or length of a sequence."""
    channels: int
    features: int
    share: float = 1.0
    """Of the length that a side has where there is room."""

    def of(self, size: int, greatest: int, longest: float) -> float:
        """The length of a side: proportional to its size, or to the logarithm of 1 + size, so that a doubling adds as
        much everywhere."""
        share = size / greatest if self.name == "linear" else log2(1 + size) / log2(1 + greatest)
        return max(share * longest * self.share, _LEAST)


def scale_of(name: ScaleName, shapes: Iterable[tuple[int, ...]]) -> Scale:
    """The scale on which these values are drawn."""
    sides: list[int] = []
    channels: list[int] = []
    features: list[int] = []
    for shape in shapes:
        match shape:
            case (count, high, wide):
                channels.append(count)
                sides += [high, wide]
            case (length, wide):
                sides.append(length)
                channels.append(wide)
            case _:
                features += shape
    return Scale(name, max(sides, default=1), max(channels, default=1), max(features, default=1))


@dataclass(frozen=True, slots=True)
class Solid:
    """The sizes of a value in a picture."""

    shape: tuple[int, ...]
    """Of 1, 2 or 3 axes: a vector, a sequence, a map."""
    thick: float
    """From left to right: channels."""
    high: float
    deep: float
    """How far it goes up and to the right at once: the width of the map; 0 for plates and bars."""

    @property
    def width(self) -> float:
        """All that it takes from left to right."""
        return self.thick + self.deep

    @property
    def height(self) -> float:
        """All that it takes from top to bottom."""
        return self.high + self.deep

    def sides(self, x: float, y: float, role: str) -> list[Area]:
        """Its sides, with the upper left corner of its front at (x, y)."""
        a, b = (x, y), (x + self.thick, y)
        c, d = (x + self.thick, y + self.high), (x, y + self.high)
        front = Area((a, b, c, d), role)
        if not self.deep:
            return [front]
        up = self.deep
        top = Area((a, b, (b[0] + up, b[1] - up), (a[0] + up, a[1] - up)), role, 0.08)
        right = Area((b, (b[0] + up, b[1] - up), (c[0] + up, c[1] - up), c), role, 0.2)
        return [front, top, right]

    def window(self, x: float, y: float, kernel: tuple[int, int]) -> list[Point]:
        """The corners of a kernel on the side that looks to the right, in its middle."""
        _, height, width = self.shape
        tall = min(kernel[0] / height, 1.0) * self.high
        wide = min(kernel[1] / width, 1.0) * self.deep
        left, top = x + self.thick + (self.deep - wide) / 2, y + (self.high - tall) / 2 - (self.deep - wide) / 2
        return [(left, top), (left + wide, top - wide), (left + wide, top - wide + tall), (left, top + tall)]


def solid(shape: tuple[int, ...], scale: Scale) -> Solid:
    """The solid of a value of 1, 2 or 3 axes."""
    if len(shape) == 1:
        return Solid(shape, _BAR, scale.of(shape[0], scale.features, _TALLEST), 0.0)
    if len(shape) == 2:
        high, thick = scale.of(shape[0], scale.side, _TALLEST), scale.of(shape[1], scale.channels, _DEEPEST)
        return Solid(shape, thick, high, 0.0)
    high, deep = (scale.of(side, scale.side, _TALLEST) for side in shape[1:])
    return Solid(shape, scale.of(shape[0], scale.channels, _DEEPEST), high, deep * _SLANT)


def between(a: Solid, at: Point, b: Solid, to: Point, kernel: tuple[int, int] | None) -> list[Area | Stroke]:
    """What leads from one solid to the next: the cone of a kernel, all lines between vectors, else an arrow.

    Args:
        a: the solid on the left, the upper left corner of whose front is `at`.
        at: see `a`.
        b: the solid on the right.
        to: the corner of `b`.
        kernel: height and width of the window that makes a value of `b` of those of `a`.
    """
    (ax, ay), (bx, by) = at, to
    middle = by + b.high / 2
    if kernel is not None and len(a.shape) == len(b.shape) == 3:
        corners = a.window(ax, ay, kernel)
        apex = (bx, middle)
        cone = (Stroke((corner, apex), role="faint", thin=True) for corner in (corners[1], corners[2]))
        return [Area(tuple(corners), "window", 0.0, clear=True), *cone]
    if len(a.shape) == len(b.shape) == 1:
        ends = ((ay, by), (ay, by + b.high), (ay + a.high, by), (ay + a.high, by + b.high))
        return [Stroke(((ax + a.thick, y), (bx, z)), role="faint", thin=True) for y, z in ends]
    return [Stroke(((ax + a.width + 1, middle), (bx, middle)), arrow=True)]
