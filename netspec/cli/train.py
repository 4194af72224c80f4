"""`netspec train`: train a spec by its recipe into a run directory, or resume a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from netspec.cli.common import load_spec, need_torch, offer, spec_options
from netspec.diagnostics import UsageError
from netspec.net import Net

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("spec", required=False)
@click.option("--run", type=_PATH, metavar="DIR", help="The run directory; runs/NAME-N if not given.")
@click.option("--resume", type=_PATH, metavar="RUN", help="Go on with a run; SPEC defaults to the run's own.")
@click.option("--auto-resume", is_flag=True, help="Go on with the run in `--run DIR`; begin if it has no checkpoint.")
@click.option("--force", is_flag=True, help="Resume although spec, data or number of processes differ.")
@click.option("--weights", type=_PATH, metavar="FILE", help="Start from a safetensors file or a run.")
@click.option("--fresh", "--ignore", "fresh", multiple=True, metavar="GLOB",
              help="Keys of --weights to leave alone, as 'head.*': of the net they stay as initialised.")  # fmt: skip
@click.option("--folds", type=click.IntRange(min=2), metavar="K",
              help="Train K times, each time with another share held out; called again, go on.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Two batches, a checkpoint and a resume; memory and time to expect.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", type=click.Choice(["fp32", "tf32", "bf16", "fp16"]), help="In place of the recipe's.")
@click.option("--examples", type=click.IntRange(min=1), metavar="N", help="Use only N examples of each part.")
@click.option("--data", "data_root", type=_PATH, metavar="DIR", help="Folder of the data sets; else NETSPEC_DATA.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Processes that decode images from files.")
@click.option("--data-budget", "budget", type=click.IntRange(min=0), metavar="BYTES",
              help="Stream examples that take more on the device; a quarter of its memory if not given.")  # fmt: skip
@click.option("--max-steps", type=click.IntRange(min=1), metavar="N", help="Stop with a checkpoint after N steps.")
@click.option("--deterministic", is_flag=True, help="Only operations that give the same bits every time.")
@click.option(
    "--channels-last/--channels-first", default=None, help="Order of images in memory; last, but for fp32 on a GPU."
)
@click.option("--compile", is_flag=True, help="Use torch.compile.")
@click.option("--shard/--no-shard", default=None, help="Divide the net among the processes that torchrun starts.")
@click.option("--autotune", is_flag=True, help="Time these two choices for ten steps each and keep the fastest.")
@click.option("--driver", type=click.Choice(["auto", "eager", "graph"]), default="auto", show_default=True,
              help="Call each step, or replay a CUDA graph of it.")  # fmt: skip
@click.option("--tensorboard/--no-tensorboard", default=None, help="Write TensorBoard logs beside the metrics.")
@click.option("--log", multiple=True, metavar="SERVICE", help="Log the epochs to `wandb` or `mlflow`; may be repeated.")
@click.option("--report/--no-report", default=None, help="Write report.html at the end; it takes one more evaluation.")
@click.option("-q", "--quiet", is_flag=True, help="Show only the last line and warnings.")
@spec_options
def command(
    spec: str | None,
    run: Path | None,
    resume: Path | None,
    auto_resume: bool,
    force: bool,
    folds: int | None,
    dry_run: bool,
    max_steps: int | None,
    tensorboard: bool | None,
    log: tuple[str, ...],
    report: bool | None,
    autotune: bool,
    quiet: bool,
    variant: str | None,
    set_: tuple[str, ...],
    **options: Any,
) -> int:
    """Train SPEC by its recipe, or go on with a run."""
    net = _net(spec, resume, force, variant, set_)
    if run is not None and resume is not None:
        raise UsageError("`--run` names a new run and `--resume` an old one; give one of them")
    need_torch()
    from netspec.trainer.errors import Interrupted  # imported after the spec is checked, since torch is slow to import
    from netspec.trainer.jobs.training import train
    from netspec.trainer.machine.processes import speaks

    if folds is not None:
        beside = dry_run or force or resume is not None or auto_resume or max_steps is not None
        return _folds(net, folds, run, beside, quiet, options)
    if autotune:
        from netspec.trainer.jobs.tune import autotune as tune

        options |= tune(net, options)
    if dry_run:
        from netspec.trainer.jobs.dry_run import rehearse
        from netspec.trainer.run.standing import beginning

        click.echo(rehearse(net, options, beginning(run, resume, auto=auto_resume)[1]))
        return 0
    try:
        result = train(
            net, run=run, resume=resume, auto_resume=auto_resume, force=force, quiet=quiet, max_steps=max_steps,
            tensorboard=tensorboard, log=log or None, report=report, **options,
        )  # fmt: skip
    except Interrupted as stop:  # not an error: the user has requested it
        click.echo(str(stop), err=True)
        return stop.exit_status
    if not speaks():
        return 0
    click.echo(result.line)
    if result.best_line is not None:
        click.echo(result.best_line)
    if result.speed is not None:  # None for a run that was finished before
        click.echo(result.speed)
    click.echo(str(result.run))
    return 0


def _folds(net: Net, folds: int, run: Path | None, beside: bool, quiet: bool, options: dict[str, Any]) -> int:
    """Train once for each fold, and show the figures together."""
    if beside:
        raise UsageError("`--folds` goes on by itself where it is called again with the same `--run`: give it without "
                         "`--resume`, `--auto-resume`, `--force`, `--max-steps` and `--dry-run`")  # fmt: skip
    from netspec.trainer.errors import Interrupted
    from netspec.trainer.jobs.folds import cross_validate
    from netspec.trainer.machine.processes import speaks

    try:
        found = cross_validate(net, folds=folds, run=run, quiet=quiet, **options)
    except Interrupted as stop:
        click.echo(str(stop), err=True)
        return stop.exit_status
    if speaks():
        click.echo(found.text)
        click.echo(str(found.run))
    return 0


def _net(spec: str | None, resume: Path | None, force: bool, variant: str | None, set_: tuple[str, ...]) -> Net:
    if resume is None:
        if spec is None:
            raise UsageError(
                "name a spec to train, or a run to go on with: `netspec train SPEC`, `netspec train --resume RUN`"
            )
        return load_spec(spec, variant, set_)
    from netspec.trainer.run.directory import find_run  # imported here, since only `--resume` needs them
    from netspec.trainer.run.plugins import need_plugins

    run = find_run(resume)
    if not (spec and force):  # which may have other layers
        need_plugins(run, offer().plugins)
    return load_spec(spec or str(run.spec), variant, set_)
