"""The cell magic `%%netspec`: a spec in a cell of a notebook."""

from __future__ import annotations

import shlex
import sys
from typing import Any, Final

import click

from netspec.cli.common import settings
from netspec.compiler import compile_source
from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.render import render_text
from netspec.text.source import decode

CELL = "cell"
"""What messages call it that has no NAME."""


@click.command("%%netspec", add_help_option=False)
@click.argument("name", required=False)
@click.option("--variant", metavar="V")
@click.option("--set", "set_", metavar="KEY=VALUE", multiple=True)
def _arguments(name: str | None, variant: str | None, set_: tuple[str, ...]) -> dict[str, Any]:
    return {"name": name, "variant": variant, "set": settings(set_)}


OPTIONS: Final = tuple(option for parameter in _arguments.params for option in parameter.opts if option[:1] == "-")
"""What may stand behind `%%netspec`, as it is written."""


def compile_cell(line: str, cell: str, names: dict[str, Any]) -> Net:
    """Compile the spec in a cell; warnings go to stderr.

    Args:
        line: what stands behind `%%netspec`: `[NAME] [--variant V] [--set KEY=VALUE]`.
        cell: the spec.
        names: takes the network under NAME.

    Raises:
        SpecError: the spec is wrong.
        UsageError: the line is.
    """
    try:
        asked = _arguments.main(args=shlex.split(line), standalone_mode=False)
    except (click.ClickException, ValueError) as error:
        said = error.format_message() if isinstance(error, click.ClickException) else str(error)
        usage = "%%netspec [NAME] [--variant V] [--set KEY=VALUE]"
        raise UsageError(f"`%%netspec {line.strip()}`: {said.rstrip('.')}; it is written `{usage}`") from None
    name = asked["name"]
    if name is not None and not name.isidentifier():
        raise UsageError(f"`%%netspec {name}`: the network is kept under a name of Python's, which `{name}` is not")
    source, problems = decode(cell.encode("utf-8", "surrogatepass"), name or CELL)
    result = compile_source(source, problems, asked["variant"], asked["set"])
    net = result.whole()
    if result.diagnostics:
        print(render_text(result.diagnostics, {source.name: source.text}), file=sys.stderr)
    if name is not None:
        names[name] = net
    return net
