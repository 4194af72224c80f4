"""What is computed and read by nothing: `use` puts another value in its place, and no name keeps it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from netspec.diagnostics import Span
from netspec.net import As, Combinator, Leaf, Node, Read, Scope, Sequential, Use, reads


class Unread(NamedTuple):
    """What nothing reads."""

    words: str
    """What gives it: "`Linear`"."""
    span: Span


def first_is_read(root: Sequential, first: int | None, further: Iterable[int], given: Sequence[int]) -> bool:
    """Whether anything reads the input that flows into the first layer; `first` is its slot. See `unread`."""
    return _walked(root, first, further, given).start.read


def unread(root: Sequential, first: int | None, further: Iterable[int], given: Sequence[int]) -> Iterator[Unread]:
    """The results that are dropped, in execution order.

    A place in a block or a loop is among them only if no call and no round of it is read. What has a name is not: that
    names are read is looked after by `naming.py`.

    Args:
        root: the net's tree.
        first: the slot of the input that flows into the first layer, if it has a name.
        further: those of the other inputs.
        given: those of what the network gives; empty for what flows out at the end.
    """
    results = _walked(root, first, further, given).results
    read = {result.span for result in results if result.read}
    return (Unread(result.words, result.span) for result in results if result.span not in read)


def _walked(root: Sequential, first: int | None, further: Iterable[int], given: Sequence[int]) -> _Walk:
    walk = _Walk(_Result("", root.span), first, further)
    walk.visit(root)
    if not given:
        walk.current.read = True
    for slot in given:
        walk.named[slot].read = True
    return walk


class _Result:
    """What one item gives: its words, its place, and whether something reads it or names it."""

    __slots__ = ("read", "span", "words")

    def __init__(self, words: str, span: Span) -> None:
        self.words = words
        self.span = span
        self.read = False


class _Walk:
    def __init__(self, start: _Result, first: int | None, further: Iterable[int]) -> None:
        self.start = start
        self.first = first
        self.current = start
        self.results: list[_Result] = []
        self.named = {slot: _Result("", start.span) for slot in further}

    def give(self, words: str, span: Span) -> None:
        """Another result stands here."""
        self.current = _Result(words, span)
        self.results.append(self.current)

    def visit(self, node: Node) -> None:
        """Go on behind a node."""
        match node:
            case Leaf():
                self.current.read = True
                self.give(f"`{node.type}`", node.span)
            case As():
                if node.term is not None:
                    self.read_by(node)
                    self.named[node.slot] = _Result(node.name, node.span)
                    return
                self.named[node.slot] = self.current
                if self.current is not self.start:
                    self.current.read = True
            case Use():
                if isinstance(node.term, Read):
                    self.current = self.named[node.term.slot]
                else:
                    self.read_by(node)
                    self.give("this `use`", node.span)
            case Scope() | Sequential():
                for child in node.children:
                    self.visit(child)
            case Combinator():
                self.join(node)

    def read_by(self, node: As | Use) -> None:
        """Arithmetic reads what it names."""
        for read in reads(node.term):
            self.named[read.slot].read = True

    def join(self, node: Combinator) -> None:
        """The ends of the branches are read, and what stands in front by those branches that begin with it."""
        start = self.current
        start.read = start.read or node.joining.input_joins
        for _, chain in node.branches:
            self.current = start
            self.visit(chain)
            self.current.read = True
        if node.joining.training_only:
            self.current = start
        else:
            self.give(f"`{node.kind}`", node.span)
