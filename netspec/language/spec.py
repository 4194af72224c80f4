"""`Spec`: what the user wrote, its top-level keys told apart and its blocks read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from netspec.diagnostics import Code, Fix, Related, Span
from netspec.language.signatures import Parameter
from netspec.language.targets import entries_below, target_names
from netspec.layers import OWN, Offer
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source


class Report(Protocol):
    """Takes one mistake: `validation.Reader.report`."""

    def __call__(
        self,
        code: Code,
        message: str,
        at: Node | Span,
        /,
        *,
        related: Iterable[Related] = (),
        help: str | None = None,
        fix: Fix | None = None,
    ) -> None:
        """Report it, once for each code and place."""
        ...


class Block(NamedTuple):
    """A reusable piece: its signature as written, its parameters and its body."""

    name: str
    signature: str
    parameters: tuple[Parameter, ...]
    body: Node
    key: ScalarNode


def nodes_below(roots: Iterable[Node | None], known: Collection[int] = ()) -> Iterator[Node]:
    """Nodes and all that they hold, each once, without those of known identities; keys of mappings are none."""
    left = list(roots)
    seen = set(known)
    while left:
        node = left.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, ListNode):
            left += node.items
        elif isinstance(node, MapNode):
            left += [value for _, value in node.entries]


class Spec:
    """A document with its parts told apart. Nodes keep their places."""

    def __init__(self, source: Source, name: str, offer: Offer = OWN) -> None:
        self.source = source
        self.name = name
        self.offer: Final = offer
        """The layers that it may name."""
        self.plugins: list[str] = []
        """What it says that it needs, for the message when that is missing."""
        self.description = ""
        self.input: Node | None = None
        self.vars: list[tuple[ScalarNode, Node]] = []
        self.variants: dict[str, MapNode] = {}
        self.blocks: dict[str, Block] = {}
        self.layers: Node | None = None
        self.output: Node | None = None
        self.init: Node | None = None
        self.train: Node | None = None
        self.expect: Node | None = None
        self.sweep: Node | None = None
        self.lost: set[str] = set()
        """Blocks whose definition was refused, and `vars:` or `blocks:` if all of it was: whoever misses them is
        silent."""

    def lacks_block(self, name: str) -> bool:
        """True if a name may be that of a block that was refused."""
        return name in self.lost or ("blocks:" in self.lost and name[:1].islower())

    @property
    def values(self) -> frozenset[str]:
        """The names of variables and of blocks' parameters."""
        names = {key.text for key, _ in self.vars}
        return frozenset(names.union(p.name for block in self.blocks.values() for p in block.parameters))

    @cached_property
    def nodes(self) -> Sequence[Node]:
        """All nodes among the layers, in the blocks and outputs, each once; keys of mappings are none."""
        return tuple(nodes_below([self.layers, self.output, *(block.body for block in self.blocks.values())]))

    @cached_property
    def spatial_axes(self) -> int:
        """How many spatial axes a layer means whose name does not say it: those of the input, or those that the names
        of other layers say where none of them says as many."""
        of_input = len(self.input.items) - 1 if isinstance(self.input, ListNode) else 2
        said = Counter(map(int, re.findall(r"\b[A-Z]\w*?([123])[dD]\b", self.source.text)))
        return of_input if of_input in said or not said else said.most_common(1)[0][0]

    @cached_property
    def input_names(self) -> dict[str, Node]:
        """The names of the inputs, and where each is written."""
        node = self.input
        if not isinstance(node, MapNode) or node.get("shape") is not None or node.get("dtype") is not None:
            return {}
        return {key.text: key for key, _ in node.entries}

    @cached_property
    def named_values(self) -> dict[str, Node]:
        """The name of each input and of each value that an `as` anywhere names, and the first such place."""
        found: dict[str, Node] = dict(self.input_names)
        if not re.search(r"\bas\b", self.source.text):
            return found
        lists = (self.layers, self.output, *(block.body for block in self.blocks.values()))
        for key, node in entries_below(lists):
            for name in target_names(node) if key.text == "as" else ():
                found.setdefault(name, node)
        return found
