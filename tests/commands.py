"""Run a netspec command in the process of the test."""

from __future__ import annotations

from inspect import signature
from typing import Any

import click
from click.testing import CliRunner, Result

APART = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
"""The argument that separates stdout from stderr; from click 8.2 on they are always separate."""


def invoke(command: click.Command, *arguments: object) -> Result:
    """Run a command; its result. Exceptions are stored in `exception`, and are not printed as the command line does."""
    options: dict[str, Any] = APART
    return CliRunner(**options).invoke(command, [str(a) for a in arguments], standalone_mode=False)
