"""`netspec import model.onnx`: the spec of the network in the file, and its weights beside."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from netspec.cli.files import is_read, refuse_weights, weights_beside, write_atomic
from netspec.cli.modules import ImportOptions, told_of_proof
from netspec.diagnostics import MissingExtra
from netspec.extras import install
from netspec.views.describe import count_text

ONNX = ".onnx"


def import_onnx(path: Path, options: ImportOptions, target: Path | None, name: str | None, *, force: bool) -> None:
    """Write the spec of an .onnx file, and beside it `NAME.safetensors` with the keys of the built net.

    Raises:
        UsageError: the file cannot be read, sizes are missing, or a file would be written over.
        NotCaptured: it has what no spec has, or is damaged; nothing is written.
        MissingExtra: onnx or torch is not installed.
    """
    is_read(path)
    beside = weights_beside(target)
    refuse_weights(beside, force=force)
    try:
        from netspec.capture.onnx.door import from_onnx, saved
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision", "safetensors"):
            raise
        raise MissingExtra(f"reading {path} needs {error.name}: {install('onnx')}") from None
    read = from_onnx(path, options.inputs, name=name, is_flat=options.is_flat, is_verified=options.is_verified)
    found = read.found
    params = found.net.params
    assert isinstance(params, int)
    if target is None or beside is None:
        click.echo(found.text, nl=False)
    else:
        write_atomic(beside, saved(read.weights))
        write_atomic(target, found.text)
    what = "the spec" if target is None else f"wrote {target}"
    click.echo(f"{what}: {count_text(params)} parameters, {len(found.text.splitlines())} lines", err=True)
    told_of_proof(found, "graph of the file")
    if read.difference is not None:
        click.echo(
            f"with its weights equal to onnxruntime, within {read.difference:.0e} of the largest output", err=True
        )
    for note in read.notes:
        click.echo(f"note: {note}", err=True)
    if target is None or beside is None:
        click.echo("note: the weights are written with `-o FILE`, beside it", err=True)
        return
    click.echo(f"wrote {beside}: the weights, by the keys of the built net", err=True)
    click.echo(f"next: netspec compile {quote(str(target))}", err=True)
