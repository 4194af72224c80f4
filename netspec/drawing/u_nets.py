"""U-Nets in the style `volumes`: a row for each size of maps, down on the left, up on the right, skips across."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from typing import Final

from netspec.drawing.scene import Scene, Shape, Stroke, moved
from netspec.drawing.solids import Scale
from netspec.drawing.volume import Placed, Volume, row

_GAP: Final = 44.0
"""Between what falls and what rises."""
_LANE: Final = 6.0
"""The room for each skip above a row."""
_BETWEEN: Final = 18.0
"""Between two rows, where the line goes from one to the next."""


@dataclass(frozen=True, slots=True)
class _Storey:
    """The values of one size, by their numbers in the line: `right` is empty at the bottom."""

    left: range
    right: range
    skips: tuple[tuple[int, int], ...] = ()


def u_scene(line: Sequence[Volume], scale: Scale) -> Scene | None:
    """The picture of a line that is a U; None if it is none."""
    levels = _levels(line)
    return None if levels is None else _UPicture(line, levels, scale).scene()


def _levels(line: Sequence[Volume]) -> list[_Storey] | None:
    """The levels of a line, the largest maps first. None if it is no U: its maps do not fall step by step to a smallest
    size and rise through the same sizes again, or no named value of the one side is read on the other."""
    if any(len(volume.shape) != 3 or not volume.linked for volume in line):
        return None
    runs: list[tuple[tuple[int, ...], range]] = []
    for size, same in groupby(range(len(line)), key=lambda at: line[at].shape[1:]):
        found = list(same)
        runs.append((size, range(found[0], found[-1] + 1)))
    sizes = [size for size, _ in runs]
    bottom = len(runs) // 2
    falls = all(a[0] * a[1] > b[0] * b[1] for a, b in pairwise(sizes[: bottom + 1]))
    if len(runs) < 3 or sizes != sizes[::-1] or not falls:
        return None
    levels = [_Storey(runs[at][1], runs[-1 - at][1]) for at in range(bottom)]
    homes = {slot: at for at, volume in enumerate(line) for slot in volume.named}
    last = runs[bottom][1]
    skips = [(homes[slot], at) for at in range(last.stop, len(line)) for slot in line[at].reads if slot in homes]
    across = [(a, b) for a, b in skips if a < last.start]
    if not across or any(line[a].shape[1:] != line[b].shape[1:] for a, b in across):
        return None
    found = [replace(level, skips=tuple(skip for skip in across if skip[0] in level.left)) for level in levels]
    return [*found, _Storey(last, range(0))]


class _UPicture:
    """A U: its rows at their places, and the lines between them."""

    def __init__(self, line: Sequence[Volume], levels: Sequence[_Storey], scale: Scale) -> None:
        self.line, self.levels = line, levels
        self.placed: dict[int, Placed] = {}
        self.shapes: list[Shape] = []
        self.tops: list[float] = []
        """Where the room above each row begins."""
        lefts = [self._row(level.left, scale) for level in levels]
        rights = [self._row(level.right, scale) if level.right else None for level in levels]
        self.edge = max(scene.width for scene, _ in lefts[:-1])
        self.start = self.edge + _GAP
        self.width = self.start + max(each[0].width for each in rights if each is not None)
        bottom = lefts[-1][0].width
        offset = (self.edge + self.start - bottom) / 2
        shift = max(-offset, 0.0)
        """What a wide bottom needs to the left of the first row."""
        y = 0.0
        for level, left, right in zip(levels, lefts, rights, strict=True):
            self.tops.append(y)
            y += _BETWEEN * (level is not levels[0]) + _LANE * len(level.skips)
            middles = [each[1][0].middle for each in (left, right) if each is not None]
            tall = max(middles)
            self._put(level.left, left, (0.0 if right is not None else offset) + shift, y + tall - left[1][0].middle)
            if right is not None:
                self._put(level.right, right, self.start + shift, y + tall - right[1][0].middle)
            y += max(tall - each[1][0].middle + each[0].height for each in (left, right) if each is not None)
        self.high = y
        self.start += shift
        self.width = max(self.width + shift, offset + shift + bottom)

    def _row(self, numbers: range, scale: Scale) -> tuple[Scene, list[Placed]]:
        return row([self.line[at] for at in numbers], scale)

    def _put(self, numbers: range, made: tuple[Scene, list[Placed]], x: float, y: float) -> None:
        scene, placed = made
        self.shapes += moved(scene.shapes, x, y)
        for at, each in zip(numbers, placed, strict=True):
            corner = each.corner[0] + x, each.corner[1] + y
            self.placed[at] = replace(each, corner=corner, right=each.right + x)

    def scene(self) -> Scene:
        """All of it."""
        arrows = [self._skip(level, top, *skip) for level, top in zip(self.levels, self.tops, strict=True)
                  for skip in level.skips]  # fmt: skip
        for upper, lower, top in zip(self.levels, self.levels[1:], self.tops[1:], strict=False):
            lane = top + _BETWEEN / 2
            arrows += [self._down(upper, lower, lane), self._up(upper, lower, lane)]
        return Scene(self.width, self.high, (*self.shapes, *arrows))

    def _skip(self, level: _Storey, top: float, a: int, b: int) -> Stroke:
        """From above one value to above another, the widest of a row on top."""
        order = sorted(level.skips, key=lambda skip: skip[0] - skip[1])
        lane = top + _BETWEEN * (level is not self.levels[0]) + _LANE * order.index((a, b))
        start, end = self.placed[a].above(0.7), self.placed[b].above(0.3)
        return Stroke((start, (start[0], lane), (end[0], lane), end), arrow=True)

    def _down(self, upper: _Storey, lower: _Storey, lane: float) -> Stroke:
        """From the right side of the last value of a row to above the first of the next one."""
        last, (x, y) = self.placed[upper.left[-1]], self.placed[lower.left[0]].above(0.3)
        out = last.corner[0] + last.body.width + 1, last.middle
        return Stroke((out, (last.right, out[1]), (last.right, lane), (x, lane), (x, y)), arrow=True)

    def _up(self, upper: _Storey, lower: _Storey, lane: float) -> Stroke:
        """From above the last value of a row to the left side of the first that rises in the row above."""
        x, y = self.placed[(lower.right or lower.left)[-1]].above(0.7)
        first, side = self.placed[upper.right[0]], self.start - 8
        end = first.corner[0] - 1, first.middle
        return Stroke(((x, y), (x, lane), (side, lane), (side, end[1]), end), arrow=True)
