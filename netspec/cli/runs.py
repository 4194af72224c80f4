"""`netspec runs`: list runs, and compare them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netspec.cli.common import format_option, offer, plugin_option, width
from netspec.trainer.run.overview import compare_text, find_runs, list_text


@click.command()
@click.argument("runs", metavar="[RUN...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--in", "parent", default="runs", show_default=True, metavar="DIR", type=click.Path(path_type=Path),
              help="Where the runs are that are listed.")  # fmt: skip
@format_option("text", "json")
@plugin_option
def command(runs: tuple[Path, ...], parent: Path, form: str) -> None:
    """List the runs in a directory; compare those that are named, setting by setting."""
    known = offer()
    found = find_runs(runs, parent, known)
    if form == "json":
        click.echo(json.dumps([run.to_dict() for run in found], indent=1))
    elif len(runs) > 1:
        click.echo(compare_text(found, width(), known))
    else:
        click.echo(list_text(found, parent, width()))
