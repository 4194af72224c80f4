"""What is known of one text while it is typed: its spec, the net of the shown variant, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from netspec.language.clues import Clues
from netspec.language.words import is_complete
from netspec.layers import OWN, Offer
from netspec.lsp.modules import module_occurrences
from netspec.lsp.names import Occurrence, occurrences
from netspec.lsp.positions import Places, readable
from netspec.net import As, Combinator, Net
from netspec.net.nodes import Node as NetNode
from netspec.net.walks import children
from netspec.passes import Terms, checked, shown
from netspec.text.source import Node, Source, parse


class LiveText:
    """One version of a text, and what is known of it. The net is that of the shown variant, as far as it is known."""

    def __init__(
        self, name: str, text: str, variant: str | None = None, offer: Offer = OWN, *, everything: bool = False
    ) -> None:
        """Read and check a text.

        Args:
            variant: the variant to show, if the spec has one of this name.
            everything: whether to check all variants, and not the shown one alone.
        """
        self.source: Final = Source(name, readable(text))
        self.places: Final = Places(self.source)
        self.offer: Final = offer
        terms = Terms(offer=offer, remarks="warnings")
        self.is_whole: Final = everything or "variants" not in self.source.text
        """Whether `found` is all that there is to find without looking for mends; else it is that of one variant."""
        nets: dict[str | None, Net | None] = {}
        if self.is_whole:
            self.spec, self.found = checked(self.source, (), terms, Clues(), nets)
            self.net = nets.get(variant) or next(iter(nets.values()), None)
        else:
            self.net, self.found, _, self.spec = shown(self.source, variant, terms)

    @property
    def variant(self) -> str | None:
        """The variant that is shown."""
        return None if self.net is None else self.net.variant

    @property
    def has_base(self) -> bool:
        """Whether the spec is a network also without one of its variants."""
        return self.spec is not None and is_complete(self.spec)

    @cached_property
    def root(self) -> Node | None:
        """The nodes of the text; None where it cannot be read."""
        return parse(self.source)[0]

    @cached_property
    def names(self) -> Sequence[Occurrence]:
        """Where each name of the spec stands, in the order of the text."""
        found = occurrences(self.root, self.source, self.offer)
        found += module_occurrences(self.root, self.source, self.net)
        return sorted(found, key=lambda place: place.start)

    @cached_property
    def text(self) -> str:
        """The text, without a byte order mark."""
        return self.source.text

    @cached_property
    def written(self) -> Mapping[tuple[int, int], Sequence[NetNode]]:
        """The nodes of the net by the line and column of the word that they are written with, both from 1, in the order
        of execution: several for what stands in a loop or a block."""
        found: dict[tuple[int, int], list[NetNode]] = {}
        for node, _ in self._below():
            found.setdefault((node.span.line, node.span.column), []).append(node)
        return found

    @cached_property
    def outermost(self) -> Mapping[int, Sequence[NetNode]]:
        """What each line, counted from 1, says last that stands in nothing else of that line, once for each time that
        it runs."""
        found: dict[int, tuple[int, list[NetNode]]] = {}
        for node, around in self._below():
            line, column = node.span.line, node.span.column
            if isinstance(node, As) or line in around:
                continue
            known = found.get(line)
            if known is None or column > known[0]:
                found[line] = column, [node]
            elif column == known[0]:
                known[1].append(node)
        return {line: nodes for line, (_, nodes) in found.items()}

    def _below(self) -> Iterator[tuple[NetNode, tuple[int, ...]]]:
        """All nodes that an item says, in the order of execution, each with the lines of those that it stands in."""
        if self.net is None:
            return
        stack: list[tuple[NetNode, tuple[int, ...], bool]] = [(self.net.root, (), True)]
        while stack:
            node, around, silent = stack.pop()
            if not silent and not node.span.in_setting:
                yield node, around
                around = (*around, node.span.line)
            branches = isinstance(node, Combinator)  # its chains are said by no item of their own
            stack.extend((child, around, branches) for child in reversed(children(node)))
