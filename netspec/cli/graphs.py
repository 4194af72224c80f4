"""`netspec import model.onnx` and `net.pt2`: the spec of the graph in a file, and its weights beside."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final, NamedTuple

import click

from netspec.cli.common import said
from netspec.cli.files import check_ordinary, is_read, refuse_weights, weights_beside, write_atomic
from netspec.cli.modules import ImportOptions, told_of_proof
from netspec.diagnostics import MissingExtra, UsageError
from netspec.extras import install
from netspec.views.describe import count_text

if TYPE_CHECKING:
    from netspec.capture.importing import FromTorch


class ReadGraph(NamedTuple):
    """What a file gives."""

    found: FromTorch
    weights: bytes
    """By the keys of the built net, as a safetensors file."""
    against: str
    """What the spec was held against."""
    judged: str | None
    """What was found with the file's own weights; None where nobody asked."""
    notes: tuple[str, ...]


def import_graph(path: Path, options: ImportOptions, target: Path | None, name: str | None, *, force: bool) -> None:
    """Write the spec of a file with one of the suffixes of `GRAPHS`, and beside it `NAME.safetensors`.

    Raises:
        UsageError: the file cannot be read, sizes are missing, or a file would be written over.
        NotCaptured: it is damaged, or has what no spec has; nothing is written.
        MissingExtra: what reads it is not installed.
    """
    check_ordinary(path)
    is_read(path)
    beside = weights_beside(target)
    refuse_weights(beside, force=force)
    reader = GRAPHS[path.suffix.lower()]
    try:
        read = reader.read(path, options, name)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision", "safetensors"):
            raise
        raise MissingExtra(f"reading {path} needs {error.name}", install(reader.extra)) from None
    found = read.found
    if target is None or beside is None:
        click.echo(found.text, nl=False)
    else:
        write_atomic(beside, read.weights)
        write_atomic(target, found.text)
    params = found.net.params
    assert isinstance(params, int)
    what = "the spec" if target is None else f"wrote {target}"
    click.echo(f"{what}: {count_text(params)} parameters, {len(found.text.splitlines())} lines", err=True)
    told_of_proof(found, read.against)
    if read.judged is not None:
        said(read.judged)
    for note in read.notes:
        said(f"note: {note}")
    if target is None:
        said("note: with `-o FILE` the weights are written beside it")
        return
    click.echo(f"wrote {beside}: the weights under the spec's keys", err=True)
    click.echo(f"next: netspec compile {quote(str(target))}", err=True)


def _onnx(path: Path, options: ImportOptions, name: str | None) -> ReadGraph:
    from netspec.capture.onnx.door import from_onnx  # torch is slow to import

    read = from_onnx(path, options.inputs, name=name, is_flat=options.is_flat, is_verified=options.is_verified)
    judged = None
    if read.difference is not None:
        judged = f"with its weights equal to onnxruntime, within {read.difference:.0e} of the largest output"
    return ReadGraph(read.found, read.saved(), "graph of the file", judged, read.notes)


def _exported(path: Path, options: ImportOptions, name: str | None) -> ReadGraph:
    if options.inputs:
        raise UsageError(f"`--input` is for a module or an ONNX file: the sizes of {path} stand in it")
    from netspec.capture.exported.importing import from_exported  # torch is slow to import

    try:
        read = from_exported(path, name, is_flat=options.is_flat, is_verified=options.is_verified)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from None
    judged = (
        "with the program's weights its outputs are those of the program's own steps, within "
        f"{read.difference:.0e} of the largest value, in 64 bits"
    )
    return ReadGraph(read.found, read.saved(), "module", judged, read.notes)


class GraphReader(NamedTuple):
    """What reads a kind of file."""

    extra: str
    """The extra that has all that it needs."""
    read: Callable[[Path, ImportOptions, str | None], ReadGraph]


GRAPHS: Final = {".onnx": GraphReader("onnx", _onnx), ".pt2": GraphReader("torch", _exported)}
"""By their suffixes the files with a graph in them."""
