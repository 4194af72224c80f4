"""`netspec mcp`: a server of the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path

import click

from netspec.cli.common import offer, plugin_option
from netspec.diagnostics import MissingExtra, UsageError
from netspec.extras import install


@click.command()
@click.argument("root", type=click.Path(path_type=Path), default=Path())
@plugin_option
def command(root: Path) -> None:
    """Answer programs that speak the Model Context Protocol, over standard input and output.

    They may list, check, explain, expand, count, draw and compare specs: texts, and files below ROOT, the current
    directory if left out. Nothing is written.
    """
    if not root.is_dir():
        raise UsageError(f"`{root}` is no directory: name the one below which specs may be read")
    try:
        from netspec.mcp import server  # imported here: it needs the extra
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != "mcp":
            raise
        raise MissingExtra("`netspec mcp` needs the package mcp, which is not here", install("mcp")) from None
    server(root, offer()).run("stdio")
