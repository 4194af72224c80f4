"""`netspec eval`: loss and accuracy of a trained run, per class and with the confusion matrix."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from netspec.cli.common import format_option, need_torch, offer, plugin_option, set_option, settings, weights_options


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--split", type=click.Choice(["test", "validation", "train"]), default="test", show_default=True,
              help="Which part of the data.")  # fmt: skip
@weights_options
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@click.option("--examples", type=click.IntRange(min=1), metavar="N",
              help="Use only N examples; if not given, as many as the run did.")  # fmt: skip
@click.option("--data", "data_root", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the data sets.")
@format_option("text", "json")
@click.option("--report", is_flag=True, help="Write the run's report.html anew, with what this evaluation finds.")
@set_option
@plugin_option
def command(
    run: Path,
    split: str,
    best: bool,
    last: bool,
    device: str,
    examples: int | None,
    data_root: Path | None,
    form: str,
    report: bool,
    set_: tuple[str, ...],
) -> None:
    """Measure a trained RUN on its test set, or on other pictures: `--set train.data.folder.test=elsewhere/test`."""
    from netspec.trainer.run.directory import find_run  # needs no torch, so what is wrong with a run is said without

    find_run(run)
    need_torch()
    from netspec.trainer.show.report import write_report
    from netspec.trainer.trained.inspection import inspect  # after parsing: torch is slow to import
    from netspec.trainer.trained.opening import open_trained

    trained = open_trained(run, device=device, best=best, last=last, offer=offer(), set=settings(set_))
    found = inspect(trained, split, data_root, examples, shown=report)
    if report:
        measured = ", ".join([f"{split} data", trained.origin, *set_])
        write_report(trained.run, trained.net, found.examination, trained.names, found.answers, measured)
    if form == "json":
        others: dict[str, Any] = {"set": list(set_)} if set_ else {}
        result: dict[str, Any] = {"run": str(run), "weights": trained.origin, **others, **found.to_dict(trained.names)}
        click.echo(json.dumps(result, indent=1))
    else:
        click.echo(f"{run} ({', '.join([trained.origin, *set_])})")
        click.echo(found.text(trained.names))
