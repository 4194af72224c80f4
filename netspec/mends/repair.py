"""A text with its proven mends applied, round by round, until none is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.mends.edits import Changed, applied, places
from netspec.text.source import Source

ROUNDS: Final = 25
"""Rounds of mends of one file in one go. In each, all certain mends are written together."""


class Repair(NamedTuple):
    """What came of a text."""

    text: str
    """As it was, if nothing could be mended."""
    mends: tuple[tuple[Diagnostic, Fix], ...]
    """What was applied, in order; places are those of the text at that time."""
    left: Sequence[Diagnostic]
    """The findings about the text as it is now."""
    ended: bool = True
    """Whether no certain mend is left; else another go would make more."""


def repaired(source: Source, found: Sequence[Diagnostic], check: Callable[[str], list[Diagnostic]]) -> Repair:
    """Apply the mends of a text's findings until none is left.

    What is certain holds together, so it is written together, and the text is checked once for all of it.

    Args:
        source: the text.
        found: its findings, whose mends are proven.
        check: gives the findings about another text of the same name, their mends proven.
    """
    seen = {source.text}
    mends: list[tuple[Diagnostic, Fix]] = []
    for _ in range(ROUNDS):
        for made in _together(source, found), _together(source, found)[:1]:
            changed = applied(source, list(dict.fromkeys(edit for _, fix in made for edit in fix.edits)))
            if not made or changed is None or changed.text in seen:
                continue
            after = check(changed.text)
            if len(made) == 1 or not _left(source, made, changed, after):
                break
        else:
            return Repair(source.text, tuple(mends), found)
        seen.add(changed.text)
        mends += made
        source, found = Source(source.name, changed.text), after
    return Repair(source.text, tuple(mends), found, ended=not _together(source, found))


def _together(source: Source, found: Sequence[Diagnostic]) -> list[tuple[Diagnostic, Fix]]:
    """The certain mends of findings, without those that write where one further up does."""
    made: list[tuple[Diagnostic, Fix]] = []
    done: list[Edit] = []
    for d in found:
        if d.fix is None or not d.fix.certain:
            continue
        new = [edit for edit in d.fix.edits if edit not in done]
        if places(source, [*done, *new]) is not None:
            made.append((d, d.fix))
            done += new
    return made


def _left(
    source: Source, made: Sequence[tuple[Diagnostic, Fix]], changed: Changed, after: Sequence[Diagnostic]
) -> bool:
    """Whether one of the findings that were mended is found again."""
    now = Source(source.name, changed.text)
    places = {(d.code, now.offset(*d.span[1:3])) for d in after if not d.span.in_setting}
    return any((d.code, changed.moved(source.offset(*d.span[1:3]))) in places for d, _ in made)
