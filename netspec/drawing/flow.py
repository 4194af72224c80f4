"""The style `flow` on a page: Graphviz's picture as a part of a scene, folded until its type can be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netspec.drawing.dot import Direction, columns_of, diagram, levels_of
from netspec.drawing.labels import SMALLEST
from netspec.drawing.page import Sheet
from netspec.drawing.recolor import recolored, roles_of, size_of
from netspec.drawing.rendering import LayoutTooLong, render
from netspec.drawing.scene import SMALL, Embedded, Scene
from netspec.drawing.theme import theme
from netspec.net import Net

_SCALE = SMALL / SMALLEST
"""By which the smallest type of Graphviz's picture becomes that of a scene."""


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
    late: LayoutTooLong | None = None
    found = False
    for level in [depth] if depth is not None else range(deepest, 0, -1):
        closed = "" if level >= deepest else f"folded as by `--depth {level}`"
        for way, number, said in _ways(direction, several=len(nets) > 1):
            if number > 1 and columns_of(nets[0], level, number) < number:
                continue
            graph = diagram(
                nets,
                depth=level,
                direction=way,
                language=page.language,
                most_columns=number,
                everything=page.everything,
            )
            try:
                svg = render(graph, "svg", timeout=timeout)
            except LayoutTooLong as error:
                late = error
                break
            found = True
            words = [closed, said, f"more levels took over {timeout:g} s" if late is not None else ""]
            yield _scene(svg.decode(), page), ", ".join(filter(None, words))
    if not found and late is not None:
        raise late


def _ways(direction: Direction | None, *, several: bool) -> Iterator[tuple[Direction, int, str]]:
    """The ways to lay out nets: direction and greatest number of columns, each with words for it."""
    yield direction or "TB", 1, ""
    if direction is None:
        if not several:
            yield "TB", 2, "in 2 columns"
            yield "TB", 3, "in 3 columns"
        yield "LR", 1, "in rows as by `--direction LR`"


def _scene(svg: str, page: Sheet) -> Scene:
    wide, high = (side * _SCALE for side in size_of(svg))
    picture = Embedded(0, 0, _SCALE, recolored(svg, theme(page.theme)), roles_of(svg))
    return Scene(wide, high, (picture,))
