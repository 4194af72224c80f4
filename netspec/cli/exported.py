"""`netspec import net.pt2`: the spec of a program that `torch.export.save` wrote, and its weights beside."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from netspec.cli.files import is_read, refuse_weights, weights_beside, write_atomic
from netspec.cli.modules import ImportOptions, told_of_proof
from netspec.diagnostics import MissingExtra, UsageError
from netspec.extras import install
from netspec.views.describe import count_text

EXPORTED = ".pt2"


def import_exported(path: Path, options: ImportOptions, target: Path | None, name: str | None, *, force: bool) -> None:
    """Write the spec of a program, and beside it the weights.

    Raises:
        UsageError: there is no such file, or one would be written over.
        NotCaptured: it is damaged, or does what a spec cannot say.
        MissingExtra: torch is not installed.
    """
    if options.inputs:
        raise UsageError(f"`--input` is for a module or an ONNX file: the sizes of {path} stand in it")
    if not path.is_file():
        what = "it is no ordinary file" if path.exists() else "there is no such file"
        raise UsageError(f"cannot read {path}: {what}")
    is_read(path)
    weights = weights_beside(target)
    refuse_weights(weights, force=force)
    try:
        from netspec.capture.exported.importing import from_exported
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision", "safetensors"):
            raise
        raise MissingExtra(f"a program of torch's needs {error.name} to be read: {install('torch')}") from None
    try:
        found = from_exported(path, name, is_flat=options.is_flat, is_verified=options.is_verified)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    if target is None or weights is None:
        click.echo(found.found.text, nl=False)
    else:
        write_atomic(weights, found.saved())
        write_atomic(target, found.found.text)
    params = found.found.net.params
    assert isinstance(params, int)
    what = "the spec" if target is None else f"wrote {target}"
    click.echo(f"{what}: {count_text(params)} parameters, {len(found.found.text.splitlines())} lines", err=True)
    told_of_proof(found.found)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    click.echo(
        f"with the program's weights its outputs are those of the program's own steps, within {found.difference:.0e} "
        "of the largest value, in 64 bits",
        err=True,
    )
    if target is not None:
        click.echo(f"wrote {weights}: the weights under the spec's keys", err=True)
        click.echo(f"next: netspec compile {quote(str(target))}", err=True)
    elif found.weights:
        click.echo("note: with `-o FILE` the weights are written beside", err=True)
