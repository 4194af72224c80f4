"""A text with its proven mends applied, one after another, until none is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from netspec.diagnostics import Diagnostic, Fix
from netspec.mends.edits import applied
from netspec.text.source import Source

MOST: Final = 200
"""Mends of one file in one go."""


class Repair(NamedTuple):
    """What came of a text."""

    text: str
    """As it was, if nothing could be mended."""
    mends: tuple[tuple[Diagnostic, Fix], ...]
    """What was applied, in order; places are those of the text at that time."""
    left: Sequence[Diagnostic]
    """The findings about the text as it is now."""


def repaired(source: Source, found: Sequence[Diagnostic], check: Callable[[str], list[Diagnostic]]) -> Repair:
    """Apply the mends of a text's findings until none is left.

    Args:
        source: the text.
        found: its findings, whose mends are proven.
        check: gives the findings about another text of the same name, their mends proven.
    """
    seen = {source.text}
    mends: list[tuple[Diagnostic, Fix]] = []
    while len(mends) < MOST:
        for d in found:
            changed = applied(source, d.fix.edits) if d.fix is not None and d.fix.certain else None
            if d.fix is not None and changed is not None and changed.text not in seen:
                break
        else:
            break
        seen.add(changed.text)
        mends.append((d, d.fix))
        source = Source(source.name, changed.text)
        found = check(source.text)
    return Repair(source.text, tuple(mends), found)
