"""What stands in the place of an item that cannot be read, so that the rest of the file can."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Final, NamedTuple

_DEPTH: Final = 4
"""How many items around one that cannot be read are tried, from the inside."""


class Hole(NamedTuple):
    """A piece of a text that is left out."""

    start: int
    end: int
    text: str
    """What is read in its place: an item of a name that nothing has, or an entry of such a key."""
    entry: bool
    """Whether it is an entry of a mapping, whose key is then unknown."""


class _Line(NamedTuple):
    start: int
    indent: int
    text: str
    """Without indentation, comment alone and blanks at the end."""

    @property
    def is_item(self) -> bool:
        return self.text.startswith(("-", "–", "—", "•", "* "))


def holes(text: str, at: int, name: str) -> Iterator[Hole]:
    """The pieces that may be left out for a mistake at an offset, from the smallest on.

    Args:
        name: what nothing else in the text is called.
    """
    lines = _lines(text)
    n = max((i for i, line in enumerate(lines) if line.start <= at), default=0)
    while n < len(lines) - 1 and not lines[n].text:
        n += 1
    if not lines or not lines[n].text:
        return
    above = [i for i in range(n) if lines[i].text]
    around = _around(lines, above, n)
    level = next((i for i in reversed(above) if lines[i].indent <= lines[n].indent), None)
    beside = level is not None and lines[level].is_item and lines[level].indent == lines[n].indent
    if lines[n].is_item or beside or _is_above_items(lines, n):
        yield _hole(text, lines, n, name, True)
    if lines[n].is_item and (item := next((i for i in reversed(above) if lines[i].is_item), None)) is not None:
        yield _alone(lines[n], lines[item].indent, name)
    if not around and not lines[n].is_item:
        yield _hole(text, lines, n, name, False)
    for i in around[:_DEPTH]:
        yield _hole(text, lines, i, name, True)
    section = next((i for i in reversed([*above, n]) if lines[i].indent == 0 and not lines[i].is_item), None)
    if section is not None:
        yield _hole(text, lines, section, name, False)


def _is_above_items(lines: list[_Line], n: int) -> bool:
    """Whether the next line is an item in the same column."""
    below = next((line for line in lines[n + 1 :] if line.text), None)
    return below is not None and below.is_item and below.indent == lines[n].indent and not lines[n].text.endswith(":")


def _around(lines: list[_Line], above: list[int], n: int) -> list[int]:
    """The items around a line, from the inside."""
    indent = lines[n].indent
    found: list[int] = []
    for i in reversed(above):
        if lines[i].indent < indent:
            indent = lines[i].indent
            if lines[i].is_item:
                found.append(i)
    return found


def _lines(text: str) -> list[_Line]:
    found: list[_Line] = []
    for match in re.finditer(r"([ \t]*)([^\r\n]*)(?:\r\n?|\n|\Z)", text):
        content = "" if match[2].startswith("#") else match[2].rstrip()
        found.append(_Line(match.start(), len(match[1]), content))
    return found


def _hole(text: str, lines: list[_Line], n: int, name: str, as_item: bool) -> Hole:
    """A line, with what stands deeper below it."""
    first = lines[n]
    below = list(takewhile(lambda line: not line.text or _deeper(line, first, as_item), lines[n + 1 :]))
    last = max((i for i, line in enumerate([first, *below]) if line.text), default=0)
    end = lines[n + last].start + lines[n + last].indent + len(lines[n + last].text)
    column = first.indent
    if as_item and not first.is_item:
        column = next((line.indent for line in reversed(lines[:n]) if line.is_item and line.indent <= column), column)
    key = re.match(r"[A-Za-z_]\w*(?![\w(])", first.text)
    written = f'- "{name}"' if as_item else f'{key[0]}: ["{name}"]' if key else f'"{name}": null'
    return Hole(first.start, end, " " * column + written, not as_item)


def _alone(line: _Line, column: int, name: str) -> Hole:
    """An item in a column that fits no list, as one of another column: what stands below is no part of it."""
    return Hole(line.start, line.start + line.indent + len(line.text), " " * column + f'- "{name}"', False)


def _deeper(line: _Line, first: _Line, as_item: bool) -> bool:
    """Whether a line belongs to one above: also a list in the column of its key."""
    return line.indent > first.indent or (line.indent == first.indent and line.is_item and not as_item)
