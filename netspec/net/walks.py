"""The one walk over the nodes of a network, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from netspec.net.nodes import As, Combinator, Computed, Leaf, Node, Read, Scope, Sequential, Term, Use

T = TypeVar("T")


def module_key(node: Leaf | Sequential | Combinator) -> str:
    """The key of a node's module among the children of the chain that runs it."""
    return node.path.rpartition(".")[2] if node.stand_in is None else node.stand_in


def children(node: Node) -> Sequence[Node]:
    """The direct children of a node, in execution order: none for a layer, the branches for a combinator."""
    match node:
        case Leaf() | As() | Use():
            return ()
        case Combinator():
            return [chain for _, chain in node.branches]
        case Scope() | Sequential():
            return node.children


def members(chain: Sequential | Scope) -> Iterator[Leaf | Sequential | Combinator | As | Use]:
    """What a chain does, step by step: its children, with those of a scope in that scope's place."""
    for child in chain.children:
        if isinstance(child, Scope):
            yield from members(child)
        else:
            yield child


def walk(node: Node) -> Iterator[Node]:
    """Traverse a node and its descendants in pre-order, which is execution order.

    Iterative, as `folded`: the depth of a net must not be limited by Python's call stack.
    """
    stack = [node]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(children(node)))


def slots_named(node: Node) -> tuple[int, ...]:
    """The slots of the values that a node itself gives beside what flows on."""
    match node:
        case As():
            return (node.slot,)
        case Leaf():
            return tuple(result.slot for result in node.results) if node.results else ()
        case _:
            return ()


def reads(term: Term | None) -> Iterator[Read]:
    """The named values that a term reads, from left to right."""
    match term:
        case Read():
            yield term
        case Computed():
            yield from reads(term.left)
            yield from reads(term.right)
        case _:
            pass


def leaves(node: Node) -> Iterator[Leaf]:
    """The layers of a node, in execution order."""
    return (found for found in walk(node) if isinstance(found, Leaf))


def multiplying(node: Node) -> Iterator[Leaf | Combinator]:
    """What may multiply, of a node and all below it: layers and the joins of combinators."""
    return (found for found in walk(node) if isinstance(found, Leaf | Combinator))


def folded(node: Node, combine: Callable[[Node, list[T]], T]) -> T:
    """Fold the tree bottom-up: `combine(node, results of its children)`, for every node in post-order."""
    made: dict[int, T] = {}
    stack: list[tuple[Node, bool]] = [(node, False)]
    while stack:
        below, ready = stack.pop()
        inside = children(below)
        if not ready and inside:
            stack.append((below, True))
            stack.extend((child, False) for child in inside)
        else:
            made[id(below)] = combine(below, [made[id(child)] for child in inside])
    return made[id(node)]
