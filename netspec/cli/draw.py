"""`netspec draw`: a spec, or several side by side, as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

from netspec.cli.common import load_spec, spec_options
from netspec.cli.files import write_atomic
from netspec.cli.pages import check_options, page_of, page_options
from netspec.diagnostics import UsageError, did_you_mean
from netspec.drawing import DIRECTIONS, FORMATS, Direction, diagram, render
from netspec.drawing.styles import picture


def _a_number(_: click.Context, __: click.Parameter, seconds: float) -> float:
    if math.isnan(seconds):  # `FloatRange` accepts NaN
        raise click.BadParameter("nan is no number of seconds.")
    return seconds


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option(
    "-o", "--output", metavar="FILE", type=Path, required=True, help="Where to write: FILE.svg, .png, .pdf or .dot."
)
@click.option("--depth", type=click.IntRange(min=1), help="Levels of blocks and branches to show; the rest is closed.")
@click.option("--direction", type=click.Choice(DIRECTIONS), default="TB", show_default=True, help="Where arrows point.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0, max=86_400, min_open=True),
    callback=_a_number,
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Give the layout up after this time.",
)
@page_options
@spec_options
def command(
    specs: tuple[str, ...],
    output: Path,
    depth: int | None,
    direction: Direction,
    timeout: float,
    variant: str | None,
    set_: tuple[str, ...],
    style: str,
    **page: Any,
) -> int:
    """Draw the network of SPEC, or several side by side, into one picture."""
    form = _format(output)
    check_options(style, form)
    asked = page_of(page)
    nets = [load_spec(spec, variant, set_) for spec in specs]
    if style == "flow":
        write_atomic(output, render(diagram(nets, depth=depth, direction=direction), form, timeout=timeout))
        click.echo(f"wrote {output}", err=True)
    else:
        drawn = picture(nets, style, asked, depth)
        write_atomic(output, drawn.file(form))
        click.echo(f"wrote {output}: {drawn.told}", err=True)
    return 0


def _format(output: Path) -> str:
    """The format by the file's extension. It and the directory are checked before the net is compiled.

    Raises:
        UsageError: the extension is not a format, or the directory does not exist.
    """
    form = output.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        near = did_you_mean(form, FORMATS)
        hint = f"; did you mean `{output.with_suffix('.' + near)}`?" if near else ""
        known = ", ".join(f".{known}" for known in FORMATS)
        ending = f"`.{form}` is no format of it" if form else "it has no extension"
        raise UsageError(f"cannot draw into {output}: {ending}, those are {known}{hint}")
    if not output.parent.is_dir():
        raise UsageError(f"cannot write {output}: there is no directory {output.parent}; make it first")
    return form
