"""`netspec launch`: write the file by which a cluster trains a spec on several machines."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from netspec.cli.batch import Job, sky, slurm
from netspec.cli.common import load_spec
from netspec.cli.files import write_new
from netspec.cli.train import command as train
from netspec.diagnostics import UsageError
from netspec.net import Net

_PATH = click.Path(path_type=Path)
_TIME = re.compile(r"\d+|\d+:\d\d|\d+:\d\d:\d\d|\d+-\d+(:\d\d){0,2}")
_GPUS = re.compile(r"([A-Za-z0-9_.-]+:)?([1-9]\d*)")


@click.command(context_settings={"allow_interspersed_args": True})
@click.argument("spec")
@click.argument("options", nargs=-1, metavar="[-- TRAIN OPTIONS]")
@click.option("--run", type=_PATH, required=True, metavar="DIR", help="The run directory, which all machines share.")
@click.option("--slurm", "sbatch", type=_PATH, metavar="FILE", help="Write the script that sbatch takes.")
@click.option("--sky", "task", type=_PATH, metavar="FILE", help="Write the task that sky launch takes.")
@click.option("--nodes", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Machines.")
@click.option("--gpus", metavar="[TYPE:]N", help="GPUs of each machine, with a process for each: 8, H100:8.")
@click.option("--processes", type=click.IntRange(min=1), metavar="N", help="Processes of each machine without GPUs.")
@click.option("--time", metavar="TIME", help="SLURM's limit: 30, 12:00:00, 2-12.")
@click.option("--grace", type=click.IntRange(min=1), default=120, show_default=True, metavar="SECONDS",
              help="How long before the limit SLURM tells the run to write a checkpoint.")  # fmt: skip
@click.option("--sbatch", "more", multiple=True, metavar="OPTION", help="A further option of sbatch; may be repeated.")
@click.option("--bucket", metavar="URL", help="Storage that SkyPilot mounts as the run directory.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def command(
    spec: str,
    options: tuple[str, ...],
    run: Path,
    sbatch: Path | None,
    task: Path | None,
    nodes: int,
    gpus: str | None,
    processes: int | None,
    time: str | None,
    grace: int,
    more: tuple[str, ...],
    bucket: str | None,
    force: bool,
) -> None:
    """Write the file by which SLURM or SkyPilot trains SPEC on several machines, and goes on with the run where it was
    interrupted. Options of `netspec train` stand behind `--`."""
    if (sbatch is None) == (task is None):
        raise UsageError("say which file to write: `--slurm FILE` or `--sky FILE`")
    count = _count(gpus, processes, typed=task is not None)
    _check(sbatch is not None, time, grace, more, bucket)
    file = sbatch or task
    if file is not None and file.exists() and Path(spec).exists() and file.samefile(spec):
        raise UsageError(f"{file} is the spec itself: name another file for what is written")
    if bucket is not None and not run.is_absolute():
        raise UsageError(f"`--bucket`: SkyPilot mounts it as `--run {run}`, which must be absolute: /{run.name}")
    words = [] if gpus is not None or "--device" in options else ["--device", "cpu"]
    path, place = (_inside(spec), str(run)) if task is not None else (str(Path(spec).absolute()), str(run.absolute()))
    arguments = [path, "--run", place, "--auto-resume", *words, *options]
    net = _understood(spec, options)
    job = Job(net.name, nodes, gpus, count, arguments, place)
    if task is not None:
        write_new(task, sky(job, bucket=bucket), force=force)
        click.echo(f"wrote {task}; next: sky jobs launch {shlex.quote(str(task))}", err=True)
    elif sbatch is not None:
        text = slurm(job, time=time, grace=grace, python=sys.executable, folder=str(Path.cwd()), more=more)
        write_new(sbatch, text, force=force)
        click.echo(f"wrote {sbatch}; next: sbatch {shlex.quote(str(sbatch))}", err=True)


def _count(gpus: str | None, processes: int | None, *, typed: bool) -> int:
    """The processes of each machine.

    Raises:
        UsageError: the GPUs are named in no form that the scheduler knows, or both numbers are given.
    """
    if gpus is None:
        return processes or 1
    if processes is not None:
        raise UsageError("`--gpus` says how many processes a machine has: one for each; leave out `--processes`")
    found = _GPUS.fullmatch(gpus)
    if found is None or (typed and found[1] is None):
        form = "TYPE:N, such as H100:8, for SkyPilot" if typed else "N or TYPE:N, such as 8 or H100:8"
        raise UsageError(f"`--gpus {gpus}`: write {form}")
    return int(found[2])


def _seconds(time: str) -> int:
    """A limit of SLURM's in seconds: `30` are minutes, `30:00` too, `1:00:00` an hour, `2-12` two days and a half.

    >>> [_seconds(time) for time in ("30", "30:00", "1:00:00", "2-12", "0-1:30")]
    [1800, 1800, 3600, 216000, 5400]
    """
    days, dash, rest = time.rpartition("-")
    words = [int(word) for word in rest.split(":")]
    if not dash and len(words) < 3:  # minutes lead
        words = [0, *words]
    hours, minutes, seconds = (*words, 0, 0)[:3]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


def _check(to_slurm: bool, time: str | None, grace: int, more: Sequence[str], bucket: str | None) -> None:
    """Require that what is said is for the scheduler that is meant, and fits its line.

    Raises:
        UsageError: it does not.
    """
    if to_slurm and bucket is not None:
        raise UsageError("`--bucket` is for `--sky`: SLURM's machines share a file system, on which `--run` lies")
    if not to_slurm and (time is not None or more):
        raise UsageError("`--time` and `--sbatch` are for `--slurm`: SkyPilot has no limit of time")
    if time is not None and not _TIME.fullmatch(time):
        raise UsageError(f"`--time {time}`: write minutes, H:MM:SS or D-H, such as 30, 12:00:00 or 2-12")
    if time is not None and grace >= _seconds(time) > 0:  # SLURM takes 0 for no limit
        raise UsageError(
            f"`--grace {grace}`: `--time {time}` is {_seconds(time)} seconds, so that the run would be told to end as "
            "soon as it begins, and never be done; give less grace, or more time"
        )
    for text in more:
        if not text.startswith("--") or not text.isprintable():
            raise UsageError(f"`--sbatch {text!r}`: write an option of sbatch, such as --sbatch=--partition=long")


def _inside(spec: str) -> str:
    """The path of a spec from the working directory on, which SkyPilot copies to the machines.

    Raises:
        UsageError: it lies elsewhere.
    """
    try:
        return str(Path(spec).absolute().relative_to(Path.cwd()))
    except ValueError:
        raise UsageError(
            f"{spec}: SkyPilot copies the working directory {Path.cwd()} to the machines, and the spec lies elsewhere"
        ) from None


_OWN = ("run", "resume", "folds", "dry_run")


def _understood(spec: str, options: Sequence[str]) -> Net:
    """The net that would be trained: the command is read as the machines will read it.

    Raises:
        UsageError: an option is none of `netspec train`, or one that does not go with a run over machines.
        SpecError: the spec is wrong.
    """
    with train.make_context("netspec train", [spec, *options]) as context:
        given = context.params
        if beside := next((name for name in _OWN if given[name]), None):
            raise UsageError(f"`--{beside.replace('_', '-')}` behind `--`: leave it out; the file says `--run` itself")
        net = load_spec(spec, given["variant"], given["set_"])
    if net.recipe is None:
        from netspec.trainer.setup.lacking import without_recipe  # imported here: most specs that are launched have one

        raise without_recipe(net)
    return net
