"""`netspec expand`: print a spec with all templates expanded."""

from __future__ import annotations

import click

from netspec.cli.common import load_spec, spec_options
from netspec.emit.yaml import expand


@click.command()
@click.argument("spec")
@spec_options
def command(spec: str, variant: str | None, set_: tuple[str, ...]) -> None:
    """Print the flat YAML that SPEC stands for: no variables or loops, and blocks only where they say which items are
    one module. It compiles to the same network.
    """
    click.echo(expand(load_spec(spec, variant, set_, to_look_at=True)), nl=False)
