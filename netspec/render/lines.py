"""Source lines with underlined ranges, aligned in terminal cells.

A character takes zero, one or two cells, a tab as many as there are to the next tab stop, and an invisible character
is shown as an escape sequence. So underlines are placed by counting cells, not characters.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from netspec.diagnostics import Span

_TAB: Final = 4
_LONG: Final = 6  # of a range of more lines only the first three and the last two are shown
_PLAIN: Final = re.compile(r"[ -~]*")


class SourceLines:
    """The lines of a source. They break at LF, CR and CRLF only."""

    def __init__(self, text: str) -> None:
        self._lines = re.split(r"\r\n|\r|\n", text)

    def line(self, number: int) -> str:
        """The line with a number, counted from 1; empty beyond the end."""
        return self._lines[number - 1] if 1 <= number <= len(self._lines) else ""


class Mark(NamedTuple):
    """A range to underline, with its style and the text beside it."""

    span: Span
    style: str
    words: str


class Painter:
    """Adds the ANSI codes of a style to a text. Without styles, texts stay as they are."""

    def __init__(self, styles: Mapping[str, str]) -> None:
        self._styles = styles

    def __call__(self, style: str, text: str) -> str:
        """The text in a style."""
        code = self._styles.get(style)
        return f"\x1b[{code}m{text}\x1b[0m" if code and text else text


def printable(text: str) -> str:
    """The text with invisible and control characters escaped, so that it is safe to print on a terminal."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(map(_shown, text))


_CODE: Final = re.compile("`[^`]+`")


def wrapped(words: str, width: int, hang: str = "") -> list[str]:
    """One line of printable words as lines of at most `width` characters, which begin at blanks alone.

    Code in backticks stays on one line where it fits on one, so that a command can be copied.

    Args:
        words: the line, with its own indentation.
        width: in characters; a word that is longer has a line of its own.
        hang: in front of every line but the first.
    """
    room = width - len(hang)
    held = _CODE.sub(lambda code: code[0].replace(" ", "\0") if len(code[0]) < room else code[0], words)
    lines = textwrap.wrap(held, width, subsequent_indent=hang, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines] or [""]


def _shown(char: str) -> str:
    if " " <= char <= "~":
        return char
    category = unicodedata.category(char)
    if category in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp") or (category == "Zs" and char != "\u3000"):
        named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(char)
        code = ord(char)
        return named or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}")
    return char


def _cells(char: str) -> int:
    """The number of cells of a printable character."""
    if unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


class _Row:
    """A line as displayed: a piece of text for each character, and the cell at which each piece begins."""

    def __init__(self, line: str, focus: int, room: int) -> None:
        line, offset = _around(line, focus, room)
        self.offset = offset
        self.pieces: list[str] = []
        self.starts = [0]
        for char in line:
            at = self.starts[-1]
            piece = " " * (_TAB - at % _TAB) if char == "\t" else _shown(char)
            self.pieces.append(piece)
            self.starts.append(at + (len(piece) if len(piece) > 1 else _cells(piece)))

    def cell(self, column: int) -> int:
        """The first cell of a column, counted from 1; for columns beyond the line, the cell after its end."""
        index = max(column - 1 - self.offset, 0)
        return self.starts[min(index, len(self.starts) - 1)]

    @property
    def width(self) -> int:
        return self.starts[-1]

    def window(self, first: int, room: int) -> str:
        """The pieces between the cells `first` and `first + room`, with `…` in place of those left out."""
        if first == 0 and self.width <= room:
            return "".join(self.pieces)
        left, right = first + (first > 0), first + room - (self.width > first + room)
        shown: list[str] = []
        at = left
        for piece, start, end in zip(self.pieces, self.starts, self.starts[1:], strict=False):
            if start >= left and end <= right:
                shown.append(" " * (start - at) + piece)
                at = end
        return ("…" if first > 0 else "") + "".join(shown) + ("…" if self.width > first + room else "")


def _around(line: str, focus: int, room: int) -> tuple[str, int]:
    """Cut a very long line to the part around a column that can be shown, before any work per character.

    Returns:
        The part, and the number of characters cut off before it.
    """
    reach = 4 * room
    if len(line) <= 2 * reach:
        return line, 0
    start = max(focus - 1 - reach, 0)
    return line[start : focus - 1 + reach], start


def number_width(spans: Iterable[Span]) -> int:
    """The number of digits of the greatest line number."""
    return max(len(str(max(span.line, span.end_line))) for span in spans)


def excerpt(text: SourceLines, marks: Sequence[Mark], paint: Painter, gutter: int, width: int) -> list[str]:
    """The numbered source lines of the marks, with underlines and texts; `...` for lines left out.

    Marks with the style `related` are underlined with dashes, others with carets. If the first mark covers several
    lines, it has a bar at its side; of the other marks, only the first line is underlined.

    Args:
        text: the source.
        marks: the ranges to show, the main one first.
        paint: adds colours.
        gutter: the width of the line numbers.
        width: the columns of a whole row.
    """
    return _Excerpt(text, marks, paint, gutter, width).rows()


class _Excerpt:
    def __init__(self, text: SourceLines, marks: Sequence[Mark], paint: Painter, gutter: int, width: int) -> None:
        self.text = text
        self.marks = marks
        self.main = marks[0]
        self.paint = paint
        self.gutter = gutter
        self.first = self.main.span.line
        self.last = _last_line(text, self.main.span)
        self.bar = self.last > self.first
        self.room = width - gutter - 3 - 2 * self.bar

    def rows(self) -> list[str]:
        shown = sorted(set(_lines_of(self.first, self.last)) | {mark.span.line for mark in self.marks[1:]})
        rows = [self.margin()]
        before = shown[0]
        for number in shown:
            if number == before + 2:
                rows += self.line(number - 1, [])
            elif number > before + 2:
                rows.append(
                    self.paint("gutter", "...") + " " * self.gutter + self.side(self.first < number <= self.last)
                )
            here = [m for m in self.marks if m.span.line == number and not (self.bar and m is self.main)]
            rows += self.line(number, here)
            before = number
        return [row.rstrip() for row in rows]

    def margin(self, number: int | None = None) -> str:
        """The left margin of a row: the line number, if the row is a source line, and a bar."""
        return self.paint("gutter", f"{'' if number is None else number:>{self.gutter}} |") + " "

    def side(self, inside: bool, sign: str = "|") -> str:
        """The bar beside a line inside the main mark; blanks beside other lines; empty if there is no bar at all."""
        if not self.bar:
            return ""
        return self.paint(self.main.style, sign) + " " if inside else "  "

    def line(self, number: int, marks: Sequence[Mark]) -> list[str]:
        """The rows of a source line: the line itself, and an underline for each of its marks."""
        line = self.text.line(number)
        focus = marks[0].span.column if marks else self.main.span.column if number == self.first else 1
        row = _Row(line, focus, self.room)
        stretches = [(row.cell(m.span.column), _end_cell(row, m.span, line)) for m in marks]
        left = _window_start(row.width, stretches[0] if stretches else (0, 0), self.room)
        side = self.side(self.first <= number <= self.last, "/" if number == self.first else "|")
        rows = [self.margin(number) + side + row.window(left, self.room)]
        prefix = self.margin() + self.side(self.first <= number < self.last)
        for mark, (start, end) in zip(marks, stretches, strict=True):
            start = min(max(start - left, 0), self.room - 1)
            end = min(max(end - left, start + 1), self.room)
            underline = prefix + " " * start + self.paint(mark.style, _sign(mark) * (end - start))
            rows += self.words(mark, underline, end, prefix, start)
        if self.bar and number == self.last:
            column = self.main.span.end_column if self.last == self.main.span.end_line else len(line) + 1
            end = min(max(row.cell(column) - left, 1), self.room)
            foot = self.margin() + self.paint(self.main.style, "|" + "_" * end + _sign(self.main))
            rows += self.words(self.main, foot, end + 1, self.margin() + "  ", 0)
        return rows

    def words(self, mark: Mark, underline: str, used: int, prefix: str, blanks: int) -> list[str]:
        """An underline and its text, which is beside it if it fits, else in rows below."""
        words = printable(mark.words)
        if not words:
            return [underline]
        if used + 1 + len(words) <= self.room:
            return [f"{underline} {self.paint(mark.style, words)}"]
        blanks = min(blanks, max(self.room - 40, 0))
        lines = wrapped(words, self.room - blanks)
        return [underline, *(prefix + " " * blanks + self.paint(mark.style, line) for line in lines)]


def _sign(mark: Mark) -> str:
    return "-" if mark.style == "related" else "^"


def _last_line(text: SourceLines, span: Span) -> int:
    """The last line on which a span covers more than blanks."""
    last = span.end_line
    while last > span.line and not text.line(last)[: span.end_column - 1 if last == span.end_line else None].strip():
        last -= 1
    return last


def _lines_of(first: int, last: int) -> list[int]:
    if last - first < _LONG:
        return list(range(first, last + 1))
    return [first, first + 1, first + 2, last - 1, last]


def _end_cell(row: _Row, span: Span, line: str) -> int:
    column = span.end_column if span.end_line == span.line else len(line.rstrip()) + 1
    return max(row.cell(column), row.cell(span.column) + 1)


def _window_start(width: int, stretch: tuple[int, int], room: int) -> int:
    """The first cell to show, so that a marked range is visible with some context before it."""
    start, end = stretch
    if width <= room or end < room:
        return 0
    return max(min(start - room // 4, width - room + 1), 0)
