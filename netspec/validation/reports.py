"""The findings of one elaboration, in the order in which they were made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from netspec.diagnostics import Code, Diagnostic, Edit, Fix, Related, Severity, Span
from netspec.text.nodes import Node, Source


class Reports:
    """Takes findings. `marks` are places in whose stead something else is read, each with the `--set` that says so."""

    def __init__(self, source: Source, marks: Sequence[tuple[Span, str]] = ()) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []
        self.trail: Callable[[], tuple[Related, ...]] = tuple
        """Gives the block calls that led here, innermost first: every diagnostic ends with them."""
        self.clues: dict[tuple[Code, Span], Any] = {}
        """What was at hand where a mistake was found, by its code and place, for those who look for a mend."""
        self._marks = marks
        self._seen: set[tuple[str, Span]] = set()

    def report(
        self,
        code: Code,
        message: str,
        at: Node | Span,
        *,
        related: Iterable[Related] = (),
        help: str | None = None,
        fix: Fix | None = None,
        clue: object = None,
        severity: Severity = "error",
        label: str = "",
    ) -> None:
        """Add a diagnostic, once for each code and place: a block that is called fifty times is wrong once."""
        span = at if isinstance(at, Span) else self.source.span(at)
        if (code, span) in self._seen:
            return
        self._seen.add((code, span))
        places = tuple(self._overridden(place) for place in (*related, *self.trail()))
        for mark, setting in self._marks:
            if _covers(mark, span):  # the file is innocent: nothing in it is to be edited
                places, fix, clue = (Related(f"overridden by `{setting}`", mark), *places), None, None
                break
        if span.in_setting:
            fix = clue = None
        if clue is not None:
            self.clues[code, span] = clue
        self.diagnostics.append(Diagnostic(code, message, span, severity, label, places, help, fix))

    def has(self, code: Code, at: Span) -> bool:
        """Whether there is a diagnostic of this code at a place."""
        return (code, at) in self._seen

    def _overridden(self, place: Related) -> Related:
        """A place that matters, with the `--set` that puts something else there."""
        setting = next((setting for mark, setting in self._marks if _covers(mark, place.span)), None)
        return place if setting is None else Related(f"{place.message}, overridden by `{setting}`", place.span)

    def replace(self, title: str, node: Node, text: str) -> Fix:
        """A fix that writes `text` in the place of a node."""
        return Fix(title, (Edit(self.source.span(node), text),))


def _covers(mark: Span, span: Span) -> bool:
    return mark.file == span.file and mark[1:3] <= span[1:3] and span[3:] <= mark[3:]
