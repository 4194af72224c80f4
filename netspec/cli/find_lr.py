"""`netspec find-lr`: propose a learning rate for a spec's recipe, by training while the rate rises."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from netspec.asked import setting
from netspec.cli.common import format_option, json_is_out, load_spec, need_torch, said, spec_options, width
from netspec.cli.files import check_target, write_atomic
from netspec.cli.pages import format_of
from netspec.diagnostics import UsageError

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("spec")
@click.option("--steps", type=click.IntRange(min=20), default=100, show_default=True, metavar="N",
              help="Optimizer steps, over which the rate rises.")  # fmt: skip
@click.option("--from", "lowest", type=float, default=1e-7, show_default=True, metavar="RATE", help="The first rate.")
@click.option("--to", "highest", type=float, default=10.0, show_default=True, metavar="RATE", help="The last rate.")
@click.option("-o", "--output", type=_PATH, metavar="FILE", help="Draw the loss by the rate: FILE.svg or .png.")
@format_option("text", "json")
@click.option("--weights", type=_PATH, metavar="FILE", help="Start from a safetensors file or a run.")
@click.option("--fresh", multiple=True, metavar="GLOB", help="Keys of --weights to leave alone, as 'head.*'.")
@click.option("--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")
@click.option("--precision", type=click.Choice(["fp32", "tf32", "bf16", "fp16"]), help="In place of the recipe's.")
@click.option("--examples", type=click.IntRange(min=1), metavar="N", help="Use only N examples of each part.")
@click.option("--data", "data_root", type=_PATH, metavar="DIR", help="Folder of the data sets; else NETSPEC_DATA.")
@click.option("--workers", type=click.IntRange(min=0), metavar="N", help="Processes that decode images from files.")
@spec_options
def command(
    spec: str,
    steps: int,
    lowest: float,
    highest: float,
    output: Path | None,
    form: str,
    variant: str | None,
    set_: tuple[str, ...],
    **options: Any,
) -> None:
    """Propose a learning rate for SPEC: train a copy while the rate rises, until the loss diverges.

    Nothing is written but the picture, if `-o` asks for it."""
    kind = None if output is None else format_of(output, ("svg", "png"))
    net = load_spec(spec, variant, set_)
    if output is not None:
        check_target(output)
    need_torch()
    from netspec.trainer.jobs.rates import find_lr  # after the spec is checked, since torch is slow to import
    from netspec.trainer.show.rate_curve import rate_text

    with _bar(steps) as advance:
        curve = find_lr(net, steps=steps, lowest=lowest, highest=highest, after_step=advance, **options)
    picture = None if kind is None else curve.picture(kind)
    if form == "json":
        click.echo(json.dumps(curve.to_dict(), indent=1, allow_nan=False))
        json_is_out()
    else:
        click.echo(curve.text(min(width(), 80)))
    if output is not None and picture is not None:
        write_atomic(output, picture)
        said(f"wrote {output}")
    if curve.suggestion is None:
        raise UsageError(f"no learning rate to propose: {curve.advice}")
    if curve.advice:
        said(f"note: {curve.advice}")
    if form != "json":
        click.echo(f"to train with it: {setting(curve.key, rate_text(curve.suggestion)).strip('`')}")


@contextmanager
def _bar(steps: int) -> Generator[Callable[[int], None] | None]:
    """A bar on a terminal, for nets whose steps take long."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=steps, label="steps", file=sys.stderr) as bar:
        yield lambda done: bar.update(1)
