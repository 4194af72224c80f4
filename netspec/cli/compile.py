"""`netspec compile`: the layer table, and the Python file, the diagram and the JSON beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import click

from netspec.cli.common import (
    compile_spec,
    failed,
    format_option,
    is_whole,
    json_is_out,
    remark_options,
    said,
    show_diagnostics,
    spec_options,
    width,
    without_ignored,
)
from netspec.cli.files import check_target, write_atomic
from netspec.diagnostics import DoesNotFit, MissingExtra, ResourceError, UsageError, has_errors
from netspec.emit.json import to_json
from netspec.net import Net
from netspec.render import render_json
from netspec.table import partial_table, summary, summary_csv, summary_markdown
from netspec.views.describe import bytes_of, bytes_text

if TYPE_CHECKING:
    from netspec.compiler import Result
    from netspec.cost import Cost, Precision


_TABLE: Final = "table"
"""The format that people read."""


@click.command()
@click.argument("spec")
@click.option("-o", "--output", metavar="DIR", type=Path, help="Where to write; the default is build/NAME.")
@click.option("--no-write", is_flag=True, help="Print only; write nothing.")
@click.option("--verify", is_flag=True, help="Build the module, run it on real tensors, compare every layer.")
@format_option("table", "json", "markdown", "csv")
@click.option("--depth", type=click.IntRange(min=1), help="Fold what is nested deeper than this.")
@click.option("--batch", type=click.IntRange(min=1), metavar="N", help="Estimate the memory of training on N examples.")
@click.option("--precision", type=click.Choice(["fp32", "tf32", "bf16", "fp16"]), help="Of the estimate; default fp32.")
@click.option("--optimizer", metavar="NAME", help="Of the estimate; default the recipe's, or SGD.")
@click.option("--memory", metavar="SIZE", help="End with status 6 if training takes more, as in 8GiB or 500MB.")
@remark_options
@spec_options
def command(
    spec: str,
    output: Path | None,
    no_write: bool,
    verify: bool,
    form: str,
    depth: int | None,
    batch: int | None,
    precision: str | None,
    optimizer: str | None,
    memory: str | None,
    strict: bool,
    notes: bool,
    ignore: frozenset[str],
    variant: str | None,
    set_: tuple[str, ...],
) -> int:
    """Compile SPEC: print its layer table and write NAME.py, NAME.svg and NAME.json into build/NAME/."""
    asked = EstimateOptions(batch, precision, optimizer, memory)
    result = compile_spec(spec, variant, set_, notes=notes)
    result = result._replace(diagnostics=without_ignored(result.diagnostics, ignore))
    sources = {result.source.name: result.source.text}
    if result.net is None or failed(result.diagnostics, strict=strict):
        _show_failure(result, form, depth, asked)
        return 1
    if result.diagnostics:
        show_diagnostics(result.diagnostics, sources, err=True)
    net = result.net
    cost = cost_of(net, asked)
    click.echo(table_of(net, form, depth, cost).rstrip("\n"))
    json_is_out()
    if not no_write:
        _write(net, cost, output or Path("build") / net.name)
    if verify:
        _verify(net)
    if cost is not None and memory is not None:
        _fit(cost, memory)
    return 0


class EstimateOptions(NamedTuple):
    """The options of an estimate."""

    batch: int | None
    precision: str | None
    optimizer: str | None
    memory: str | None

    @property
    def is_there(self) -> bool:
        """Whether one of them is given."""
        return self != EstimateOptions(None, None, None, None)


def cost_of(net: Net, asked: EstimateOptions) -> Cost | None:
    """The estimate by the options, completed by the recipe if there is one; None if no option asks for an estimate."""
    if not asked.is_there:
        return None
    batch, precision, optimizer, _ = asked
    from netspec.cost import estimate_by_recipe  # imported here, since most compilations do not need it

    cost = estimate_by_recipe(net, batch, cast("Precision | None", precision), optimizer)
    if cost is None:
        raise UsageError(f"how many examples per step? {net.name} has no recipe that says it: add `--batch N`")
    return cost


def _fit(cost: Cost, memory: str) -> None:
    limit = bytes_of(memory)
    if limit is None:
        raise UsageError(f"--memory {memory}: write a size such as 8GiB or 500MB")
    needed = bytes_text(cost.peak)
    if not cost.fits(limit):
        raise DoesNotFit(
            f"training takes {needed} with a batch of {cost.batch} in {cost.precision}, and there is "
            f"{bytes_text(limit)}; a smaller `--batch` keeps less for the backward pass"
        )
    click.echo(f"it fits: {needed} of {bytes_text(limit)}", err=True)


def table_of(net: Net, form: str, depth: int | None, cost: Cost | None) -> str:
    """The table of a net in one of the formats."""
    match form:
        case "json":
            return _document(net, cost)
        case "markdown":
            return summary_markdown(net, depth=depth)
        case "csv":
            return summary_csv(net)
        case _:
            table = summary(net, depth=depth, width=width(), cost=cost)
            return f"{table}\n\n{cost.to_text()}" if cost else table


def _document(net: Net, cost: Cost | None) -> str:
    """The JSON of a net, both for standard output and for the file."""
    return json.dumps(to_json(net) | ({"memory": cost.to_json()} if cost else {}), indent=2, ensure_ascii=False)


def _show_failure(result: Result, form: str, depth: int | None, asked: EstimateOptions) -> None:
    """Show the diagnostics; in the form `table`, after the part of the table whose shapes are known. That is all of it
    where the network is but not what its spec expects."""
    found = result.diagnostics
    if form == "json":
        click.echo(render_json(found))
        return
    whole = is_whole(found)
    if form == _TABLE and result.net is not None and result.net.layers and has_errors(found):
        net = result.net
        click.echo(
            table_of(net, form, depth, cost_of(net, asked)).rstrip() if whole else partial_table(net, width=width())
        )
    show_diagnostics(found, {result.source.name: result.source.text}, err=True)
    if asked.is_there and form == _TABLE and not whole:
        click.echo("the memory of training is that of a whole net: mend the spec, and it is estimated", err=True)


def _write(net: Net, cost: Cost | None, directory: Path) -> None:
    from netspec.emit.python import to_python  # imported here, since --no-write does not need it

    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the directory {directory}: {error.strerror or error}") from None
    written = [f"{net.name}.py", f"{net.name}.json"]
    for name in (*written, f"{net.name}.svg"):
        check_target(directory / name)
    write_atomic(directory / written[0], to_python(net))
    write_atomic(directory / written[1], _document(net, cost) + "\n")
    try:
        from netspec.drawing import diagram, render

        write_atomic(directory / f"{net.name}.svg", render(diagram(net), "svg"))
        written.insert(1, f"{net.name}.svg")
    except (MissingExtra, ResourceError) as error:  # the other files are useful without the diagram
        said(f"no diagram: {error}")
    click.echo(f"wrote {directory}/: {', '.join(written)}", err=True)


def _verify(net: Net) -> None:
    from netspec import verify  # needs torch, and says how to install it

    click.echo(str(verify(net)), err=True)
