"""Places: offsets and spans of the compiler, in code points, and positions of the protocol, in units of UTF-16."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lsprotocol import types as lsp

from netspec.diagnostics import Edit, Span
from netspec.text.source import Source


def readable(text: str) -> str:
    """The text with halves of surrogate pairs joined, and those without their other half replaced: it can be encoded
    then, and has as many units of UTF-16 as before."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


class Places:
    """Converts the places of one text. A line of ASCII has one unit for each character, which is told once."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._ascii = source.text.isascii()

    def position(self, offset: int) -> lsp.Position:
        """The position of an offset."""
        line, column = self.source.position(offset)
        return self.at(line, column)

    def at(self, line: int, column: int) -> lsp.Position:
        """The position of a line and a column, which count from 1."""
        if self._ascii:
            return lsp.Position(line - 1, column - 1)
        start = self.source.offset(line, 1)
        return lsp.Position(line - 1, _units(self.source.text[start : start + column - 1]))

    def range(self, start: int, end: int) -> lsp.Range:
        """The range from one offset to another."""
        return lsp.Range(self.position(start), self.position(end))

    def of(self, span: Span) -> lsp.Range:
        """The range of a span; the beginning of the text for one that is no place of it."""
        if span.in_setting:
            return self.range(0, 0)
        return lsp.Range(self.at(span.line, span.column), self.at(span.end_line, span.end_column))

    def offset(self, position: lsp.Position) -> int:
        """The offset of a position; one behind the end of its line is the end of that line."""
        starts = self.source.line_starts
        if position.line >= len(starts):
            return len(self.source.text)
        start = starts[max(position.line, 0)]
        line = self.line(position.line)
        if self._ascii:
            return start + min(max(position.character, 0), len(line))
        return start + _characters(line, position.character)

    def line(self, number: int) -> str:
        """A line, counted from 0, without its end; empty where there is none."""
        starts = self.source.line_starts
        if not 0 <= number < len(starts):
            return ""
        end = starts[number + 1] if number + 1 < len(starts) else len(self.source.text)
        return self.source.text[starts[number] : end].rstrip("\r\n")

    def edits(self, edits: Iterable[Edit]) -> list[lsp.TextEdit]:
        """Edits of the compiler's, with the ends of lines that the text has."""
        windows = "\r\n" in self.source.text
        return [
            lsp.TextEdit(self.of(edit.span), edit.text.replace("\n", "\r\n") if windows else edit.text)
            for edit in edits
        ]


def changed(text: str, changes: Iterable[lsp.TextDocumentContentChangeEvent]) -> str:
    """The text after changes of the protocol's, one behind another. Lines end at LF, CR and CRLF alone."""
    for change in changes:
        if isinstance(change, lsp.TextDocumentContentChangeWholeDocument):
            text = change.text
            continue
        starts = [0, *(match.end() for match in re.finditer(r"\r\n?|\n", text))]
        first, last = (_offset(text, starts, place) for place in (change.range.start, change.range.end))
        text = text[:first] + change.text + text[max(first, last) :]
    return text


def _offset(text: str, starts: list[int], position: lsp.Position) -> int:
    """The offset of a position in a text as the client has it, with its byte order mark."""
    if position.line >= len(starts):
        return len(text)
    start = starts[max(position.line, 0)]
    end = starts[position.line + 1] if position.line + 1 < len(starts) else len(text)
    return start + _characters(text[start:end].rstrip("\r\n"), position.character)


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text) + sum(c > "\uffff" for c in text)


def _characters(line: str, units: int) -> int:
    """How many characters stand before so many units: one that they end within counts as before."""
    if line.isascii():
        return min(max(units, 0), len(line))
    left = units
    for i, c in enumerate(line):
        if left <= 0:
            return i
        left -= 2 if c > "\uffff" else 1
    return len(line)
