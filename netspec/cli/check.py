"""`netspec check`: every mistake in every file and variant."""

from __future__ import annotations

import click

from netspec.cli.common import (
    compile_spec,
    failed,
    format_option,
    offer,
    read_source,
    remark_options,
    show_diagnostics,
    spec_options,
    without_ignored,
)
from netspec.cli.specs import spec_files
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic, UsageError


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@format_option("text", "json", "github")
@remark_options
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when all is well.")
@click.option("--fix", is_flag=True, help="Write the certain mends into the files, until none is left.")
@click.option("--diff", is_flag=True, help="Show what `--fix` changes, and write nothing.")
@spec_options
def command(
    specs: tuple[str, ...],
    form: str,
    strict: bool,
    notes: bool,
    ignore: frozenset[str],
    quiet: bool,
    fix: bool,
    diff: bool,
    variant: str | None,
    set_: tuple[str, ...],
) -> int:
    """Report every mistake in every file and variant; `-` is standard input, and a directory stands for its specs."""
    if (fix or diff) and (variant is not None or set_):
        raise UsageError("`--fix` mends a file as it stands, in all its variants: leave out `--variant` and `--set`")
    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    paths = spec_files(specs)
    for path in paths:
        if variant is not None or set_:
            result = compile_spec(path, variant, set_, notes=notes)
            source, more = result.source, result.diagnostics
            text = source.text
        else:
            source, problems = read_source(path)
            more, text = check_source(source, problems, offer=offer(), notes=notes), source.text
        if (fix or diff) and any(d.fix is not None and d.fix.certain for d in more):
            from netspec.cli.repairs import repair, show_diff, write_back  # where something is wrong

            made = repair(source, more, notes=notes)
            if diff:
                show_diff(source.name, source.text, made.text)
            else:
                write_back(path, made)
            more, text = list(made.left), made.text
        sources[source.name] = text
        found += without_ignored(more, ignore)
    if form in ("json", "github"):
        _show_for_programs(found, form)
    elif found:
        show_diagnostics(found, sources, err=fix or diff)
    elif not quiet:
        click.echo(f"{len(paths)} spec{'s' if len(paths) > 1 else ''} checked, no mistakes", err=True)
    return 1 if failed(found, strict=strict) else 0


def _show_for_programs(found: list[Diagnostic], form: str) -> None:
    from netspec.render import render_github, render_json  # imported here, since a text without findings needs neither

    if form == "json":
        click.echo(render_json(found))
    else:
        click.echo(render_github(found), nl=bool(found))
