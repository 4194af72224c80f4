"""The identity of a run: what must be equal to resume it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, cast

from netspec.net import As, Combinator, Computed, Leaf, Net, Node, Read, Scope, Sequential, Term, Use, folded, walk
from netspec.recipe.resolved import Recipe
from netspec.writing import shown

_FREE = frozenset({"checkpoint_every", "checkpoint_keep"})  # these do not affect the result


def identity(net: Net, recipe: Recipe, fingerprint: str, world_size: int, examples: int | None) -> dict[str, Any]:
    """All that the result of a run depends on, as plain values: architecture (hashed), recipe, data, processes.

    Args:
        net: the net.
        recipe: its recipe.
        fingerprint: the hash of the data.
        world_size: the number of processes.
        examples: the value of `--examples`.
    """
    return {
        "architecture": hashlib.sha256(json.dumps(_architecture(net.root), default=str).encode()).hexdigest(),
        "recipe": plain_recipe(recipe),
        "data": fingerprint,
        "world_size": world_size,
        "examples": examples,
    }


def _architecture(root: Sequential) -> Any:
    """What decides what a net computes: its parts and, where values have names, which part reads what."""
    parts = folded(root, _parts)
    return {"parts": parts, "wires": _wires(root)} if any(isinstance(node, (As, Use)) for node in walk(root)) else parts


def plain_recipe(recipe: Recipe) -> dict[str, Any]:
    """The part of a recipe that affects the result, as plain JSON values."""
    values = {key: value for key, value in recipe.to_dict().items() if key not in _FREE}
    return cast("dict[str, Any]", json.loads(json.dumps(values)))


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The differences between two identities, one sentence each."""
    found: list[str] = []
    if saved["architecture"] != now["architecture"]:
        found.append("the architecture is another")
    for key in sorted(set(saved["recipe"]) | set(now["recipe"])):
        old, new = saved["recipe"].get(key), now["recipe"].get(key)
        if old != new:
            found.append(f"`train.{key}` was {shown(old)} and is {shown(new)}")
    if saved["data"] != now["data"]:
        found.append("the data set's content is another")
    if saved["examples"] != now["examples"]:
        found.append(f"`--examples` was {saved['examples']} and is {now['examples']}")
    if saved["world_size"] != now["world_size"]:
        found.append(f"the number of processes was {saved['world_size']} and is {now['world_size']}")
    return found


def _parts(node: Node, inside: list[list[Any]]) -> list[Any]:
    """What a node computes, independent of how the spec writes it: blocks and loops leave no trace, since a run's own
    `spec.yaml` has none of them."""
    match node:
        case Leaf():
            return [[node.path, node.type, node.args, node.frozen, node.init]]
        case Combinator():
            return [[node.path, node.kind, *node.options.values(), inside]]
        case _:
            return [part for parts in inside for part in parts]


def _wires(root: Node) -> list[Any]:
    """What each layer, join and operation reads, where that is not what the one before it gives.

    Values are numbered in the order in which they are computed: neither their names nor how often they are named
    counts.
    """
    return _Wires().of(root)


class _Wires:
    """The walk: `current` is the number of the value that flows."""

    def __init__(self) -> None:
        self.current = 0
        self.made = 0
        self.named: dict[int, int] = {}
        self.found: list[Any] = []

    def of(self, root: Node) -> list[Any]:
        """What differs from a chain."""
        self.visit(root)
        return self.found

    def visit(self, node: Node) -> None:
        match node:
            case As():
                self.named[node.slot] = self.current if node.term is None else self.term(node.term)
            case Use():
                self.current = self.term(node.term)
            case Scope() | Sequential():
                for child in node.children:
                    self.visit(child)
            case Combinator():
                start, ends = self.current, list[int]()
                for _, chain in node.branches:
                    self.current = start
                    self.visit(chain)
                    ends.append(self.current)
                self.make([node.path, start, *ends])
            case Leaf():
                self.make([node.path, self.current])

    def make(self, what: list[Any]) -> int:
        self.made += 1
        self.current = self.made
        self.found.append(what)
        return self.made

    def term(self, term: Term | None) -> Any:
        match term:
            case Read():
                return self.named[term.slot]
            case Computed():
                before = self.current
                made = self.make([term.op, self.term(term.left), self.term(term.right)])
                self.current = before
                return made
            case _:
                return [term]
