"""Values as HTML for the output of a cell: pictures for light and dark notebooks, numbers, details to open."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from netspec.comparison import Comparison, SeveralNets
from netspec.diagnostics import UsageError
from netspec.drawing.differences import differences
from netspec.drawing.page import Drawn, Sheet, paper
from netspec.drawing.styles import FOR_ANY, picture
from netspec.drawing.text import printable
from netspec.net import Net
from netspec.table import summary
from netspec.views.describe import count_text, ends_text, plural, title_text

if TYPE_CHECKING:
    from netspec.trainer.run.records import Record
    from netspec.trainer.run.result import RunResult
    from netspec.trainer.trained.opened import OpenedRun

_PAGES: Final = ("720x640", "720x1600")
"""Points: a picture is no larger than what one looks at without scrolling, if it can be read so."""
_MOST_LAYERS: Final = 60
"""Of a network with more, the table has a row for each block."""

_STYLE: Final = """<style>
.netspec svg, .netspec img { max-width: 100%; height: auto; }
.netspec pre { line-height: 1.3; overflow-x: auto; }
.netspec table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.netspec :is(th, td) { padding: .15em .75em; text-align: right; }
.netspec tr > :first-child { padding-left: 0; text-align: left; font-weight: normal; }
:is([data-jp-theme-light="false"], .vscode-dark, html[theme="dark"], body[data-theme="dark"]) .netspec > .light {
  display: none !important; }
:is([data-jp-theme-light="false"], .vscode-dark, html[theme="dark"], body[data-theme="dark"]) .netspec > .dark {
  display: block !important; }
</style>"""
"""JupyterLab, VS Code, Colab and nbconvert each say in their own way that they are dark. What keeps no style sheet
shows the light picture: the other is hidden by its own attribute."""


class _Pictures(NamedTuple):
    """The same picture on a light and a dark ground, each as HTML."""

    light: str
    dark: str


def net_html(net: Net) -> str:
    """A network: what it takes and gives, its counts, its picture, and the table of its layers to open."""
    takes, gives = ends_text(net)
    counts = f"{count_text(net.params)} parameters, {count_text(net.macs)} MACs"
    head = f"<p><strong>{_text(title_text(net))}</strong>: {_text(f'{takes} → {gives}; {counts}')}</p>"
    return _output(head, _of_net(net), _details(plural(len(net.layers), "layer"), summary(net, depth=_depth(net))))


def comparison_html(comparison: Comparison) -> str:
    """Two networks side by side, what differs marked; the quantities, and the differences to open."""
    found = _pictures(lambda sheet: differences(comparison, sheet, quantities=False), None)
    table = comparison.to_html().partition("<pre>")[0]
    return _output(table, found, _details("layer by layer", "\n".join(comparison.differences)))


def several_html(several: SeveralNets) -> str:
    """The quantities of several networks."""
    return _output(several.to_html())


def run_html(run: OpenedRun) -> str:
    """A run: where it is, its network, its epochs as lines to open, and its curves."""
    net = run.net
    head = f"<p><strong>{_text(title_text(net))}</strong>, trained in {_text(str(run.path))}</p>"
    return _of_epochs(head, run.records)


def result_html(result: RunResult) -> str:
    """What came of training: the last figures, the speed, the epochs and the curves."""
    facts = [result.line, *([result.speed] if result.speed else []), f"run: {result.run}"]
    return _of_epochs(f"<p>{'<br>'.join(map(_text, facts))}</p>", result.records)


def _of_epochs(head: str, records: Sequence[Record]) -> str:
    from netspec.trainer.show.curves import curves_image  # imported here: networks are shown without torch

    if not records:
        return _output(f"{head}<p>no epoch is done yet</p>")
    curves = _Pictures(*(curves_image(records, dark=dark) for dark in (False, True)))
    return _output(head, curves, _details(plural(len(records), "epoch"), "\n".join(record.line for record in records)))


# ---- parts


def _output(head: str, found: _Pictures | None = None, details: str = "") -> str:
    both = (
        ""
        if found is None
        else (f'<div class="light">{found.light}</div><div class="dark" style="display: none">{found.dark}</div>')
    )
    return f'<div class="netspec">{_STYLE}{head}{both}{details}</div>'


def _of_net(net: Net) -> _Pictures | None:
    """The first style and page in which the network can be read; None if there is none."""
    for page in _PAGES:
        for style in FOR_ANY:
            found = _pictures(lambda sheet, style=style: picture([net], style, sheet), page)
            if found is not None:
                return found
    return None


def _pictures(draw: Callable[[Sheet], Drawn], page: str | None) -> _Pictures | None:
    """What is drawn on a page, once, and coloured twice; None where it could not be read on that."""
    try:
        light = draw(Sheet(fit=None if page is None else paper(page), legend=False))
    except UsageError:  # type would be too small
        return None
    dark = replace(light, page=replace(light.page, theme="dark"))
    return _Pictures(light.file("svg").decode(), dark.file("svg").decode())


def _depth(net: Net) -> int | None:
    """Levels of the table: of a deep network its blocks."""
    return None if len(net.layers) <= _MOST_LAYERS else 2


def _details(title: str, text: str) -> str:
    return f"<details><summary>{_text(title)}</summary><pre>{_text(text)}</pre></details>"


def _text(words: str) -> str:
    return html.escape(printable(words), quote=False)
