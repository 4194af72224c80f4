"""`netspec summary`: the table of a network, of a module that a program has or of a spec."""

from __future__ import annotations

from pathlib import Path

import click

from netspec.cli.common import format_option, load_spec, spec_options
from netspec.cli.compile import EstimateOptions, cost_of, table_of
from netspec.cli.files import write_atomic
from netspec.cli.modules import ImportOptions, factory_in, imported_module, told_of_proof
from netspec.cli.pages import format_of
from netspec.diagnostics import UsageError
from netspec.drawing import diagram, render
from netspec.net import Net

_FILES = ("svg", "png", "pdf", "html")


@click.command()
@click.argument("source")
@click.option(
    "--input", "inputs", multiple=True, metavar="SIZES",
    help="Of a module: one example's sizes, `3,224,224`, or `16,int64`; once for each argument.",
)  # fmt: skip
@click.option("--unverified", is_flag=True, help="Of a module: what one run in eval mode did, without the proof.")
@click.option("-o", "--output", metavar="FILE", type=Path, help="Draw it, too: FILE.svg, .png, .pdf or .html.")
@format_option("table", "json", "markdown", "csv")
@click.option("--depth", type=click.IntRange(min=1), help="Fold what is nested deeper than this.")
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Estimate the memory of training on N examples.")
@click.option("--precision", type=click.Choice(["fp32", "tf32", "bf16", "fp16"]), help="Of the estimate; default fp32.")
@click.option("--optimizer", metavar="NAME", help="Of the estimate; default the recipe's, or SGD.")
@spec_options
def command(
    source: str,
    inputs: tuple[str, ...],
    unverified: bool,
    output: Path | None,
    form: str,
    depth: int | None,
    batch: int | None,
    precision: str | None,
    optimizer: str | None,
    variant: str | None,
    set_: tuple[str, ...],
) -> None:
    """Print the layer table of SOURCE: shapes, parameters, MACs, and with --batch the memory of training.

    SOURCE is a module of yours, `package.module:factory` or `file.py:Net`, which is imported, made, run, and held
    against the network that the table is of; or a spec. With --plugin, modules of the classes that its layers build are
    such layers.
    """
    kind = None if output is None else format_of(output, _FILES)
    program = factory_in(source)
    if program is None:
        if inputs or unverified:
            option = "--input" if inputs else "--unverified"
            raise UsageError(f"`{option}` is for a module, `package.module:factory` or `file.py:Net`; {source} is none")
        net, text = load_spec(source, variant, set_, to_look_at=True), ""
    else:
        if variant is not None or set_:
            raise UsageError(f"`{'--variant' if variant else '--set'}` is for a spec, and {source} is a module")
        found = imported_module(program, ImportOptions(inputs, is_verified=not unverified)).found
        told_of_proof(found)
        net, text = found.net, found.text
    cost = cost_of(net, EstimateOptions(batch, precision, optimizer, None))
    click.echo(table_of(net, form, depth, cost).rstrip("\n"))
    if output is not None and kind is not None:
        write_atomic(output, _page(net, text) if kind == "html" else render(diagram(net, depth=depth), kind))
        click.echo(f"wrote {output}", err=True)


def _page(net: Net, text: str) -> bytes:
    from netspec.drawing.interactive import Look, OnPage, page  # imported here: pictures do not need it

    return page([OnPage(net, net.source, text, ())], Look())
