"""The explanation of a diagnostic code, and helpers that make example specs."""

from __future__ import annotations

from typing import NamedTuple

from netspec.diagnostics import Severity


class Page(NamedTuple):
    """The explanation of a diagnostic code."""

    summary: str
    """One sentence: what is wrong."""
    meaning: str
    """Why it is an error, and the usual causes."""
    bad: str = ""
    """A spec that provokes exactly this code; empty if only a file, an option or a run can."""
    good: str = ""
    """The same spec, corrected."""
    severity: Severity = "error"


def layers(text: str, input: str = "[1, 28, 28]") -> str:
    """An example spec with these lines as its list of layers."""
    body = "\n".join(f"  {line}" if line else "" for line in text.strip("\n").split("\n"))
    return f"input: {input}\nlayers:\n{body}\n"


def recipe(text: str, input: str = "[1, 28, 28]", classes: int = 10) -> str:
    """An example spec of a small classifier with these lines as its recipe."""
    body = "\n".join(f"  {line}" for line in text.strip("\n").split("\n"))
    return f"input: {input}\nlayers:\n  - Flatten\n  - Linear: {classes}\ntrain:\n{body}\n"
