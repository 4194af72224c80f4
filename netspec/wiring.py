"""What a module of a net reads of the values that are named outside of it, and what it gives to those outside.

A spec knows the name of a value in a list; in what is built of it values pass from module to module. A `Sequential` or
`Combinator` takes, beside the value that flows in, those that its layers read and something outside has named, and
gives, beside the value that flows out, those that it names and something behind it reads.
"""

from __future__ import annotations

from collections import Counter
from typing import Final, NamedTuple

from netspec.net import As, Leaf, Net, Node, Scope, Sequential, Use, folded, reads, walk


class Wires(NamedTuple):
    """The values that cross a module's border, each by its slot, in the order in which they are read or named."""

    reads: tuple[int, ...] = ()
    gives: tuple[int, ...] = ()


NONE: Final = Wires()


class Wiring:
    """The wires of everything that a tree holds: of its modules, and of scopes as if they were modules."""

    def __init__(self, net: Net) -> None:
        root = net.root
        self._wires: dict[int, Wires] = {}
        self.given = tuple(slot for value in net.named_outputs for slot in value.slots)
        """The slots that the network gives at its end."""
        self.read = Counter((*self.given, *(slot for node in walk(root) for slot in slots_read(node))))
        """How often each slot is read, by the network's outputs too."""
        self.named = any(isinstance(node, (As, Use)) for node in walk(root))
        """Whether the net has names of values at all."""

        def cross(
            node: Node, inside: list[tuple[Counter[int], dict[int, None]]]
        ) -> tuple[Counter[int], dict[int, None]]:
            asked = Counter(slots_read(node))
            names: dict[int, None] = {node.slot: None} if isinstance(node, As) else {}
            for read, named in inside:
                asked.update(read)
                names |= named
            if not isinstance(node, (Leaf, As, Use)):
                gives = tuple(slot for slot in names if self.read[slot] > asked[slot])
                wires = Wires(tuple(slot for slot in asked if slot not in names), gives)
                if wires != NONE:
                    self._wires[id(node)] = wires
            return asked, names

        if self.named:
            folded(root, cross)

    def of(self, node: Node) -> Wires:
        """The wires of one node."""
        return self._wires.get(id(node), NONE)

    def names_inside(self, chain: Sequential | Scope) -> bool:
        """Whether values are named or read in a chain, modules in it aside that have neither wires in nor out."""
        for child in chain.children if self.named else ():
            if isinstance(child, (As, Use)) or self.of(child) != NONE:
                return True
            if isinstance(child, Scope) and self.names_inside(child):
                return True
        return False


def slots_read(node: Node) -> list[int]:
    """The slots that a node itself reads."""
    return [read.slot for read in reads(node.term)] if isinstance(node, (As, Use)) else []
