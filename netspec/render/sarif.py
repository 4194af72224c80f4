"""Diagnostics as SARIF 2.1.0, the form in which code scanning, editors and dashboards take findings.

Lines break at LF, CRLF and CR, as the run says; columns count UTF-16 code units, which is what SARIF counts unless a
tool says otherwise. A mend is a `fix`, one that is no certain one says so in its title.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from netspec.diagnostics import Code, Diagnostic, Edit, Fix, Related, Span
from netspec.render.lines import SourceLines, printable

_SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LAST_OF_ONE: Final = 0xFFFF
"""The last character that is one code unit of UTF-16."""


class Tool(NamedTuple):
    """What made the findings."""

    name: str
    version: str
    explained: Callable[[Code], tuple[str, str]]
    """What a code means: one sentence, and why it is told."""


def render_sarif(
    found: Sequence[Diagnostic],
    sources: Mapping[str, str],
    tool: Tool,
    *,
    unread: Sequence[str] = (),
    named: Callable[[str], str] = str,
) -> str:
    """Findings as a SARIF log of one run.

    Args:
        found: in the order to show them.
        sources: file name → text, which says where columns are.
        tool: what made them.
        unread: messages about files that could not be read, which are notifications and no results.
        named: the path of a file as the log has it, below the root of the repository.

    Returns:
        A JSON object, in ASCII.
    """
    log = _Log({name: SourceLines(text) for name, text in sources.items()}, named)
    codes: list[Code] = list(dict.fromkeys(d.code for d in found))
    notifications = [{"level": "error", "message": {"text": printable(words)}} for words in unread]
    run: dict[str, Any] = {
        "tool": {
            "driver": {"name": tool.name, "version": tool.version, "rules": [_rule(code, tool) for code in codes]}
        },
        "invocations": [{"executionSuccessful": not unread, "toolExecutionNotifications": notifications}],
        "columnKind": "utf16CodeUnits",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "results": [{"ruleIndex": codes.index(d.code), **log.result(d)} for d in found],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2)


def _rule(code: Code, tool: Tool) -> dict[str, Any]:
    summary, meaning = tool.explained(code)
    return {
        "id": code,
        "shortDescription": {"text": summary},
        "fullDescription": {"text": f"{summary} {meaning}"},
        "help": {"text": f"{summary} {meaning}\n\nnetspec explain {code}"},
    }


class _Log:
    """Places of the sources of a log."""

    def __init__(self, lines: Mapping[str, SourceLines], named: Callable[[str], str]) -> None:
        self._lines = lines
        self._named = named

    def result(self, d: Diagnostic) -> dict[str, Any]:
        words = [printable(d.message), *([] if not d.span.in_setting else [printable(d.span.place)])]
        words += [printable(r.message) for r in d.related if r.span.in_setting]
        words += [printable(line) for line in (d.help or "").split("\n") if line]
        made: dict[str, Any] = {
            "ruleId": d.code,
            "level": d.severity,
            "message": {"text": "\n".join(words)},
            "locations": [] if d.span.in_setting else [self._location(d.span, d.label)],
        }
        related = [self._location(r.span, r.message, number) for number, r in enumerate(_placed(d.related), 1)]
        fixes = [self._fix(fix) for fix in (d.fix, d.otherwise) if fix is not None and _of_files(fix.edits)]
        return made | ({"relatedLocations": related} if related else {}) | ({"fixes": fixes} if fixes else {})

    def _location(self, span: Span, words: str, number: int | None = None) -> dict[str, Any]:
        place = {"physicalLocation": {"artifactLocation": self._artifact(span.file), "region": self._region(span)}}
        told = {"message": {"text": printable(words)}} if words else {}
        return ({} if number is None else {"id": number}) | place | told

    def _fix(self, fix: Fix) -> dict[str, Any]:
        changes: dict[str, list[dict[str, Any]]] = {}
        for edit in fix.edits:
            replaced = {"deletedRegion": self._region(edit.span), "insertedContent": {"text": edit.text}}
            changes.setdefault(edit.span.file, []).append(replaced)
        title = fix.title if fix.certain else f"{fix.title} (perhaps)"
        return {
            "description": {"text": printable(title)},
            "artifactChanges": [
                {"artifactLocation": self._artifact(file), "replacements": made} for file, made in changes.items()
            ],
        }

    def _artifact(self, file: str) -> dict[str, str]:
        return {"uri": _uri(self._named(file))}

    def _region(self, span: Span) -> dict[str, int]:
        return {
            "startLine": span.line,
            "startColumn": self._column(span.file, span.line, span.column),
            "endLine": span.end_line,
            "endColumn": self._column(span.file, span.end_line, span.end_column),
        }

    def _column(self, file: str, line: int, column: int) -> int:
        """A column in code units of UTF-16, of one in characters."""
        if file not in self._lines:
            return column
        before = self._lines[file].line(line)[: column - 1]
        return column + sum(ord(char) > _LAST_OF_ONE for char in before)


def _placed(related: Sequence[Related]) -> list[Related]:
    return [r for r in related if not r.span.in_setting]


def _of_files(edits: Sequence[Edit]) -> bool:
    return not any(edit.span.in_setting for edit in edits)


def _uri(path: str) -> str:
    """A path as a URI: one below the root of the repository stays relative to it."""
    pure = Path(path)
    if pure.is_absolute():
        return pure.as_uri()
    text = quote(os.fsencode(pure.as_posix()))
    return f"./{text}" if ":" in text.partition("/")[0] else text
