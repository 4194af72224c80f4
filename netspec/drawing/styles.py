"""The styles of our own layout, each with what it offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from netspec.drawing import map as overview
from netspec.drawing import stack, volumes
from netspec.drawing.page import Drawn, Sheet, drawn
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


STYLES: Final[Mapping[str, Style]] = {
    "stack": Style("a line a layer, stages of equal size side by side", stack.layouts),
    "map": Style("an overview on one page, with once what its blocks are", overview.layouts),
    "volumes": Style("feature maps as boxes in perspective, to scale", volumes.layouts, volumes.note),
}


def picture(nets: Sequence[Net], style: str, page: Sheet, depth: int | None = None) -> Drawn:
    """The picture of a net, or of several side by side.

    Args:
        nets: one or several.
        style: a key of `STYLES`.
        page: what is asked of it.
        depth: the levels of blocks to show; None for as many as the page can take.

    Raises:
        UsageError: the style does not suit the net, or type would be too small on the page.
    """
    chosen = STYLES[style]
    label = ", ".join(map(title_text, nets))
    return drawn(chosen.layouts(nets, page, depth), page, label, () if chosen.note is None else (chosen.note(page),))
