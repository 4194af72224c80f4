"""`netspec draw`: a spec, or several side by side, as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from netspec.cli.common import compile_spec, load_spec, plugin_option, said, set_option, show_diagnostics
from netspec.cli.files import write_atomic
from netspec.cli.pages import format_of, page_of, page_options, screen_of, style_of, wants_page
from netspec.cli.variants import spec_pairs, variants_option
from netspec.diagnostics import has_errors
from netspec.drawing import DIRECTIONS, FORMATS, Direction, LayoutTooLong, diagram, levels_of, render
from netspec.drawing.mermaid import in_markdown, mermaid
from netspec.drawing.page import Sheet
from netspec.drawing.styles import picture
from netspec.drawing.tikz import tikz
from netspec.net import Net

_FILES = (*FORMATS, "html", "tex", "mmd", "md")


def _a_number(_: click.Context, __: click.Parameter, seconds: float) -> float:
    if math.isnan(seconds):  # `FloatRange` accepts NaN
        raise click.BadParameter("nan is no number of seconds.")
    return seconds


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=Path,
    required=True,
    help="Where to write: FILE.svg, .png, .pdf, .dot, .html for a page to look around in, .tex for TikZ, .mmd or .md "
    "for Mermaid.",
)
@click.option("--depth", type=click.IntRange(min=1), help="Levels of blocks and branches to show; the rest is closed.")
@click.option("--direction", type=click.Choice(DIRECTIONS), help="Where arrows of `flow` point.  [default: TB]")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, max=86_400, min_open=True),
    callback=_a_number,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Give a layout of `flow` up after this time.",
)
@page_options
@plugin_option
@variants_option("several of one spec are drawn side by side")
@set_option
def command(
    specs: tuple[str, ...],
    output: Path,
    depth: int | None,
    direction: Direction | None,
    timeout: float,
    variants: tuple[str, ...],
    set_: tuple[str, ...],
    style: str,
    snippet: bool,
    **page: Any,
) -> int:
    """Draw the network of SPEC, or several side by side, into one picture.

    An HTML file is one page that needs no network: its blocks open and close, it tells of what one points at, and it
    shows a wrong spec as far as it is known, with its errors where they are.
    """
    form = format_of(output, _FILES)
    style = style_of(style, form)
    asked = page_of(page)
    if form == "html":
        return _write_page(spec_pairs(specs, variants), set_, output, asked)
    nets = [load_spec(spec, variant, set_, to_look_at=True) for spec, variant in spec_pairs(specs, variants)]
    if form in ("mmd", "md"):
        write_atomic(output, _chart(nets, form, depth, direction or "TB"))
        click.echo(f"wrote {output}", err=True)
    elif style == "flow" and not wants_page():
        write_atomic(output, _rendered(nets, form, depth, direction or "TB", timeout, everything=asked.everything))
        click.echo(f"wrote {output}", err=True)
    else:
        drawn = picture(nets, style, asked, depth, direction=direction, timeout=timeout)
        write_atomic(output, tikz(drawn, snippet=snippet) if form == "tex" else drawn.file(form, said))
        click.echo(f"wrote {output}: {drawn.told}", err=True)
    return 0


def _write_page(pairs: list[tuple[str, str | None]], set_: tuple[str, ...], output: Path, asked: Sheet) -> int:
    """Write the page of specs that may be wrong. Their findings are shown too; the exit status is 1 for errors."""
    from netspec.drawing.interactive import Look, OnPage, page  # imported here: pictures do not need it

    drawn: list[OnPage] = []
    wrong = False
    for spec, variant in pairs:
        result = compile_spec(spec, variant, set_)
        source = result.source
        drawn.append(OnPage(result.net, source.name, source.text, result.diagnostics))
        wrong = wrong or has_errors(result.diagnostics)
        if result.diagnostics:
            show_diagnostics(result.diagnostics, {source.name: source.text}, err=True)
    write_atomic(output, page(drawn, Look(asked.title, asked.caption, screen_of(asked), asked.language)))
    click.echo(f"wrote {output}", err=True)
    return 1 if wrong else 0


def _chart(nets: list[Net], form: str, depth: int | None, direction: Direction) -> str:
    """The flowchart of Mermaid; where it takes fewer open levels than a picture would have, that is said."""
    chart, level = mermaid(nets, depth=depth, direction=direction)
    if level is not None:
        click.echo(f"drawn folded further, as by `--depth {level}`, since Mermaid draws no more", err=True)
    return in_markdown(chart) if form == "md" else chart


def _rendered(
    nets: list[Net], form: str, depth: int | None, direction: Direction, timeout: float, *, everything: bool
) -> bytes:
    """The picture. Where no depth was asked for and the layout takes too long, fewer levels are open, which is said."""
    levels = depth
    while True:
        try:
            graph = diagram(nets, depth=levels, direction=direction, everything=everything)
            return render(graph, form, timeout=timeout)
        except LayoutTooLong:
            open_now = max(map(levels_of, nets)) if levels is None else levels
            if depth is not None or open_now <= 1:
                raise
            levels = open_now // 2
            click.echo(
                f"the layout took more than {timeout:g} s and was given up: drawn folded further, as by `--depth "
                f"{levels}`; `--timeout` gives it more time",
                err=True,
            )
