"""Layers with `inplace: true` that write over a value which is still needed: legal in torch, and hardly ever meant."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence as List
from typing import NamedTuple

from netspec.diagnostics import Related, Span
from netspec.language.branches import writes
from netspec.language.values import NamedValue
from netspec.net import As, Combinator, Computed, Leaf, Node, Read, Scope, Sequential, Use
from netspec.validation import Reader
from netspec.wiring import slots_read


def warn_overwritten_values(root: Node, further: Mapping[int, NamedValue], given: List[int], reader: Reader) -> None:
    """Warn of a layer that writes over a value which has a name and is read behind it, or which a layer or a product in
    front of it keeps for its gradient.

    `further` are the inputs that do not flow into the first layer, `given` the slots of what the network gives.
    """
    found = _Storages()
    for slot, value in further.items():
        found.named[slot] = _Kept(value.name, value.span, found.fill(), 0)
    found.visit(root)
    last = found.reads | dict.fromkeys(given, found.time + 1)
    lying: dict[int, list[int]] = {}  # by memory, the slots of the values in it
    for slot in last:
        lying.setdefault(found.named[slot].storage, []).append(slot)
    for write in found.writes:
        if (keeper := found.keepers.get(write.storage)) is not None and keeper.time < write.time:
            reader.report(
                "inplace-in-branch",
                f"`{write.leaf.type}` with `inplace: true` writes over what {keeper.name} keeps for its gradient",
                write.leaf.span,
                related=(Related(f"{keeper.name} reads it here", keeper.span),),
                severity="warning",
                help="leave `inplace` out here",
            )
            continue
        for slot in lying.get(write.storage, ()):
            value = found.named[slot]
            if value.time < write.time < last[slot]:
                reader.report(
                    "inplace-in-branch",
                    f"`{write.leaf.type}` with `inplace: true` writes over `{value.name}`, which is still read "
                    "behind it",
                    write.leaf.span,
                    related=(Related(f"`{value.name}` is named here", value.span),),
                    severity="warning",
                    help="leave `inplace` out here",
                )
                break


class _Write(NamedTuple):
    leaf: Leaf
    storage: int
    time: int


class _Kept(NamedTuple):
    name: str
    span: Span
    storage: int
    time: int


class _Keeper(NamedTuple):
    name: str
    span: Span
    time: int


class _Storages:
    """Which values share memory: the walk numbers each memory that a layer, a join or an operation fills."""

    def __init__(self) -> None:
        self.named: dict[int, _Kept] = {}
        self.writes: list[_Write] = []
        self.reads: dict[int, int] = {}
        """By slot, when it is last read."""
        self.keepers: dict[int, _Keeper] = {}
        """By memory, who first keeps it for a gradient."""
        self.current = 0
        self.count = 0
        self.time = 0

    def fill(self) -> int:
        """Another memory."""
        self.count += 1
        return self.count

    def visit(self, node: Node) -> None:
        """Go on behind a node."""
        self.time += 1
        self.reads |= dict.fromkeys(slots_read(node), self.time)
        if isinstance(node, (As, Use)):
            self.factors(node.term, node.span)
        match node:
            case Leaf():
                if writes(node.layer):
                    self.writes.append(_Write(node, self.current, self.time))
                elif not node.layer.shares(node.input):
                    if node.layer.saved(node.input).input:
                        self.keep(self.current, f"`{node.type}`", node.span)
                    self.current = self.fill()
            case As():
                storage = self.current if node.term is None else self.of(node.term)
                self.named[node.slot] = _Kept(node.name, node.span, storage, self.time)
            case Use():
                self.current = self.of(node.term)
            case Scope() | Sequential():
                for child in node.children:
                    self.visit(child)
            case Combinator():
                start = self.current
                for _, chain in node.branches:
                    self.current = start
                    self.visit(chain)
                if node.joining.training_only:
                    self.current = start
                elif len(node.branches) > 1 or node.joining.input_joins:  # a sum of one is that one
                    self.current = self.fill()

    def of(self, term: object) -> int:
        """The memory of a term: that of a named value, or another for what is computed."""
        return self.named[term.slot].storage if isinstance(term, Read) else self.fill()

    def keep(self, storage: int, name: str, span: Span) -> None:
        """Somebody keeps this memory for a gradient."""
        self.keepers.setdefault(storage, _Keeper(name, span, self.time))

    def factors(self, term: object, span: Span) -> None:
        """Named values that are multiplied, divided or raised to a power are kept for the gradient."""
        if isinstance(term, Computed):
            for side in (term.left, term.right):
                if isinstance(side, Read) and term.op in ("*", "/", "**"):
                    self.keep(self.named[side.slot].storage, f"`{term.op}`", span)
                self.factors(side, span)
