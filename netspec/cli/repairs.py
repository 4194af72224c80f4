"""`netspec check --fix`: the mends of a spec written into its file."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from netspec.cli.common import offer
from netspec.cli.files import write_atomic
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic
from netspec.mends.repair import Repair, repaired
from netspec.text.source import Source, decode

_MARK = "\ufeff"


def repair(source: Source, found: list[Diagnostic], *, notes: bool) -> Repair:
    """The text of a spec with all its mends applied, and what is left to find in it."""

    def check(text: str) -> list[Diagnostic]:
        return check_source(*decode(text.encode(), source.name), offer=offer(), notes=notes)

    return repaired(source, found, check)


def write_back(path: str, made: Repair) -> None:
    """Write a mended spec: into its file, or to standard output where it came from standard input.

    Raises:
        ResourceError: the file cannot be written.
    """
    if path == "-":
        click.echo(made.text, nl=False)
        return
    file = Path(path).resolve()  # a link stays one
    marked = file.read_bytes().startswith(_MARK.encode())
    write_atomic(file, ((_MARK if marked else "") + made.text).encode(), in_place=True)
    for _, fix in made.mends:
        click.echo(f"{path}: {fix.title}", err=True)
    if not made.ended:
        click.echo(f"{path}: so many mends are made in one go and no more; `--fix` again makes others", err=True)


def show_diff(name: str, before: str, after: str) -> None:
    """Print what mends change, as a unified diff."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), name, f"{name} (mended)"
    )
    for line in lines:
        click.echo(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n", nl=False)
