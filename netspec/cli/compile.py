"""`netspec compile`: the layer table, and the Python file, the diagram and the JSON beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netspec.cli.common import compile_spec, failed, show_diagnostics, spec_options, width
from netspec.cli.files import write_atomic
from netspec.diagnostics import MissingExtra, ResourceError, UsageError, has_errors
from netspec.emit.json import to_json
from netspec.net import Net
from netspec.render import render_json
from netspec.summary import partial_table, summary, summary_csv, summary_markdown

if TYPE_CHECKING:
    from netspec.compiler import Result


@click.command()
@click.argument("spec")
@click.option("-o", "--output", metavar="DIR", type=Path, help="Where to write; the default is build/NAME.")
@click.option("--no-write", is_flag=True, help="Print only; write nothing.")
@click.option("--verify", is_flag=True, help="Build the module, run it on real tensors, compare every layer.")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "markdown", "csv"]), default="table", show_default=True
)
@click.option("--depth", type=click.IntRange(min=1), help="Fold what is nested deeper than this.")
@click.option("--strict", is_flag=True, help="End with status 1 for warnings too.")
@spec_options
def command(
    spec: str,
    output: Path | None,
    no_write: bool,
    verify: bool,
    form: str,
    depth: int | None,
    strict: bool,
    variant: str | None,
    set_: tuple[str, ...],
) -> int:
    """Compile SPEC: print its layer table and write NAME.py, NAME.svg and NAME.json into build/NAME/."""
    result = compile_spec(spec, variant, set_)
    sources = {result.source.name: result.source.text}
    if result.net is None or failed(result.diagnostics, strict=strict):
        _show_failure(result, form)
        return 1
    if result.diagnostics:
        show_diagnostics(result.diagnostics, sources, err=True)
    net = result.net
    click.echo(_table(net, form, depth).rstrip("\n"))
    if not no_write:
        _write(net, output or Path("build") / net.name)
    if verify:
        _verify(net)
    return 0


def _table(net: Net, form: str, depth: int | None) -> str:
    match form:
        case "json":
            return json.dumps(to_json(net), indent=2, ensure_ascii=False) + "\n"
        case "markdown":
            return summary_markdown(net, depth=depth)
        case "csv":
            return summary_csv(net)
        case _:
            return summary(net, depth=depth, width=width())


def _show_failure(result: Result, form: str) -> None:
    """The diagnostics; in front of them, for people, the table as far as shapes are known."""
    if form == "json":
        click.echo(render_json(result.diagnostics))
        return
    if form == "table" and result.net is not None and result.net.layers and has_errors(result.diagnostics):
        click.echo(partial_table(result.net, width=width()))
    show_diagnostics(result.diagnostics, {result.source.name: result.source.text}, err=True)


def _write(net: Net, directory: Path) -> None:
    from netspec.emit.python import to_python  # what --no-write need not import

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the directory {directory}: {error.strerror or error}") from None
    written = [f"{net.name}.py", f"{net.name}.json"]
    write_atomic(directory / written[0], to_python(net))
    write_atomic(directory / written[1], json.dumps(to_json(net), indent=2, ensure_ascii=False) + "\n")
    try:
        from netspec.diagram import diagram, render

        write_atomic(directory / f"{net.name}.svg", render(diagram(net), "svg"))
        written.insert(1, f"{net.name}.svg")
    except (MissingExtra, ResourceError) as error:  # the rest is worth having without the picture
        click.echo(f"no diagram: {error}", err=True)
    click.echo(f"wrote {directory}/: {', '.join(written)}", err=True)


def _verify(net: Net) -> None:
    from netspec import verify  # needs torch, and says how to install it

    click.echo(str(verify(net)), err=True)
