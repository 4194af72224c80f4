"""`netspec check`: every mistake in every file and variant."""

from __future__ import annotations

import click

from netspec.cli.common import compile_spec, failed, format_option, offer, read_source, show_diagnostics, spec_options
from netspec.compiler import check_source
from netspec.diagnostics import Diagnostic


@click.command()
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@format_option("text", "json", "github")
@click.option("--strict", is_flag=True, help="End with status 1 for warnings too.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when all is well.")
@spec_options
def command(
    specs: tuple[str, ...], form: str, strict: bool, quiet: bool, variant: str | None, set_: tuple[str, ...]
) -> int:
    """Report every mistake in every file and variant; `-` is standard input."""
    found: list[Diagnostic] = []
    sources: dict[str, str] = {}
    for path in specs:
        if variant is not None or set_:
            result = compile_spec(path, variant, set_)
            source, more = result.source, result.diagnostics
        else:
            source, problems = read_source(path)
            more = check_source(source, problems, offer=offer())
        sources[source.name] = source.text
        found += more
    if form != "text":
        _show_for_programs(found, form)
    elif found:
        show_diagnostics(found, sources, err=False)
    elif not quiet:
        click.echo(f"{len(specs)} spec{'s' if len(specs) > 1 else ''} checked, no mistakes", err=True)
    return 1 if failed(found, strict=strict) else 0


def _show_for_programs(found: list[Diagnostic], form: str) -> None:
    from netspec.render import render_github, render_json  # imported here, since a text without findings needs neither

    if form == "json":
        click.echo(render_json(found))
    else:
        click.echo(render_github(found), nl=bool(found))
