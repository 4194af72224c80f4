"""`netspec predict`: what a trained run gives for pictures, for files of tensors, or for its own data."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netspec.cli.common import format_option, offer, plugin_option
from netspec.cli.train import need_torch
from netspec.diagnostics import UsageError


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("files", metavar="[FILE...]", nargs=-1, type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["test", "validation", "train"]),
              help="Examples of the run's data, in place of files.")  # fmt: skip
@click.option("--examples", type=click.IntRange(min=1), default=10, show_default=True, metavar="N",
              help="How many of the split, from its first one on.")  # fmt: skip
@click.option("--data", "data_root", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the data sets.")
@click.option(
    "--top", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="Classes of an answer."
)
@click.option("--best", is_flag=True, help="The best checkpoint in place of the weights at the end.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@format_option("text", "json")
@plugin_option
def command(
    run: Path,
    files: tuple[Path, ...],
    split: str | None,
    examples: int,
    data_root: Path | None,
    top: int,
    best: bool,
    device: str,
    form: str,
) -> None:
    """Say what a trained RUN gives for pictures, or for other examples.

    A FILE is a picture, or a .safetensors file with a tensor of examples under the name of each input of the net (the
    only one as `x`). A classifier names the likeliest classes; of any other net, and of one with several outputs, all
    outputs are given by name: their first values as text, all of them as JSON.
    """
    if bool(files) == (split is not None):
        raise UsageError(
            "name files, pictures or .safetensors, or part of the run's data by `--split test`; one of them"
        )
    from netspec.trainer.run.directory import open_run  # needs no torch, so what is wrong with a run is said without

    open_run(run)
    need_torch()
    from netspec.trainer.trained.opening import open_trained
    from netspec.trainer.trained.prediction import predict, predict_split  # after parsing: torch is slow to import

    trained = open_trained(run, device=device, best=best, offer=offer())
    answers = predict_split(trained, split, examples, data_root, top) if split else predict(trained, files, top)
    if form == "json":
        click.echo(json.dumps([answer.to_dict() for answer in answers], indent=1))
        return
    for answer in answers:
        click.echo(answer.text())
