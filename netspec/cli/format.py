"""`netspec format`: the white space of specs, put in order."""

from __future__ import annotations

from pathlib import Path

import click

from netspec.cli.common import read_source
from netspec.cli.files import write_atomic
from netspec.cli.project import project_specs
from netspec.cli.specs import spec_files
from netspec.diagnostics import UsageError
from netspec.text.formatting import formatted

_MARK = "\ufeff"


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1)
@click.option(
    "--check", is_flag=True, help="Name the files that would change, and write nothing: status 1 if any would."
)
def command(specs: tuple[str, ...], check: bool) -> int:
    """Put the white space of each SPEC in order: indentation, blanks in and around brackets, blank lines. Comments,
    lines and all else stay, and so do columns that are aligned. `-` is standard input, written to standard output."""
    paths = spec_files(specs or project_specs())
    if not paths:
        raise UsageError("name the specs to format, or a directory: `netspec format specs/`")
    changed, unread = 0, 0
    for path in paths:
        source, problems = read_source(path)
        new = None if problems else formatted(source.text)
        if new is None:
            unread += 1
            click.echo(f"{path}: it stays as it is, since it cannot be read: see `netspec check {path}`", err=True)
        if path == "-" and not check:
            click.echo(source.text if new is None else new, nl=False)
        elif new is not None and new != source.text:
            changed += 1
            _change(path, new, check=check)
    total = len(paths)
    if not (changed or unread) and paths != ["-"]:
        click.echo(f"{total} spec{'s' if total > 1 else ''} in order", err=True)
    return 1 if unread or (check and changed) else 0


def _change(path: str, new: str, *, check: bool) -> None:
    """Write a file, or say that it would be written."""
    if check:
        click.echo(f"{path}: its white space is not in order; `netspec format {path}` writes it")
        return
    file = Path(path).resolve()  # a link stays one
    marked = file.read_bytes().startswith(_MARK.encode())
    write_atomic(file, ((_MARK if marked else "") + new).encode(), in_place=True)
    click.echo(f"{path}: written", err=True)
