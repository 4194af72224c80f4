"""`netspec sweep`: trials of a spec's `sweep:`, each trained into a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netspec.cli.common import need_torch, offer, settings, spec_options, width
from netspec.cli.files import is_read
from netspec.diagnostics import NetspecError
from netspec.sweeps.running import BEAT, RETRIES, Rehearsal, based, rehearsed, swept
from netspec.sweeps.tally import reasons, summary

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("spec")
@click.option("--study", metavar="NAME", help="The study; NAME-sweep if not given.")
@click.option("--storage", metavar="FILE|URL",
              help="Where it is kept: x.db, x.journal, a database's URL; beside the runs if not given.")  # fmt: skip
@click.option("--trials", type=click.IntRange(min=1), metavar="N", help="How many are to finish, over all processes.")
@click.option("--runs", type=_PATH, metavar="DIR", help="Where the run directories are; runs/STUDY if not given.")
@click.option("--grid", is_flag=True, help="Try every point in order; needs no Optuna.")
@click.option("--dry-run", is_flag=True, help="Count what compiles and fits the limits, and train nothing.")
@click.option("--sample", type=click.IntRange(min=1), default=500, show_default=True, metavar="N",
              help="How many points a dry run compiles of a larger space.")  # fmt: skip
@click.option("--heartbeat", type=float, default=BEAT, show_default=True, metavar="SECONDS",
              help="Between signs of life; after four without, another process goes on.")  # fmt: skip
@click.option("--retries", type=click.IntRange(min=0), default=RETRIES, show_default=True, metavar="N",
              help="How often a trial goes on whose process was killed.")  # fmt: skip
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", type=click.Choice(["fp32", "tf32", "bf16", "fp16"]), help="In place of the recipe's.")
@click.option("--examples", type=click.IntRange(min=1), metavar="N", help="Use only N examples of each part.")
@click.option("--data", "data_root", type=_PATH, metavar="DIR", help="Folder of the data sets; else NETSPEC_DATA.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Processes that decode images from files.")
@click.option("--deterministic", is_flag=True, help="Only operations that give the same bits every time.")
@click.option("--report", is_flag=True, help="Write each trial's report.html.")
@click.option("-q", "--quiet", is_flag=True, help="Show only the summary and warnings.")
@spec_options
def command(
    spec: str,
    study: str | None,
    storage: str | None,
    trials: int | None,
    runs: Path | None,
    grid: bool,
    dry_run: bool,
    sample: int,
    heartbeat: float,
    retries: int,
    quiet: bool,
    variant: str | None,
    set_: tuple[str, ...],
    **options: Any,
) -> int:
    """Train trials of SPEC's `sweep:` until so many have finished."""
    is_read(spec)
    base = based(spec, variant, settings(set_), offer())
    plan = base.sweep()
    if dry_run:
        click.echo(_rehearsal(rehearsed(base, plan, sample)))
        return 0
    need_torch()
    try:
        tally = swept(
            base, plan, study=study, storage=storage, trials=trials, runs=runs, grid=grid, heartbeat=heartbeat,
            retries=retries, say=(lambda words: None) if quiet else _line, width=width(), options=options,
        )  # fmt: skip
    except NetspecError as stop:
        if stop.code != "run-interrupted":
            raise
        click.echo(f"{stop.args[0].partition(';')[0]}; the same command goes on with it", err=True)
        return stop.exit_status
    click.echo(summary(tally, width()))
    return 0


def _line(words: str) -> None:
    """Print a line of a table, or a word between such lines, as it is: it has its width already."""
    click.echo(words, err=True)


def _rehearsal(found: Rehearsal) -> str:
    """A dry run in words."""
    size = "a space without end" if found.size is None else f"a space of {found.size:,} points"
    share = 100 * found.valid / found.tried
    lines = [
        f"{size}: {'all' if found.tried == found.size else f'{found.tried:,} at random'} compiled in "
        f"{found.seconds:.1f} s, {1000 * found.seconds / found.tried:.1f} ms each",
        f"{found.valid:,} of {found.tried:,} may be trained ({share:.0f} %)",
    ]
    return "\n".join([*lines, *reasons(found.rejected, found.examples)])
