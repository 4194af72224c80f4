"""The white space of a spec, made as the shipped specs have it; all else of a text stays, also comments and lines.

Two blanks of indentation, one behind `:`, `,` and `-`, none inside of brackets, at most one blank line in a row, none
at the ends of lines, one line end behind the last. Columns that are aligned over lines stay aligned. The text is read
by tokens, and what is given back is read again: it is the same to a reader of YAML, or there is no answer.

Source: https://yaml.org/spec/1.2.2/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

import yaml
from yaml import tokens as of

from netspec.text.alignment import TextLine, TextWord, aligned
from netspec.text.characters import readable
from netspec.text.depth import PARSER
from netspec.text.source import Source, parse

STEP: Final = 2
"""Blanks of a level."""
_PASSES: Final = 6
"""After so many the text does not change any more; a text that does is left alone."""
_OPENS: Final = (of.FlowSequenceStartToken, of.FlowMappingStartToken)
_CLOSES: Final = (of.FlowSequenceEndToken, of.FlowMappingEndToken)
_UNSEEN: Final = (
    of.StreamStartToken,
    of.StreamEndToken,
    of.BlockMappingStartToken,
    of.BlockSequenceStartToken,
    of.BlockEndToken,
    of.KeyToken,
)
"""Tokens that no character stands for."""


def formatted(text: str) -> str | None:
    """A text with its white space in order; None if it cannot be read, or not so that it stays what it is."""
    source = Source("spec.yaml", text)
    root, problems = parse(source)
    if root is None or any(problem.code == "yaml-syntax" for problem in problems):
        return None
    try:
        new = source.text
        for _ in range(_PASSES):
            new, old = _Respacing(new).text(), new
            if new == old:
                return new if _seen(new) == _seen(source.text) else None
    except yaml.YAMLError:  # half typed, or what no spec has
        pass
    return None


def _seen(text: str) -> object:
    """What a reader of YAML has of a text, and its comments."""
    found: list[tuple[Any, ...]] = []
    parser = PARSER(readable(text)[0])
    event: Any
    for event in iter(parser.get_event, None):
        told = (getattr(event, name, None) for name in ("anchor", "tag", "value", "style", "flow_style", "implicit"))
        found.append((event.__class__, *told))
    return found, [comment for *_, comment in _Respacing(text).comments()]


class _Block(NamedTuple):
    """A block collection that is open: `seq` and `map`, and `flush` for a list that is not indented."""

    kind: str
    column: int
    new: int


class _Respacing:
    """One pass over a text."""

    def __init__(self, text: str) -> None:
        self.lines: list[TextLine] = []
        start = 0
        for part in re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text):
            content = part.rstrip("\r\n")
            self.lines.append(TextLine(content, start, part[len(content) :]))
            start += len(part)
        self.lines = self.lines or [TextLine("", 0, "")]
        self.source: Final = text
        self.words: Final[list[TextWord]] = []
        self._read(readable(text)[0])

    # ---- reading

    def _read(self, text: str) -> None:
        """Put the words into their lines, and say where blocks make lines begin."""
        blocks: list[_Block] = []
        opened: list[TextWord] = []
        is_key = False
        scanner = PARSER(text)
        try:
            token: Any
            for token in iter(scanner.get_token, None):
                kind: type[Any] = token.__class__
                mark = token.start_mark
                if isinstance(token, of.DirectiveToken):
                    raise yaml.YAMLError("a spec has no directives")
                if not opened:
                    self._structure(kind, mark.line, mark.column, blocks)
                    is_key = is_key or kind is of.KeyToken
                if kind in _UNSEEN:
                    continue
                word = TextWord(kind, mark.index, token.end_mark.index, mark.line, mark.column)
                self._place(word, blocks, opened, is_key=is_key)
                is_key = is_key and kind in (of.AnchorToken, of.TagToken)
                if kind in _OPENS:
                    opened.append(word)
                elif kind in _CLOSES and opened:
                    opened.pop()
        finally:
            scanner.dispose()

    def _structure(self, kind: type, line: int, column: int, blocks: list[_Block]) -> None:
        """Follow the block collections."""
        top = blocks[-1] if blocks else None
        if kind in (of.BlockMappingStartToken, of.BlockSequenceStartToken):
            new = 0 if top is None else top.new + STEP
            blocks.append(_Block("map" if kind is of.BlockMappingStartToken else "seq", column, new))
        elif kind is of.BlockEntryToken and top is not None and top.kind == "map":
            blocks.append(_Block("flush", column, top.new + STEP))
        elif kind in (of.KeyToken, of.BlockEndToken) and top is not None:
            if top.kind == "flush":
                blocks.pop()
            if kind is of.BlockEndToken:
                blocks.pop()

    def _place(self, word: TextWord, blocks: list[_Block], opened: list[TextWord], *, is_key: bool) -> None:
        line = self.lines[word.line]
        if word.end == word.start:  # an empty scalar has no place
            return
        if not line.words and line.within is None:
            top = blocks[-1] if blocks else None
            if opened:
                line.flow = opened[0]
            elif top is None:
                line.indent = 0
            else:
                line.indent = top.new if is_key or word.kind is of.BlockEntryToken else top.new + STEP
        if word.kind is of.ScalarToken and self._is_literal(word):
            word = word._replace(end=self._end_of_literal(word))
        for inner in self.lines[word.line + 1 : self._line_of(word.end) + 1]:
            inner.within = word
        line.words.append(word)
        self.words.append(word)

    def _is_literal(self, word: TextWord) -> bool:
        return self.source[word.start] in "|>"

    def _end_of_literal(self, word: TextWord) -> int:
        """The end of the last line with text of a scalar that is a block."""
        return word.start + len(self.source[word.start : word.end].rstrip(" \r\n\t")) if word.end else word.end

    def _line_of(self, offset: int) -> int:
        low, high = 0, len(self.lines) - 1
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.lines[middle].start <= offset else (low, middle - 1)
        return low

    def comments(self) -> Iterator[tuple[int, int, str]]:
        """Each comment with its line and column; those in the heads of block scalars are no more than text."""
        for number, line in enumerate(self.lines):
            at = self._end(line)
            rest = line.text[at:]
            if at <= len(line.text) and rest.lstrip(" \t")[:1] == "#":
                yield number, at + len(rest) - len(rest.lstrip(" \t")), rest.strip()

    def _end(self, line: TextLine) -> int:
        """The column behind the last word of a line, or behind the scalar that ends in it."""
        if line.words:
            last = line.words[-1]
            return len(line.text) + 1 if last.end > line.start + len(line.text) else last.end - line.start
        if line.within is None:
            return 0
        return line.within.end - line.start if line.within.end <= line.start + len(line.text) else len(line.text) + 1

    # ---- writing

    def text(self) -> str:
        """The text with its white space in order."""
        self._columns()
        comments = {number: (column, text) for number, column, text in self.comments()}
        parts: list[str] = []
        blank = True  # in front of the first line, too, none is left
        for number, line in enumerate(self.lines):
            written = self._written(number, line, comments)
            if written or line.within is not None:
                parts += [written, line.ending]
                blank = False
            elif not blank:
                parts += ["", line.ending]
                blank = True
        ending = next((line.ending for line in self.lines if line.ending), "\n")
        whole = "".join(parts)
        last = self.words[-1] if self.words else None
        if last is not None and self._is_literal(last):  # the line ends behind it may be its own
            return whole if whole.endswith(("\r", "\n")) else whole + ending
        return whole.rstrip("\r\n \t") + ending

    def _written(self, number: int, line: TextLine, comments: dict[int, tuple[int, str]]) -> str:
        if line.within is not None:
            text = self._continued(line)
        else:
            text = ""
            if not line.words:
                column, comment = comments.get(number, (0, ""))
                return " " * self._beside(number, column) + comment if comment else ""
        for word, column in zip(line.words, line.columns, strict=True):
            text += " " * (column - len(text)) + self._raw(word, line)
        if number in comments:
            column, comment = comments[number]
            gap = column - self._end(line)
            if not self._is_aligned(number, column, comments):
                column = len(text) + gap
            text += " " * max(column - len(text), 1) + comment
        return text

    def _raw(self, word: TextWord, line: TextLine) -> str:
        return self.source[word.start : min(word.end, line.start + len(line.text))].rstrip(" \t")

    def _is_aligned(self, number: int, column: int, comments: dict[int, tuple[int, str]]) -> bool:
        """Whether the comment of a line has its column from a neighbour's."""
        return any(comments.get(other, (-1,))[0] == column for other in (number - 1, number + 1))

    def _continued(self, line: TextLine) -> str:
        """The part of a line that belongs to a scalar which began further up."""
        scalar = line.within
        assert scalar is not None
        shift = self.lines[scalar.line].shift
        end = min(scalar.end - line.start, len(line.text))
        text = line.text[:end]
        if self._is_literal(scalar):
            return " " * shift + text if shift >= 0 and text.strip() else text[min(-shift, line.column) :]
        text = text.strip(" \t") if end == len(line.text) else text.lstrip(" \t")
        return " " * max(line.column + shift, 1) + text if text else ""

    def _beside(self, number: int, column: int) -> int:
        """The new column of a comment that has a line of its own: that of what it stands with."""
        below = next((line for line in islice(self.lines, number + 1, None) if line.words), None)
        if below is not None and below.words[0].column == column:
            return below.columns[0]
        least = None
        for at in range(number - 1, -1, -1):
            line = self.lines[at]
            if line.words and (least is None or line.words[0].column < least):
                least = line.words[0].column
                if least == column:
                    return line.columns[0]
                if least < column:
                    break
        return max(column + below.shift, 0) if below is not None else column

    # ---- columns

    def _columns(self) -> None:
        """Say where each word shall stand."""
        full = [line for line in self.lines if line.words]
        for line in full:
            line.columns = [word.column for word in line.words]
            if line.within is not None:
                line.columns[0] = len(self._continued(line)) + self._least(line, 0)
            elif line.flow is None:
                line.columns[0] = line.indent or 0
            else:
                first = self.lines[line.flow.line]
                least = 1 if first.indent else 0
                line.columns[0] = max(line.words[0].column + first.shift, least)
        groups = aligned(full, self._least)
        order = sorted(
            ((word.column, line, at) for line in full for at, word in enumerate(line.words) if at),
            key=lambda each: (each[0], each[2]),
        )
        for _, line, at in order:
            group = groups.get((id(line), at))
            if group is None:
                line.columns[at] = self._soonest(line, at)
            elif (id(line), at) == group.last:
                group.put(self._soonest)
        for line in full:
            self._follow_bracket(line)

    def _follow_bracket(self, line: TextLine) -> None:
        """Move a line that is aligned with the bracket that it stands in as that has moved."""
        if line.flow is None or line.within is not None or line.words[0].column <= line.flow.column:
            return
        first = self.lines[line.flow.line]
        at = first.words.index(line.flow)
        more = first.columns[at] - first.words[at].column - first.shift
        line.columns = [max(column + more, 1) for column in line.columns]

    def _soonest(self, line: TextLine, at: int) -> int:
        """The least column of a word: behind the one in front of it."""
        before = line.words[at - 1]
        return line.columns[at - 1] + len(self._raw(before, line)) + self._least(line, at)

    def _least(self, line: TextLine, at: int) -> int:
        """The blanks in front of a word."""
        word = line.words[at]
        before = line.words[at - 1] if at else line.within
        assert before is not None
        if before.kind in _OPENS or word.kind is of.FlowEntryToken or word.kind in _CLOSES:
            return 1 if before.kind is of.ValueToken else 0  # `{Flatten: , as: x}`
        if word.kind is of.ValueToken:
            return 1 if before.kind in (of.AliasToken, of.AnchorToken, of.TagToken) else 0
        return 1
