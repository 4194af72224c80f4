"""Findings as the protocol's diagnostics, and their mends as its quick fixes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lsprotocol import types as lsp

from netspec.diagnostics import Diagnostic
from netspec.lsp.clients import Client, workspace_edit
from netspec.lsp.positions import Places

SEVERITIES: Final = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "note": lsp.DiagnosticSeverity.Information,
}
UNNECESSARY: Final = frozenset(("unused-block", "unused-variable", "unused-value", "unused-ignore"))
"""Codes of what an editor may fade, since nothing reads it."""


def diagnostic(d: Diagnostic, places: Places, uri: str) -> lsp.Diagnostic:
    """One finding. Its help and its mend stand behind its message, as an editor shows no other text."""
    related = [
        lsp.DiagnosticRelatedInformation(lsp.Location(uri, places.of(other.span)), other.message)
        for other in d.related
        if not other.span.in_setting
    ]
    return lsp.Diagnostic(
        range=places.of(d.span),
        message=told(d),
        severity=SEVERITIES[d.severity],
        code=d.code,
        source="netspec",
        related_information=related or None,
        tags=[lsp.DiagnosticTag.Unnecessary] if d.code in UNNECESSARY else None,
    )


def told(d: Diagnostic) -> str:
    """What an editor shows of a finding: its message, and what to do."""
    return d.message if d.help is None else f"{d.message}\nhelp: {d.help}"


def quick_fixes(
    found: Sequence[Diagnostic], places: Places, uri: str, version: int, within: lsp.Range | None, client: Client
) -> list[lsp.CodeAction]:
    """The mends of the findings that touch a range, or all, as `check --fix` has them; a certain one is preferred."""
    actions: list[lsp.CodeAction] = []
    for d in found:
        if d.span.in_setting or (within is not None and not _touch(places.of(d.span), within)):
            continue
        for fix in filter(None, (d.fix, d.otherwise)):
            action = lsp.CodeAction(
                title=fix.title[:1].upper() + fix.title[1:],
                kind=lsp.CodeActionKind.QuickFix,
                diagnostics=[diagnostic(d, places, uri)],
                is_preferred=True if fix.certain and client.takes_preferred else None,
                edit=workspace_edit(client, uri, version, places.edits(fix.edits)),
            )
            actions.append(action)
    return actions


def fix_all(uri: str, found: Sequence[Diagnostic]) -> lsp.CodeAction | None:
    """The action that makes all certain mends of a file, if there are any; its edit is computed once it is chosen."""
    if not any(d.fix is not None and d.fix.certain for d in found):
        return None
    return lsp.CodeAction(title="Make all certain mends of this file", kind=FIX_ALL, data=uri)


FIX_ALL: Final = f"{lsp.CodeActionKind.SourceFixAll.value}.netspec"


def replaced(places: Places, new: str) -> list[lsp.TextEdit]:
    """The least edit that makes one text another."""
    old = places.source.text
    if old == new:
        return []
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    most = min(len(old), len(new)) - start
    same = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    return [lsp.TextEdit(places.range(start, len(old) - same), new[start : len(new) - same])]


def _touch(a: lsp.Range, b: lsp.Range) -> bool:
    return (a.start.line, a.start.character) <= (b.end.line, b.end.character) and (
        b.start.line,
        b.start.character,
    ) <= (a.end.line, a.end.character)
