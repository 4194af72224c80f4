"""A command of netspec's, run inside the test's own process."""

from __future__ import annotations

from inspect import signature
from typing import Any

import click
from click.testing import CliRunner, Result

APART = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
"""What keeps standard output and standard error apart: from click 8.2 on they always are."""


def invoke(command: click.Command, *arguments: object) -> Result:
    """What a command writes; its errors are kept in `exception`, not shown as the command line shows them."""
    options: dict[str, Any] = APART
    return CliRunner(**options).invoke(command, [str(a) for a in arguments], standalone_mode=False)
