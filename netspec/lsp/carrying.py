"""What was told of a text, in the next one: of the lines that did not change."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

from netspec.diagnostics import Diagnostic, Span
from netspec.lsp.reading import LiveText


class Unchanged(NamedTuple):
    """Which lines of a text, counted from 0, are those of another one."""

    head: int
    """So many in front are the same."""
    tail: int
    """From this line of the first text on all are the same, `shift` lines further down in the second."""
    shift: int

    def line(self, number: int) -> int | None:
        """The line of the second text that a line of the first is; None if it has changed."""
        return number if number < self.head else number + self.shift if number >= self.tail else None


def unchanged(old: LiveText, new: LiveText) -> Unchanged:
    """The lines that two texts have in common in front of the first change and behind the last."""
    before, after = (reading.text.splitlines() for reading in (old, new))
    head = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))
    most = min(len(before), len(after)) - head
    pairs = zip(reversed(before[head:]), reversed(after[head:]), strict=False)
    tail = min(most, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs)))
    return Unchanged(head, len(before) - tail, len(after) - len(before))


def moved(found: Iterable[Diagnostic], old: LiveText, new: LiveText) -> list[Diagnostic]:
    """Findings of a text in the next one, without their mends; those whose lines have changed are left out."""
    lines = unchanged(old, new)
    kept: list[Diagnostic] = []
    for d in found:
        span = _span(d.span, lines)
        if span is not None:
            others = [(other, _span(other.span, lines)) for other in d.related]
            related = tuple(other._replace(span=place) for other, place in others if place is not None)
            kept.append(d._replace(span=span, related=related, fix=None, otherwise=None))
    return kept


def _span(span: Span, lines: Unchanged) -> Span | None:
    if span.in_setting:
        return span
    first, last = lines.line(span.line - 1), lines.line(span.end_line - 1)
    if first is None or last is None or last - first != span.end_line - span.line:
        return None
    return span._replace(line=first + 1, end_line=last + 1)
