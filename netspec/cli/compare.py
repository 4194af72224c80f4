"""`netspec compare`: networks side by side, as numbers and as a picture."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from netspec.cli.common import format_option, load_spec, plugin_option, said, set_option, width
from netspec.cli.files import write_atomic
from netspec.cli.modules import ImportOptions, factory_in, imported_module
from netspec.cli.pages import check_sheet, format_of, page_of, sheet_options
from netspec.cli.variants import spec_pairs, variants_option
from netspec.comparison import Comparison, SeveralNets, compare
from netspec.diagnostics import UsageError
from netspec.drawing.page import Sheet
from netspec.net import Net

_FILES: Final = ("svg", "png", "pdf", "tex", "html")


@click.command()
@click.argument("specs", metavar="A B...", nargs=-1)
@click.option(
    "--git",
    metavar="REF",
    help="Compare what this branch changes with where it left REF, as Markdown for a pull request: every spec, or "
    "those that are named, also as directories.",
)
@format_option("table", "json", "markdown", "latex", "csv", "html")
@click.option(
    "--draw",
    "output",
    metavar="FILE",
    type=Path,
    help="Draw them side by side, too, with what differs marked: FILE.svg, .png, .pdf, .tex or .html.",
)
@click.option("--depth", type=click.IntRange(min=1), help="Levels of blocks to open in the picture.")
@sheet_options
@click.option("--variant-a", metavar="NAME", help="Which variant of the first of two specs; overrides --variant.")
@click.option("--variant-b", metavar="NAME", help="Which variant of the second one; overrides --variant.")
@click.option(
    "--input", "inputs", multiple=True, metavar="SIZES",
    help="Of modules: one example's sizes, `3,224,224`, or `16,int64`; once for each argument.",
)  # fmt: skip
@plugin_option
@variants_option("several of one spec are compared")
@set_option
def command(
    specs: tuple[str, ...],
    git: str | None,
    form: str,
    output: Path | None,
    depth: int | None,
    inputs: tuple[str, ...],
    variant_a: str | None,
    variant_b: str | None,
    variants: tuple[str, ...],
    set_: tuple[str, ...],
    snippet: bool,
    **page: Any,
) -> int:
    """Compare the networks of specs: costs with ratios, and of two the layers that differ.

    Ratios are B / A; of more than two, to the first. Variants of one file: `netspec compare resnet.yaml --variant
    resnet18 --variant resnet50`. In the place of a spec a module of yours may stand, `package.module:factory` or
    `file.py:Net`: it is imported, made and run, and held against the network that is compared; with --plugin, modules
    of the classes that its layers build are such layers.
    """
    if git is not None:
        return _branch(specs, git)
    if not specs:
        raise UsageError("name the specs to compare: `netspec compare A B`, or `netspec compare --git main`")
    kind = None if output is None else format_of(output, _FILES)
    check_sheet(kind)
    sheet = page_of(page)
    pairs = _pairs(specs, variants, variant_a, variant_b)
    nets = [_net(spec, variant, set_, inputs) for spec, variant in pairs]
    comparison = compare(*nets)
    if output is not None and kind is not None:
        made, told = _drawn(comparison, kind, sheet, depth, snippet=snippet)
        write_atomic(output, made)
        click.echo(f"wrote {output}{told}", err=True)
    click.echo(_told(comparison, form).rstrip("\n"))
    return 0


def _net(spec: str, variant: str | None, set_: tuple[str, ...], inputs: tuple[str, ...]) -> Net:
    """The net of a spec, or of a module."""
    program = factory_in(spec)
    if program is None:
        return load_spec(spec, variant, set_, to_look_at=True)
    return imported_module(program, ImportOptions(inputs)).found.net


def _branch(specs: tuple[str, ...], ref: str) -> int:
    """What a branch changes, and the exit status."""
    context = click.get_current_context()
    given = [
        option.opts[0] for option in context.command.params
        if option.name not in ("specs", "git", "form", "plugin")
        and context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    ]  # fmt: skip
    form = context.params["form"]
    if context.get_parameter_source("form") is ParameterSource.COMMANDLINE and form != "markdown":
        given.append(f"--format {form}")
    if given:
        raise UsageError(f"--git writes Markdown of every spec and variant that differs: leave out {', '.join(given)}")
    from netspec.cli.branch import branch  # imported here: it runs git

    text, status = branch(specs, ref)
    click.echo(text.rstrip("\n"))
    return status


def _pairs(
    specs: tuple[str, ...], variants: tuple[str, ...], first: str | None, second: str | None
) -> list[tuple[str, str | None]]:
    """At least two nets, each as its spec and variant.

    Raises:
        UsageError: there are fewer, or it is not clear which variant is that of which.
    """
    if (first or second) and len(specs) == 1:
        specs *= 2
    pairs = spec_pairs(specs, variants)
    if len(pairs) < 2:
        raise UsageError(
            "a comparison takes two networks: name a second spec, or several variants of one, as in `netspec compare "
            f"{specs[0]} --variant NAME --variant NAME`"
        )
    if (first or second) and len(pairs) != 2:
        raise UsageError(f"--variant-a and --variant-b are for two networks, and these are {len(pairs)}: use --variant")
    if first or second:
        (a, one), (b, other) = pairs
        return [(a, first or one), (b, second or other)]
    return pairs


def _told(comparison: Comparison | SeveralNets, form: str) -> str:
    match form:
        case "json":
            return json.dumps(comparison.to_json(), indent=2, ensure_ascii=False)
        case "markdown":
            return comparison.to_markdown()
        case "latex":
            return comparison.to_latex()
        case "csv":
            return comparison.to_csv()
        case "html":
            return comparison.to_html()
        case _:
            if isinstance(comparison, SeveralNets):
                return comparison.to_text()
            return comparison.to_text(width() if sys.stdout.isatty() else None)


def _drawn(
    comparison: Comparison | SeveralNets, form: str, sheet: Sheet, depth: int | None, *, snippet: bool
) -> tuple[str | bytes, str]:
    """The file of the picture, and what there is to say of it."""
    from netspec.drawing.differences import differences, page, table_of  # imported here: text needs none of it
    from netspec.drawing.tikz import tikz

    if form == "html":
        return page(comparison, sheet, depth), ""
    drawn = differences(comparison, sheet, depth) if isinstance(comparison, Comparison) else table_of(comparison, sheet)
    return (tikz(drawn, snippet=snippet) if form == "tex" else drawn.file(form, said)), f": {drawn.told}"
