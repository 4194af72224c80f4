"""Which value goes where: from module to module (`Wiring`), and from step to step of a forward pass (`dataflow`).

A spec knows the name of a value in a list; in what is built of it values pass from module to module. A `Sequential` or
`Combinator` takes, beside the value that flows in, those that its layers read and something outside has named, and
gives, beside the value that flows out, those that it names and something behind it reads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from netspec.net import (
    As,
    Combinator,
    Computed,
    Leaf,
    Net,
    Node,
    Read,
    Scope,
    Sequential,
    Term,
    Use,
    folded,
    reads,
    slots_named,
    walk,
)


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
        self.names = {node.slot: node.name for node in walk(root) if isinstance(node, As)}
        """What the spec calls each value, by slot."""
        self.names |= {r.slot: r.name for node in walk(root) if isinstance(node, Leaf) for r in node.results}
        self.names |= {value.slot: value.name for value in net.named_inputs if value.slot is not None and value.name}
        self.types = {value.slot: value.type for value in net.named_inputs if value.slot is not None}
        """The type of each value, by slot."""
        self.types |= {node.slot: node.type for node in walk(root) if isinstance(node, As)}
        self.types |= {r.slot: r.type for node in walk(root) if isinstance(node, Leaf) for r in node.results}
        self.named = any(
            isinstance(node, (As, Use)) or (isinstance(node, Leaf) and (node.inputs or node.results))
            for node in walk(root)
        )
        """Whether the net has names of values at all."""

        def cross(
            node: Node, inside: list[tuple[Counter[int], dict[int, None]]]
        ) -> tuple[Counter[int], dict[int, None]]:
            asked = Counter(slots_read(node))
            names = dict.fromkeys(slots_named(node))
            for read, named in inside:
                asked.update(read)
                names |= named
            if isinstance(node, Leaf):
                if node.inputs or node.results:
                    self._wires[id(node)] = Wires(tuple(slots_read(node)), tuple(names))
            elif not isinstance(node, (As, Use)):
                gives = tuple(slot for slot in names if self.read[slot] > asked[slot])
                wires = Wires(tuple(slot for slot in asked if slot not in names), gives)
                if wires != NONE:
                    self._wires[id(node)] = wires
            return asked, names

        again = [node for node in walk(root) if isinstance(node, (Leaf, Sequential, Combinator)) and node.stand_in]
        self.shared = frozenset(node.path for node in again)
        """The paths of the modules that run more than once."""
        self.homes = frozenset(node.path.rpartition(".")[0] for node in again if not node.again)
        """The paths of the chains that have a module which they do not run where it stands."""
        self._constant: dict[str, tuple[int, ...]] = {}
        for node in walk(root):
            if isinstance(node, (Leaf, Combinator)) and (found := _constant(node)):
                self._constant[node.path] = tuple(sorted({*self._constant.get(node.path, ()), *found}))
        if self.named:
            folded(root, cross)
            self._share(root)

    def _share(self, root: Sequential) -> None:
        """A shared module takes its values in the order of its first application, whatever they are in another."""
        first: dict[str, Node] = {}
        for node in walk(root):
            if isinstance(node, (Sequential, Combinator)) and first.setdefault(node.path, node) is not node:
                theirs, ours = slots_inside(first[node.path]), slots_inside(node)
                if len(theirs) != len(ours):  # there is a mistake in one of them, which is reported
                    continue
                slots = dict(zip(theirs, ours, strict=True))
                reads = tuple(slots[slot] for slot in self.of(first[node.path]).reads)
                self._wires[id(node)] = Wires(reads)

    def of(self, node: Node) -> Wires:
        """The wires of one node."""
        return self._wires.get(id(node), NONE)

    def across(self, nodes: Sequence[Node]) -> Wires:
        """The wires of nodes in a row as if they were one module."""
        inside = Counter(slot for top in nodes for node in walk(top) for slot in slots_read(node))
        wires = [
            Wires(tuple(slots_read(node)), tuple(slots_named(node))) if isinstance(node, As | Use) else self.of(node)
            for node in nodes
        ]
        named = dict.fromkeys(slot for each in wires for slot in each.gives)
        taken = dict.fromkeys(slot for each in wires for slot in each.reads if slot not in named)
        return Wires(tuple(taken), tuple(slot for slot in named if self.read[slot] > inside[slot]))

    def constant(self, node: Leaf | Combinator) -> tuple[int, ...]:
        """Which of what a layer is given, or of a combinator's branches, are constants where others are none, in any of
        the node's applications: those of a shared module may differ in this."""
        return self._constant.get(node.path, ())

    def runs_steps(self, chain: Sequential) -> bool:
        """Whether a chain does not just run its modules one behind the other."""
        return chain.path in self.homes or self.names_inside(chain)

    def names_inside(self, chain: Sequential | Scope) -> bool:
        """Whether values are named or read in a chain, modules in it aside that have neither wires in nor out."""
        for child in chain.children if self.named else ():
            if isinstance(child, (As, Use)) or self.of(child) != NONE:
                return True
            if isinstance(child, Scope) and self.names_inside(child):
                return True
        return False


def _constant(node: Leaf | Combinator) -> tuple[int, ...]:
    return node.constant_inputs if isinstance(node, Leaf) else node.constant_branches


def slots_read(node: Node) -> list[int]:
    """The slots that a node itself reads."""
    match node:
        case As() | Use():
            return [read.slot for read in reads(node.term)]
        case Leaf():
            return [read.slot for read in node.reads] if node.inputs else []
        case _:
            return []


def slots_inside(node: Node) -> list[int]:
    """The values that a subtree names or reads, in order."""
    return [slot for found in walk(node) for slot in (*slots_named(found), *slots_read(found))]


# ---- from step to step


class FlowStep(NamedTuple):
    """What one layer, join, operation or name does in a forward pass."""

    node: Leaf | Combinator | As | Use
    term: Computed | None
    """The operation, where an `as` or a `use` computes."""
    reads: tuple[int, ...]
    """The values that it reads, by number; a name, or a `use` of one, reads the value that it stands for."""
    value: int
    """The value that it gives: another one, or that which a name stands for."""

    @property
    def computes(self) -> bool:
        """Whether it gives a value that was not there before."""
        match self.node:
            case Leaf():
                return True
            case Combinator():
                return not self.node.joining.training_only
            case As() | Use():
                return self.term is not None


class Dataflow:
    """The steps of a forward pass in training, in execution order. Value 0 is the input that flows into the first
    layer; every step that computes gives the next one.

    Args:
        root: the tree of a net.
        further: the slots of the inputs that do not flow into the first layer, which are values too.
    """

    def __init__(self, root: Sequential, further: Iterable[int] = ()) -> None:
        self.steps: list[FlowStep] = []
        self._count = 0
        self.named: dict[int, int] = {slot: self._next() for slot in further}
        """The value of each name, by slot."""
        self.rounds: list[tuple[Scope, int]] = []
        """The rounds of every `repeat`, each with the value behind it."""
        self.end = self._visit(root, 0)
        """The value that flows out at the end."""

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _give(self, node: Leaf | Combinator | As | Use, term: Computed | None, taken: tuple[int, ...]) -> int:
        self.steps.append(FlowStep(node, term, taken, self._next()))
        return self._count

    def _visit(self, node: Node, x: int) -> int:
        """Add the steps of a node that is given the value `x`; returns the value behind it."""
        match node:
            case Leaf():
                value = self._give(
                    node, None, (*(() if node.layer.source else (x,)), *(self.named[slot] for slot in slots_read(node)))
                )
                self.named.update({slot: self._next() for slot in slots_named(node)})
                return value
            case As():
                value = x if node.term is None else self._term(node, node.term)[0]
                self.named[node.slot] = value
                self.steps.append(FlowStep(node, None, (value,), value))
                return x
            case Use():
                (value,) = self._term(node, node.term)
                self.steps.append(FlowStep(node, None, (value,), value))
                return value
            case Combinator():
                return self._join(node, x)
            case Scope() | Sequential():
                for child in node.children:
                    x = self._visit(child, x)
                if isinstance(node, Scope) and node.kind == "repeat":
                    self.rounds.append((node, x))
                return x

    def _join(self, node: Combinator, x: int) -> int:
        ends = tuple(self._visit(chain, x) for _, chain in node.branches)
        if node.joining.training_only:
            self.steps.append(FlowStep(node, None, ends, x))
            return x
        return self._give(node, None, (*((x,) if node.joining.input_joins else ()), *ends))

    def _term(self, node: As | Use, term: Term | None) -> tuple[int, ...]:
        """The value of a term, after the steps that compute it; nothing for a plain number."""
        match term:
            case Read():
                return (self.named[term.slot],)
            case Computed():
                return (self._give(node, term, (*self._term(node, term.left), *self._term(node, term.right))),)
            case _:
                return ()
