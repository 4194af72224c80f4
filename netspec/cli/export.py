"""`netspec export`: a trained run as a file for other programs, with the recipe's preprocessing inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from netspec.cli.common import format_option, need_torch, offer, plugin_option, said, weights_options
from netspec.cli.files import check_target, write_atomic
from netspec.diagnostics import UsageError

if TYPE_CHECKING:
    from netspec.trainer.serving.served import PixelType
    from netspec.trainer.trained.exporting import Exported


def _no_device(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Other commands on a run take a device, so that it is asked for here, too."""
    if value is not None:
        raise UsageError(
            f"`--device {value}`: a file is made, and held against the run, on the CPU, and the program that loads it "
            "says where it runs; leave `--device` out"
        )


@click.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--to", type=click.Choice(["onnx", "pt2"]), help="The form; else what the ending of FILE says.")
@click.option("-o", "--output", metavar="FILE", type=click.Path(path_type=Path),
              help="The file to write; RUN/model.onnx or RUN/model.pt2 if not given.")  # fmt: skip
@weights_options
@click.option("--size", metavar="HxW", help="Height and width of the pictures, as 480x640, or `any`; else the data's.")
@click.option("--dtype", type=click.Choice(["uint8", "float32"]),
              help="Pictures of 0 to 255, or as floats in [0, 1]; else as the data have them.")  # fmt: skip
@click.option("--without-preprocessing", is_flag=True, help="The net alone, from its input tensor.")
@click.option("--verify/--no-verify", default=None,
              help="Hold the file against the run's own predictions; if not given, where that can be run.")  # fmt: skip
@click.option("--device", hidden=True, expose_value=False, callback=_no_device)
@format_option("text", "json")
@plugin_option
def command(
    run: Path,
    to: str | None,
    output: Path | None,
    best: bool,
    last: bool,
    size: str | None,
    dtype: str | None,
    without_preprocessing: bool,
    verify: bool | None,
    form: str,
) -> None:
    """Write a trained RUN as one file for other programs: ONNX, or a .pt2 of torch.export.

    What evaluation does to a picture (resize, crop, normalise) is inside: the input are pictures as the data have them,
    uint8 from 0 to 255, any number at a time. Inputs and outputs have the names of the spec, `x` and `output` where
    it gives none; the names of the classes are in the file.
    """
    from netspec.trainer.run.directory import find_run  # needs no torch, so what is wrong with a run is said without

    found = find_run(run)
    if to is None and output is None:
        raise UsageError("in which form? say `--to onnx` or `--to pt2`")
    need_torch()
    from netspec.trainer.serving.served import Serving
    from netspec.trainer.trained.exporting import export, written_form  # after parsing: torch is slow to import
    from netspec.trainer.trained.opening import open_trained

    form_of_file = written_form(to, "" if output is None else output.suffix)
    target = output or found.path / f"model.{form_of_file}"
    check_target(target)
    asked = Serving(not without_preprocessing, _size(size), cast("PixelType | None", dtype))
    exported = export(
        open_trained(run, device="cpu", best=best, last=last, offer=offer()), form_of_file, asked, verify=verify
    )
    write_atomic(target, exported.data)
    _show(run, target, exported, form)


def _size(text: str | None) -> tuple[int, int] | Literal["any"] | None:
    """The value of `--size`."""
    if text is None or text == "any":
        return text
    height, _, width = text.partition("x")
    if not (height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise UsageError(f"--size {text}: write height and width in pixels, as in `--size 480x640`, or `--size any`")
    return int(height), int(width)


def _show(run: Path, target: Path, exported: Exported, form: str) -> None:
    if form == "json":
        check = exported.check
        held: Any = None if check is None else check._asdict()
        result = {"run": str(run), "file": str(target), "format": exported.form, **exported.metadata, "verified": held}
        click.echo(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        click.echo(exported.text(str(target)))
    for note in exported.notes:
        said(f"note: {note}")
