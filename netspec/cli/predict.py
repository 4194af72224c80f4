"""`netspec predict`: the classes of image files by a trained run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netspec.cli.common import format_option, offer, plugin_option
from netspec.cli.train import need_torch


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.argument("images", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--top", type=click.IntRange(min=1), default=3, show_default=True, metavar="N", help="Answers per picture."
)
@click.option("--best", is_flag=True, help="The best checkpoint in place of the weights at the end.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@format_option("text", "json")
@plugin_option
def command(run: Path, images: tuple[Path, ...], top: int, best: bool, device: str, form: str) -> None:
    """Say what a trained RUN sees in pictures."""
    from netspec.trainer.run.directory import open_run  # needs no torch, so what is wrong with a run is said without

    open_run(run)
    need_torch()
    from netspec.trainer.trained.opening import open_trained
    from netspec.trainer.trained.prediction import predict  # after parsing: torch is slow to import

    answers = predict(open_trained(run, device=device, best=best, offer=offer()), images, top)
    if form == "json":
        click.echo(json.dumps([answer.to_dict() for answer in answers], indent=1))
        return
    for answer in answers:
        click.echo(answer.text())
