"""The style `flow` on a page: Graphviz's picture as a part of a scene, folded until its type can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from netspec.drawing.dot import Direction, diagram, levels_of, parts_of
from netspec.drawing.labels import SMALLEST
from netspec.drawing.page import SMALLEST as SMALLEST_ON_PAGE
from netspec.drawing.page import Sheet
from netspec.drawing.recolor import recolored, roles_of, size_of
from netspec.drawing.rendering import LayoutTooLong, render
from netspec.drawing.rows import SEVERAL, WHOLE, Cuts
from netspec.drawing.scene import SMALL, Embedded, Scene
from netspec.drawing.theme import theme
from netspec.net import Net

_SCALE: Final = SMALL / SMALLEST
"""By which the smallest type of Graphviz's picture becomes that of a scene."""
_LEAST: Final = 20
"""Points that a vertex and the way to it take at least, in Graphviz's picture."""
_ROWS: Final = (1000.0, 650.0, 450.0, 1500.0, 2200.0)
"""Points of a row: what suits a page depends on how high rows become, which their layout tells."""


def layouts(
    nets: Sequence[Net], page: Sheet, depth: int | None, direction: Direction | None, timeout: float
) -> Iterator[tuple[Scene, str]]:
    """Layouts of nets, each with words for what it leaves out: all levels that are shown by default first, then fewer.

    Args:
        nets: one net, or several side by side.
        page: what is asked of the picture.
        depth: the levels of blocks to show; None for what the page has room for.
        direction: where arrows point; None for downwards, or to the right in rows where that suits the page better.
        timeout: seconds for each layout.

    Raises:
        LayoutTooLong: none was found in time.
    """
    deepest = max(map(levels_of, nets))
    levels = [depth] if depth is not None else list(range(deepest, 0, -1))
    late: LayoutTooLong | None = None
    slow: set[int] = set()
    seen: set[str] = set()
    found = False
    ways = list(_ways(page, direction, several=len(nets) > 1))
    for tensors in (1, SEVERAL):
        for level, way in ((level, way) for level in levels for way in ways if way.cuts.tensors == tensors):
            if level in slow:
                continue
            parts, longest = parts_of(nets[0], level, across=way.across, cuts=way.cuts)
            if parts < way.cuts.columns or (level > levels[-1] and _hopeless(longest, page, across=way.across)):
                continue
            graph = diagram(
                nets,
                depth=level,
                direction=way.direction,
                language=page.language,
                cuts=way.cuts,
                everything=page.everything,
            )
            if graph.source in seen:
                continue
            seen.add(graph.source)
            try:
                svg = render(graph, "svg", timeout=timeout)
            except LayoutTooLong as error:
                late = error
                slow.add(level)
                continue
            found = True
            closed = "" if level >= deepest else f"folded as by `--depth {level}`"
            words = [closed, way.said(parts), f"more levels took over {timeout:g} s" if late is not None else ""]
            yield _scene(svg.decode(), page), ", ".join(filter(None, words))
    if not found and late is not None:
        raise late


def _hopeless(longest: int, page: Sheet, *, across: bool) -> bool:
    """Whether a way through so many vertices is longer than a page is with type that can be read."""
    if page.fit is None:
        return False
    room = page.fit.width if across else page.fit.height
    return longest * _LEAST * _SCALE * SMALLEST_ON_PAGE / SMALL > room


class _Arrangement(NamedTuple):
    """How nets are laid out."""

    direction: Direction
    cuts: Cuts
    asked: bool = True
    """Whether the direction is the one that was asked for, or else the usual one."""

    @property
    def across(self) -> bool:
        """Whether it runs to the left or right."""
        return self.direction in ("LR", "RL")

    def said(self, parts: int) -> str:
        """Words for it, if a net becomes so many parts."""
        if self.across:
            return "in rows as by `--direction LR`" if not self.asked else f"in {parts} rows" if parts > 1 else ""
        return f"in {parts} columns" if parts > 1 else ""


def _ways(page: Sheet, direction: Direction | None, *, several: bool) -> Iterator[_Arrangement]:
    """The ways to lay out nets: one is broken into columns, at first where one tensor goes on, unless a direction is
    asked for."""
    if direction in ("LR", "RL"):
        yield from (_Arrangement(direction, Cuts(row=row)) for row in _ROWS if page.fit is not None or row == _ROWS[0])
        return
    yield _Arrangement(direction or "TB", WHOLE)
    if direction is not None:
        return
    if not several and page.fit is not None:
        most = 6 if page.fit.width > page.fit.height else 3
        yield from (
            _Arrangement("TB", Cuts(number, tensors)) for tensors in (1, SEVERAL) for number in range(2, most + 1)
        )
    yield _Arrangement("LR", WHOLE, asked=False)


def _scene(svg: str, page: Sheet) -> Scene:
    wide, high = (side * _SCALE for side in size_of(svg))
    picture = Embedded(0, 0, _SCALE, recolored(svg, theme(page.theme)), roles_of(svg))
    return Scene(wide, high, (picture,))
