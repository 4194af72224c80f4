"""What a message calls an option: as whoever called wrote it, on a command line or in Python."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final


def option(name: str, value: Any = None) -> str:
    """An option in backquotes: `--run runs/a` to a command, `run='runs/a'` to a program.

    Args:
        name: the parameter in Python, such as `max_steps`.
        value: what it is given. None for the option itself, True for a flag, False for the flag that denies it, a list
            where it may be repeated.

    >>> option("run", "runs/a"), option("fresh", ["head.*"]), option("deterministic", True), option("workers")
    ("`run='runs/a'`", "`fresh=['head.*']`", '`deterministic=True`', '`workers`')
    """
    if not by_command():
        shown = str(value) if isinstance(value, Path) else value
        return f"`{name}`" if value is None else f"`{name}={shown!r}`"
    word = f"--{name.replace('_', '-')}"
    if value is False:
        return f"`--no-{word[2:]}`"
    if value is None or value is True:
        return f"`{word}`"
    values: list[Any] = [*value] if isinstance(value, list) else [value]
    return f"`{' '.join(f'{word} {_quoted(each)}' for each in values)}`"


def _quoted(value: Any) -> str:
    """A value as a shell leaves it alone: patterns in quotes."""
    text = str(value)
    return f"'{text}'" if any(sign in text for sign in "*?[ ") else text


def setting(key: str, value: Any) -> str:
    """What gives a key of a spec another value, in backquotes: `--set train.epochs=3`, `set={'train.epochs': 3}`."""
    return f"`--set {key}={value}`" if by_command() else f"`set={{{key!r}: {value!r}}}`"


_process: Final = {"is a command": False}


@contextmanager
def as_command() -> Generator[None]:
    """This process is a command of netspec, in all of its threads."""
    _process["is a command"] = True
    try:
        yield
    finally:
        _process["is a command"] = False


def by_command() -> bool:
    """Whether a command of netspec runs: this process is one, or click, which no program needs, has one under way."""
    click: Any = sys.modules.get("click")
    return _process["is a command"] or (click is not None and click.get_current_context(silent=True) is not None)
