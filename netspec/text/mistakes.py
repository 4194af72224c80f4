"""What was found while a text was read: diagnostics from offsets in it."""

from __future__ import annotations

from typing import Final

from netspec.diagnostics import Code, Diagnostic, Edit, Fix, Related
from netspec.text.nodes import Source


class Mistakes:
    """The diagnostics of one text."""

    def __init__(self, source: Source) -> None:
        self.source: Final = source
        self.diagnostics: list[Diagnostic] = []

    def report(
        self,
        code: Code,
        message: str,
        start: int,
        end: int,
        *,
        label: str = "",
        related: tuple[str, int, int] | None = None,
        help: str | None = None,
        edit: tuple[str, int, int, str] | None = None,
    ) -> None:
        """Add a mistake at `start` to `end`; `related` and `edit` are a text with offsets, the edit's new text last."""
        place = self.source.between
        also = () if related is None else (Related(related[0], place(*related[1:])),)
        fix = None if edit is None else Fix(edit[0], (Edit(place(*edit[1:3]), edit[3]),))
        span = place(start, max(start, min(end, len(self.source.text))))
        self.diagnostics.append(Diagnostic(code, message, span, "error", label, also, help, fix))
