"""The styles of our own layout, each with what it offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, NamedTuple

from netspec.diagnostics import UsageError
from netspec.drawing import flow, stack, volumes
from netspec.drawing import map as overview
from netspec.drawing.dot import Direction
from netspec.drawing.page import PAPERS, Drawn, Sheet, TooSmall, drawn, paper
from netspec.drawing.rendering import LayoutTooLong
from netspec.drawing.scene import Scene
from netspec.net import Net
from netspec.views.describe import title_text

Layouts = Iterator[tuple[Scene, str]]
"""Scenes that show the same, each with words for what it leaves out, the one that says most first."""


class Style(NamedTuple):
    """A way to draw networks."""

    summary: str
    """What it shows, in a few words."""
    layouts: Callable[[Sequence[Net], Sheet, int | None], Layouts]
    """Makes the layouts, given the nets, what is asked and the levels of blocks to show."""
    note: Callable[[Sheet], str] | None = None
    """What the legend must say beside the colours."""


StyleName = Literal["stack", "map", "volumes"]
FOR_ANY: Final[tuple[StyleName, ...]] = ("stack", "map")
"""The styles that suit any network, the one that says most first."""
STYLES: Final[Mapping[str, Style]] = {
    "stack": Style("a line a layer, stages of equal size side by side", stack.layouts),
    "map": Style("an overview on one page, with once what its blocks are", overview.layouts),
    "volumes": Style("feature maps as boxes in perspective, to scale", volumes.layouts, volumes.note),
}


def picture(
    nets: Sequence[Net],
    style: str,
    page: Sheet,
    depth: int | None = None,
    *,
    direction: Direction | None = None,
    timeout: float = 30,
) -> Drawn:
    """The picture of a net, or of several side by side.

    Args:
        nets: one or several.
        style: a key of `STYLES`, or `flow`.
        page: what is asked of it.
        depth: the levels of blocks to show; None for as many as the page can take.
        direction: of `flow`: where arrows point; None for the one that suits the page.
        timeout: of `flow`: seconds for each layout.

    Raises:
        UsageError: the style does not suit the net, or type would be too small on the page; then the message says what
            of the same net fits.
        LayoutTooLong: Graphviz found no layout in time.
        MissingExtra: `flow` needs an engine that is not here.
    """
    try:
        return _picture(nets, style, page, depth, direction, timeout)
    except TooSmall as error:
        turned = style == "flow" and direction is not None and _fits(nets, style, page, depth, timeout)
        error.add([*["no `--direction`"] * turned, *_ways_out(nets, style, page, depth)])
        raise


def _picture(
    nets: Sequence[Net], style: str, page: Sheet, depth: int | None, direction: Direction | None, timeout: float
) -> Drawn:
    label = ", ".join(map(title_text, nets))
    if style == "flow":
        return drawn(flow.layouts(nets, page, depth, direction, timeout), page, label)
    chosen = STYLES[style]
    return drawn(chosen.layouts(nets, page, depth), page, label, () if chosen.note is None else (chosen.note(page),))


def _ways_out(nets: Sequence[Net], style: str, page: Sheet, depth: int | None) -> list[str]:
    """Options with which the nets fit, each tried: another style on this page, fewer levels, another page."""
    found = [f"`--style {other}`" for other in STYLES if other != style and _fits(nets, other, page, depth)]
    if depth is not None and style in STYLES and _fits(nets, style, page, None):
        found.append("no `--depth`")
    others = (name for name in PAPERS if page.fit is not None and name != page.fit.name)
    fitting = (name for name in others if _fits(nets, style, replace(page, fit=paper(name)), depth))
    return found + [f"`--fit {name}`" for name in fitting] if style in STYLES else found


def _fits(nets: Sequence[Net], style: str, page: Sheet, depth: int | None, timeout: float = 0) -> bool:
    try:
        _picture(nets, style, page, depth, None, timeout)
    except (UsageError, LayoutTooLong):
        return False
    return True
