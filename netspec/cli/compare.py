"""`netspec compare`: two networks side by side."""

from __future__ import annotations

import json

import click

from netspec.cli.common import format_option, load_spec, spec_options
from netspec.comparison import compare


@click.command()
@click.argument("a")
@click.argument("b")
@format_option("table", "json", "markdown")
@click.option("--variant-a", metavar="NAME", help="Which variant of the first spec; overrides --variant.")
@click.option("--variant-b", metavar="NAME", help="Which variant of the second spec; overrides --variant.")
@spec_options
def command(
    a: str,
    b: str,
    form: str,
    variant_a: str | None,
    variant_b: str | None,
    variant: str | None,
    set_: tuple[str, ...],
) -> int:
    """Compare the networks of specs A and B: costs with ratios, and the layers that differ.

    Ratios are B / A. Two variants of one file: `netspec compare resnet.yaml resnet.yaml --variant-a resnet18
    --variant-b resnet50`.
    """
    first = load_spec(a, variant_a or variant, set_)
    second = load_spec(b, variant_b or variant, set_)
    comparison = compare(first, second)
    match form:
        case "json":
            click.echo(json.dumps(comparison.to_json(), indent=2, ensure_ascii=False))
        case "markdown":
            click.echo(comparison.to_markdown())
        case _:
            click.echo(comparison.to_text())
    return 0
