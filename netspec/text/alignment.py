"""The words of a text by lines, and which of them stand in columns that somebody aligned."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple


class TextWord(NamedTuple):
    """What stands for itself in a text: a sign or a scalar."""

    kind: type
    start: int
    end: int
    line: int
    column: int


class TextLine:
    """A line without its end."""

    def __init__(self, text: str, start: int, ending: str) -> None:
        self.text = text
        self.start = start
        self.ending = ending
        self.words: list[TextWord] = []
        self.columns: list[int] = []
        """Where the words shall stand."""
        self.indent: int | None = None
        """Where the first word shall stand, if the blocks around say so."""
        self.flow: TextWord | None = None
        """The outermost bracket that the line begins in."""
        self.within: TextWord | None = None
        """The scalar that the line begins in."""

    @property
    def column(self) -> int:
        """Of the first character that is no blank."""
        return len(self.text) - len(self.text.lstrip(" \t"))

    @property
    def shift(self) -> int:
        """How far its first word moves."""
        return self.columns[0] - self.words[0].column if self.columns else 0


Blanks = Callable[["TextLine", int], int]
"""A number for a word of a line: where it can stand at the least, or the blanks that it needs in front."""


class AlignedWords:
    """Words of lines one below another that begin, or end, in the same column because blanks were put in front."""

    def __init__(self, members: list[tuple[TextLine, int]], more: int, *, by_end: bool) -> None:
        self.members = members
        self.more = more
        """Blanks that all of them have beyond what they need."""
        self.by_end = by_end
        line, at = max(members, key=lambda each: each[0].words[each[1]].column)
        self.last = id(line), at

    def put(self, soonest: Blanks) -> None:
        """Align the words at the least column that all of them can have."""
        sizes = [line.words[at].end - line.words[at].start if self.by_end else 0 for line, at in self.members]
        each = zip(self.members, sizes, strict=True)
        column = self.more + max(soonest(line, at) + size for (line, at), size in each)
        for (line, at), size in zip(self.members, sizes, strict=True):
            line.columns[at] = column - size


def aligned(lines: list[TextLine], least: Blanks) -> dict[tuple[int, int], AlignedWords]:
    """The groups of words that are aligned, by line and number of the word. What goes on in brackets from the line in
    front may stand between two lines that are aligned."""
    found: dict[tuple[int, int], AlignedWords] = {}
    for among in (lines, [line for line in lines if line.flow is None]):
        for by_end in (False, True):
            _find(found, among, least, by_end=by_end)
    return found


def _find(found: dict[tuple[int, int], AlignedWords], lines: list[TextLine], least: Blanks, *, by_end: bool) -> None:
    places = [
        {(_edge(word, by_end=by_end), at) for at, word in enumerate(line.words) if at and _may_align(line, at, least)}
        for line in lines
    ]
    seen: set[tuple[int, int]] = set()
    tables: list[set[int]] = []
    uniform: list[AlignedWords] = []
    for number, line in enumerate(lines):
        for place in places[number]:
            at = place[1]
            if (number, at) in seen or (id(line), at) in found or _gap(line, at) <= 1:
                continue
            run = _run(places, number, place)
            seen.update((other, at) for other in run)
            members = [(lines[other], at) for other in run if (id(lines[other]), at) not in found]
            more = [_gap(*each) - 1 for each in members]
            group = AlignedWords(members, min(more), by_end=by_end)
            if len(set(more)) > 1:  # blanks in front of some alone make them stand in one column
                tables.append({id(other) for other, _ in members})
                found.update({(id(other), at): group for other, _ in members})
            elif len(members) > 1:
                uniform.append(group)
    for group in uniform:  # a column of a table may have too many blanks in all of its lines
        keys = [(id(line), at) for line, at in group.members]
        if any({line for line, _ in keys} <= table for table in tables) and not any(key in found for key in keys):
            found.update(dict.fromkeys(keys, group))


def _run(places: list[set[tuple[int, int]]], number: int, place: tuple[int, int]) -> Iterable[int]:
    """The lines around one that have a word of the same number in the same column."""
    first = last = number
    while first > 0 and place in places[first - 1]:
        first -= 1
    while last + 1 < len(places) and place in places[last + 1]:
        last += 1
    return range(first, last + 1)


def _edge(word: TextWord, *, by_end: bool) -> int:
    return word.column + word.end - word.start if by_end else word.column


def _may_align(line: TextLine, at: int, least: Blanks) -> bool:
    """Whether a word ends in its line, and has a blank in front anyway."""
    return least(line, at) == 1 and line.words[at].end <= line.start + len(line.text)


def _gap(line: TextLine, at: int) -> int:
    return line.words[at].start - line.words[at - 1].end
