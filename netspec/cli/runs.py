"""`netspec runs`: list runs, sort and pick them, compare and draw them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netspec.cli.common import format_option, need_torch, offer, plugin_option, width
from netspec.diagnostics import UsageError
from netspec.trainer.run.overview import compare_text, find_runs, list_text
from netspec.trainer.run.picked import differing_text, picked, sorted_runs

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("runs", metavar="[RUN...]", nargs=-1, type=_PATH)
@click.option("--in", "parent", default="runs", show_default=True, metavar="DIR", type=_PATH,
              help="Where the runs are that are listed.")  # fmt: skip
@click.option("--sort", metavar="KEY", help="In the order of a figure, a setting, params or seconds; the best first.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--where", multiple=True, metavar="CONDITION", help="Only runs such as 'params<1e5'; may be repeated.")
@click.option("--differ", is_flag=True, help="List what differs between the runs.")
@click.option("--plot", type=_PATH, metavar="FILE", help="Draw them: SVG, PNG or PDF.")
@click.option("--against", multiple=True, metavar="KEY",
              help="Draw the metric against a key, in place of parallel coordinates; may be repeated.")  # fmt: skip
@click.option("--metric", metavar="COLUMN", help="What is drawn; the metric of the sweep if not given.")
@format_option("text", "json")
@plugin_option
def command(
    runs: tuple[Path, ...],
    parent: Path,
    sort: str | None,
    reverse: bool,
    where: tuple[str, ...],
    differ: bool,
    plot: Path | None,
    against: tuple[str, ...],
    metric: str | None,
    form: str,
) -> None:
    """List the runs in a directory; compare those that are named, setting by setting."""
    known = offer()
    if plot is None and (against or metric):
        raise UsageError("`--against` and `--metric` say what `--plot FILE` draws")
    if reverse and sort is None:
        raise UsageError("`--reverse` turns the order that `--sort KEY` gives")
    found = picked(find_runs(runs, parent, known), where)
    found = found if sort is None else sorted_runs(found, sort, reverse=reverse)
    if plot is not None:
        need_torch()  # with which the library comes that draws
        from netspec.trainer.show.sweep_plot import draw_runs

        count = draw_runs(found, plot, metric=metric, against=against)
        click.echo(f"{plot}: {count} run{'s' * (count != 1)}")
    elif form == "json":
        click.echo(json.dumps([run.to_dict() for run in found], indent=1))
    elif differ and found:
        click.echo(differing_text(found, width(), known))
    elif len(runs) > 1:
        click.echo(compare_text(found, width(), known))
    else:
        click.echo(list_text(found, parent, width()))
