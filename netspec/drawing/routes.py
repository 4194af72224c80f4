"""Boxes in the cells of a grid, and the lines between them: through free cells, else through channels between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from netspec.drawing.grid import Cell
from netspec.drawing.scene import Point, Scene, Shape, Stroke, moved

_CHANNEL: Final = 16.0
"""The least room between two columns or rows."""
_LANE: Final = 5.0
"""The room for each line that runs along a channel."""


@dataclass(slots=True)
class _Channel:
    """The room between two rows or columns, with a lane for lines that do not meet."""

    lanes: list[list[tuple[int, int]]] = field(default_factory=list[list[tuple[int, int]]])

    def take(self, start: int, end: int) -> int:
        """The lane for a line between two columns or rows."""
        low, high = min(start, end), max(start, end)
        for number, lane in enumerate(self.lanes):
            if all(high < a or b < low for a, b in lane):
                lane.append((low, high))
                return number
        self.lanes.append([(low, high)])
        return len(self.lanes) - 1

    @property
    def size(self) -> float:
        return _CHANNEL + _LANE * max(len(self.lanes), 0)


class Grid:
    """Cards in cells. Routes are chosen first, since the channels must be as wide as their lanes take."""

    def __init__(self, cards: Sequence[Scene], cells: Sequence[Cell]) -> None:
        self.cards, self.cells = cards, cells
        self.taken = set(cells)
        columns, rows = max(c for c, _ in cells) + 1, max(r for _, r in cells) + 1
        self.widths = [max((s.width for s, (c, _) in self._placed() if c == at), default=0.0) for at in range(columns)]
        self.heights = [max((s.height for s, (_, r) in self._placed() if r == at), default=0.0) for at in range(rows)]
        self.upright = [_Channel() for _ in range(columns + 1)]
        """Left of each column, and one behind the last."""
        self.level = [_Channel() for _ in range(rows + 1)]
        """Above each row, and one below the last."""
        self.ports: dict[tuple[int, str, int | None], float] = {}
        """Where along a side of a box a line begins (None), or the one that comes from another box ends: 0 to 1."""

    def _placed(self) -> list[tuple[Scene, Cell]]:
        return list(zip(self.cards, self.cells, strict=True))

    def scene(self, edges: Sequence[tuple[int, int]]) -> Scene:
        """The cards with lines between them: `edges` are pairs of indices, from and to."""
        routes = [self._route(*edge) for edge in edges]
        self.ports = self._chosen(routes)
        width = sum(self.widths) + sum(channel.size for channel in self.upright)
        height = sum(self.heights) + sum(channel.size for channel in self.level)
        shapes: list[Shape] = [Stroke(self._points(route), arrow=True) for route in routes]
        for at, card in enumerate(self.cards):
            x, y, _, _ = self._box(at)
            shapes += moved(card.shapes, x, y)
        return Scene(width, height, tuple(shapes))

    # ---- which way

    def _route(self, a: int, b: int) -> list[tuple[str, int, int]]:
        """A route as corners: what is level or upright there, and where."""
        (ca, ra), (cb, rb) = self.cells[a], self.cells[b]
        if ra == rb and cb > ca and self._free_row(ra, ca + 1, cb):
            return [("right", a, 0), ("left", b, 0)]
        if ca == cb and self._free_column(ca, min(ra, rb) + 1, max(ra, rb)):
            return [("bottom", a, 0), ("top", b, 0)] if rb > ra else [("top", a, 0), ("bottom", b, 0)]
        if cb > ca and ra != rb:
            between = (min(ra, rb) + 1, max(ra, rb))
            first = self._free_row(ra, ca + 1, cb + 1) and self._free_column(cb, *between)
            last = self._free_row(rb, ca, cb) and self._free_column(ca, *between)
            if last and (
                rb > ra or not first
            ):  # what falls goes down at once, and does not run along a line to the right
                return [("bottom" if rb > ra else "top", a, 0), ("corner", a, b), ("left", b, 0)]
            if first:
                return [("right", a, 0), ("corner", b, a), ("top" if rb > ra else "bottom", b, 0)]
        if ca == cb:  # past what stands between them, on one side
            return [("right", a, 0), ("side", ca + 1, self.upright[ca + 1].take(ra, rb)), ("back", b, 0)]
        if rb == ra + 1:
            return [("bottom", a, 0), ("lane", rb, self.level[rb].take(ca, cb)), ("top", b, 0)]
        if ra == rb + 1:
            return [("up", a, 0), ("lane", ra, self.level[ra].take(ca, cb)), ("under", b, 0)]
        if ra == rb:
            return [("up", a, 0), ("lane", ra, self.level[ra].take(ca, cb)), ("down", b, 0)]
        row = rb if rb > ra else rb + 1
        out, into = self.upright[ca + 1].take(ra, row), self.upright[cb].take(row, rb)
        over = self.level[row].take(min(ca + 1, cb) - 1, max(ca + 1, cb))
        return [("right", a, 0), ("side", ca + 1, out), ("lane", row, over), ("side", cb, into), ("left", b, 0)]

    def _free_row(self, row: int, start: int, end: int) -> bool:
        return all((column, row) not in self.taken for column in range(start, end))

    def _free_column(self, column: int, start: int, end: int) -> bool:
        return all((column, row) not in self.taken for row in range(start, end))

    # ---- where

    def _box(self, at: int) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of a card, which stands in the middle of its cell."""
        (column, row), card = self.cells[at], self.cards[at]
        x = self._left(column) + (self.widths[column] - card.width) / 2
        y = self._top(row) + (self.heights[row] - card.height) / 2
        return x, y, x + card.width, y + card.height

    def _left(self, column: int) -> float:
        return sum(self.widths[:column]) + sum(channel.size for channel in self.upright[: column + 1])

    def _top(self, row: int) -> float:
        return sum(self.heights[:row]) + sum(channel.size for channel in self.level[: row + 1])

    def _points(self, route: list[tuple[str, int, int]]) -> tuple[Point, ...]:
        """The corners of a route: a lane is level, a side upright, and each begins where the one before it ends."""
        start, end = self._port(route, first=True), self._port(route, first=False)
        points: list[Point] = [start]
        for kind, at, number in route[1:-1]:
            if kind == "lane":
                y = self._top(at) - self.level[at].size / 2 + _LANE * (number - (len(self.level[at].lanes) - 1) / 2)
                points.append((points[-1][0], y))
            elif kind == "side":
                lanes = len(self.upright[at].lanes)
                right = self._left(at) if at < len(self.widths) else self._left(at - 1) + self.widths[-1]
                middle = right + (-1 if at < len(self.widths) else 1) * self.upright[at].size / 2
                points.append((middle + _LANE * (number - (lanes - 1) / 2), points[-1][1]))
            else:  # a corner: below or above where the line begins, or where it ends
                upright = _SIDES[route[0][0]] in ("top", "bottom")
                points.append((start[0], end[1]) if upright else (end[0], start[1]))
        points += _bent(points[-1], end, level=_SIDES[route[-1][0]] in ("left", "right"))
        return (*points, end)

    def _port(self, route: list[tuple[str, int, int]], *, first: bool) -> Point:
        """Where a route begins, or where it ends."""
        kind, at, _ = route[0 if first else -1]
        side = _SIDES[kind]
        share = self.ports[at, side, None if first else route[0][1]]
        x, y, right, bottom = self._box(at)
        across, down = x + (right - x) * share, y + (bottom - y) * share
        return {"left": (x, down), "right": (right, down), "top": (across, y), "bottom": (across, bottom)}[side]

    def _chosen(self, routes: Sequence[list[tuple[str, int, int]]]) -> dict[tuple[int, str, int | None], float]:
        """Places for the ends of lines, so that lines of different values never meet: a straight one has the middle of
        a side, others stand beside it in the order of where they come from or go to."""
        straight: set[tuple[int, str, int | None]] = set()
        ends: dict[tuple[int, str], dict[int | None, int]] = {}
        for route in routes:
            (out, a, _), (into, b, _) = route[0], route[-1]
            for key, side, at, other in ((None, _SIDES[out], a, b), (a, _SIDES[into], b, a)):
                ends.setdefault((at, side), {}).setdefault(key, other)
                if len(route) == 2:
                    straight.add((at, side, key))
        found: dict[tuple[int, str, int | None], float] = {}
        for (at, side), keys in ends.items():
            axis = 0 if side in ("top", "bottom") else 1
            order = sorted(
                keys, key=lambda key: (self.cells[keys[key]][axis], self.cells[keys[key]][1 - axis])
            )  # called here
            middle = next((number for number, key in enumerate(order) if (at, side, key) in straight), None)
            for number, key in enumerate(order):
                found[at, side, key] = _share(number, len(order), middle)
        return found


_SIDES: Final = {
    "left": "left", "right": "right", "back": "right", "top": "top", "up": "top", "down": "top", "bottom": "bottom",
    "under": "bottom",
}  # fmt: skip
"""The side of a box at which a route begins or ends."""


def _share(number: int, count: int, middle: int | None) -> float:
    """Where one of several ends stands along a side; the one that is `middle` in its middle."""
    if middle is None:
        return (number + 1) / (count + 1)
    if number <= middle:
        return 0.5 * (number + 1) / (middle + 1)
    return 0.5 + 0.5 * (number - middle) / (count - middle)


def _bent(start: Point, end: Point, *, level: bool) -> list[Point]:
    """The corner in front of an end that is entered on the level or from above; none where it lies straight ahead."""
    if abs(start[0] - end[0]) < 0.01 or abs(start[1] - end[1]) < 0.01:
        return []
    return [(start[0], end[1])] if level else [(end[0], start[1])]
