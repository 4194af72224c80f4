"""Sources (texts with names) and the nodes that they are parsed into: values with their offsets in the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from netspec.diagnostics import Span


class ScalarNode:
    """A scalar: `value` is its value by YAML 1.2's core schema, `text` the text as written, escapes resolved."""

    __slots__ = ("end", "quoted", "start", "text", "value")

    def __init__(self, value: str | int | float | bool | None, text: str, quoted: bool, start: int, end: int) -> None:
        self.value = value
        self.text = text
        self.quoted = quoted
        self.start = start
        self.end = end


class ListNode:
    """A sequence, in block or flow style."""

    __slots__ = ("end", "flow", "items", "start")

    def __init__(self, items: list[Node], flow: bool, start: int, end: int) -> None:
        self.items = items
        self.flow = flow
        self.start = start
        self.end = end


class MapNode:
    """A mapping, its entries in the order written. Keys are scalars and unique."""

    __slots__ = ("end", "entries", "flow", "start")

    def __init__(self, entries: list[tuple[ScalarNode, Node]], flow: bool, start: int, end: int) -> None:
        self.entries = entries
        self.flow = flow
        self.start = start
        self.end = end

    def get(self, key: str) -> Node | None:
        """The value under a key, or None."""
        for k, v in self.entries:
            if k.text == key:
                return v
        return None


Node = ScalarNode | ListNode | MapNode
"""`start` and `end` of a node are offsets into the source's text in code points, the end exclusive. An anchor is not
part of its node; a block collection ends where its last child ends. An alias is represented by the node that it names,
so the nodes form a directed acyclic graph, not a tree."""


class Source:
    """A text with a name, usually a file's. Converts offsets to lines and columns on demand.

    A byte order mark at the start is dropped, since editors do not count it as a column.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text.removeprefix("\ufeff")

    @cached_property
    def line_starts(self) -> list[int]:
        """Offset of the first character of each line. Lines break at LF, CR and CRLF only."""
        return [0, *(m.end() for m in re.finditer(r"\r\n?|\n", self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both from 1."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def offset(self, line: int, column: int, *, end: bool = False) -> int:
        """The offset of a line and column, both from 1; `end` is for the end of a span."""
        starts = self.line_starts
        return min(starts[min(line, len(starts)) - 1] + column - 1, len(self.text))

    def span(self, node: Node) -> Span:
        """The span of a node."""
        return self.between(node.start, node.end)

    def between(self, start: int, end: int) -> Span:
        """The span from one offset to another, the second one exclusive."""
        return Span(self.name, *self.position(start), *self.position(end))

    def inside(self, node: ScalarNode, start: int, end: int) -> Span:
        """The span of `node.text[start:end]`, for mistakes inside an expression.

        If the source text differs from `node.text` (escapes, folded lines), the span of the whole node.
        """
        written = self.text[node.start : node.end]
        if node.quoted and written[1:-1] == node.text:
            return self.between(node.start + 1 + start, node.start + 1 + end)
        if written == node.text:
            return self.between(node.start + start, node.start + end)
        return self.span(node)


class Extended(Source):
    """Several sources concatenated: an offset beyond the first text is resolved in the source that it belongs to.

    This lets nodes from elsewhere, such as the value of a `--set`, be inserted among the nodes of a file and keep their
    spans.
    """

    def __init__(self, base: Source, others: Sequence[Source]) -> None:
        self.name = base.name
        self.text = "\n".join((base.text, *(other.text for other in others)))
        self._parts = (base, *others)
        self._starts = [0]
        for part in self._parts[:-1]:
            self._starts.append(self._starts[-1] + len(part.text) + 1)

    def between(self, start: int, end: int) -> Span:
        """The span from one offset to another, in the source that contains the first one."""
        i = bisect_right(self._starts, start) - 1
        return self._parts[i].between(start - self._starts[i], end - self._starts[i])


class Mended(Source):
    """A text with some of its parts written anew, whose places are those of the text as it was.

    So what is found in the mended text is told where it stands in the file. The whole of a part that was written anew
    stands for each place in it.
    """

    def __init__(self, base: Source, edits: Sequence[tuple[int, int, str]]) -> None:
        """`edits` are start, end and new text, by offsets in the base, in order and apart."""
        self.name = base.name
        self._base = base
        self._old: list[tuple[int, int]] = []
        self._new: list[tuple[int, int]] = []
        parts: list[str] = []
        done = length = 0
        for start, end, text in edits:
            length += start - done
            parts += [base.text[done:start], text]
            self._old.append((start, end))
            self._new.append((length, length + len(text)))
            length += len(text)
            done = end
        self.text = "".join([*parts, base.text[done:]])

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column, both from 1, in the text as it was."""
        return self._base.position(_moved(offset, self._new, self._old, end=False))

    def between(self, start: int, end: int) -> Span:
        """The span from one offset to another, in the text as it was."""
        first = _moved(start, self._new, self._old, end=False)
        last = first if start == end else _moved(end, self._new, self._old, end=True)
        return self._base.between(first, max(first, last))

    def offset(self, line: int, column: int, *, end: bool = False) -> int:
        """The offset of a line and column of the text as it was; `end` is for the end of a span."""
        return _moved(self._base.offset(line, column, end=end), self._old, self._new, end=end)


def _moved(at: int, here: Sequence[tuple[int, int]], there: Sequence[tuple[int, int]], *, end: bool) -> int:
    """Where an offset is in another text, of which some parts differ, at `here` and `there`. What touches a part stands
    before it as the end of a span, and behind it as the start of one."""
    shift = 0
    for (start, stop), (other, other_stop) in zip(here, there, strict=True):
        if at < start or (at == start and end):
            break
        if at < stop:
            return other_stop if end else other
        shift = other_stop - stop
    return at + shift


class Limits(NamedTuple):
    """Limits on the size of a spec. A caller of the Python interface may change them; a spec cannot.

    >>> try:
    ...     netspec.loads("{input: [4], layers: [{repeat: 50, do: [ReLU]}]}", limits=netspec.Limits(max_layers=20))
    ... except netspec.SpecError as error:
    ...     print(error.code)
    too-many-layers
    """

    max_bytes: int = 16 * 2**20
    """Size of the file in bytes."""
    max_depth: int = 64
    """Nesting depth of lists and mappings, aliases followed; capped at 998, the most that PyYAML reads."""
    max_aliases: int = 1000
    """Aliases (`*name`) in the file."""
    max_nodes: int = 2_000_000
    """Scalars, lists and mappings; the nodes that an alias names count again at each use."""
    max_layers: int = 100_000
    """Layers after all templates are expanded."""


DEFAULT_LIMITS = Limits()
