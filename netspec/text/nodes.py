"""A text with a name, and the nodes that it is parsed into: values that know where they are written."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from netspec.diagnostics import Span


class ScalarNode:
    """A scalar: `value` is what YAML 1.2's core schema makes of it, `text` what was written (escapes resolved)."""

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
    """A mapping in the order written. Keys are scalars, and no key occurs twice."""

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
part of its node; a block collection ends where its last child ends. An alias is the very node it names, so a node may
be reached more than once, but never from within itself."""


class Source:
    """A text with a name. Turns offsets into lines and columns, on demand: only messages and the Net need them.

    A byte order mark at the start is dropped: no editor counts it as a column.
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

    def span(self, node: Node) -> Span:
        """The place of a node."""
        return self.between(node.start, node.end)

    def between(self, start: int, end: int) -> Span:
        """The place from one offset to another."""
        return Span(self.name, *self.position(start), *self.position(end))

    def inside(self, node: ScalarNode, start: int, end: int) -> Span:
        """The place of `node.text[start:end]`, for mistakes inside an expression.

        Where escapes or folded lines make the written text differ from `node.text`, the place of the whole node.
        """
        written = self.text[node.start : node.end]
        if node.quoted and written[1:-1] == node.text:
            return self.between(node.start + 1 + start, node.start + 1 + end)
        if written == node.text:
            return self.between(node.start + start, node.start + end)
        return self.span(node)


class Extended(Source):
    """A source with other texts behind it: an offset beyond its own text leads into one of them, under that one's name.

    Nodes that are written elsewhere, as in a `--set`, can so stand among those of a file and still know their place.
    """

    def __init__(self, base: Source, others: Sequence[Source]) -> None:
        self.name = base.name
        self.text = "\n".join((base.text, *(other.text for other in others)))
        self._parts = (base, *others)
        self._starts = [0]
        for part in self._parts[:-1]:
            self._starts.append(self._starts[-1] + len(part.text) + 1)

    def between(self, start: int, end: int) -> Span:
        """The place from one offset to another, in the text that the first one leads into."""
        i = bisect_right(self._starts, start) - 1
        return self._parts[i].between(start - self._starts[i], end - self._starts[i])


class Limits(NamedTuple):
    """How large a spec may be. Whoever calls netspec may raise them; a spec cannot."""

    max_bytes: int = 16 * 2**20
    """Size of the file."""
    max_depth: int = 64
    """Lists and mappings inside one another, aliases followed; 998 at most, since PyYAML reads no deeper."""
    max_aliases: int = 1000
    """Aliases (`*name`) in the file."""
    max_nodes: int = 2_000_000
    """Scalars, lists and mappings; what an alias stands for counts each time it is used."""
    max_layers: int = 100_000
    """Layers after all templates are expanded."""


DEFAULT_LIMITS = Limits()
