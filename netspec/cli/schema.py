"""`netspec schema`: the language of specs as a JSON Schema, for editors."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netspec.cli.common import offer, plugin_option
from netspec.cli.files import unwritable, write_atomic
from netspec.schema import schema


@click.command()
@click.option("-o", "--output", metavar="FILE", help="Where to write it; standard output if left out.")
@plugin_option
def command(output: str | None) -> None:
    """Write the language as a JSON Schema: layers, arguments, words and recipes, with what each means.

    An editor that knows YAML completes and checks forms with it, where the first line of a spec says
    `# yaml-language-server: $schema=FILE`, as `netspec new NAME --schema FILE` writes it. Shapes are for `netspec
    check`.
    """
    text = json.dumps(schema(offer()), indent=1, ensure_ascii=False) + "\n"
    if output is None or output == "-":
        click.echo(text, nl=False)
        return
    try:
        write_atomic(Path(output), text)
    except OSError as error:
        raise unwritable(Path(output), error) from None
    click.echo(f"wrote {output}; the first line of a spec names it: # yaml-language-server: $schema={output}", err=True)
