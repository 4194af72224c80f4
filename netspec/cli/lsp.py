"""`netspec lsp`: the language server."""

from __future__ import annotations

from importlib import metadata

import click

from netspec.cli.common import offer, plugin_names, plugin_option
from netspec.diagnostics import MissingExtra
from netspec.extras import DISTRIBUTION, install


@click.command()
@plugin_option
def command() -> None:
    """Serve an editor on standard input and output, by the Language Server Protocol; docs/editor.md says how to set one
    up. No file and no workspace makes it load a plugin: `--plugin` alone does."""
    try:
        from netspec.lsp.server import serve  # imported here: its libraries are an extra
    except ModuleNotFoundError as error:
        raise MissingExtra(f"the language server needs {error.name}", install("lsp")) from None
    try:
        version = metadata.version(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        version = "0"
    serve(version, offer(), plugin_names())
