"""Run a netspec command: in the process of the test, or as the program that it is."""

from __future__ import annotations

import os
import subprocess
from inspect import signature
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner, Result

from tests import forking

ROOT = Path(__file__).parent.parent
APART = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}
"""The argument that separates stdout from stderr; from click 8.2 on they are always separate."""


def invoke(command: click.Command, *arguments: object) -> Result:
    """Run a command; its result. Exceptions are stored in `exception`, and are not printed as the command line does."""
    options: dict[str, Any] = APART
    return CliRunner(**options).invoke(command, [str(a) for a in arguments], standalone_mode=False)


def flowing(text: str) -> str:
    """What was printed as one line, wherever it was broken."""
    return " ".join(text.split())


def program(*words: str, cwd: Path, torch: bool = False) -> subprocess.CompletedProcess[str]:
    """Run `python -m netspec` with these words in a directory; with `torch`, a command that imports it."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    return forking.run("-m", "netspec", *words, cwd=cwd, env=environment, torch=torch)
