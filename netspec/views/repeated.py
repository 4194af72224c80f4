"""What stands once for several equal neighbours: which nodes are the same in all of them, and what those are called."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from netspec.net import As, Combinator, Leaf, Node, Scope, Sequential, Use, walk
from netspec.views.describe import container_text

_NUMBER: Final = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])")


def alike(nodes: Sequence[Node], period: int) -> dict[int, list[Node]]:
    """For each node of the first repetition and of what it holds, by its `id`, the same one of all repetitions."""
    found: dict[int, list[Node]] = {}
    firsts = [inner for node in nodes[:period] for inner in walk(node)]
    for at in range(0, len(nodes), period):
        same = (inner for node in nodes[at : at + period] for inner in walk(node))
        for first, other in zip(firsts, same, strict=True):
            found.setdefault(id(first), []).append(other)
    return found


def common_label(nodes: Sequence[Node]) -> str:
    """What equal containers are called together: names that differ are left out."""
    labels = {container_text(node) for node in nodes if not isinstance(node, (Leaf, As, Use))}
    if len(labels) == 1:
        return labels.pop()
    match nodes[0]:
        case Scope(kind="repeat") as scope:
            return _rounds_label(scope.label, nodes[-1])
        case Scope() as scope:
            return scope.block or scope.kind
        case Sequential() as chain:
            return chain.block or "sequential"
        case Combinator() as combinator:
            return combinator.kind
        case Leaf() as leaf:
            return leaf.type
        case As() | Use():
            raise AssertionError("values that are named and read are no group")


def _rounds_label(first: str, last: Node) -> str:
    """What rounds of a `repeat` are called, of which the first and the last are given: which they are, where those are
    not all."""
    if not isinstance(last, Scope) or last.kind != "repeat":
        return "repeat"
    (start, count), (end, of_last) = first.split(" of "), last.label.split(" of ")
    return "repeat" if (start, end) == ("1", count) or count != of_last else f"repeat ({start} to {end} of {count})"


def ranged_label(nodes: Sequence[Node]) -> str:
    """What containers are called together that differ in numbers alone, each from the first one's to the last one's:
    `block(12, 0, 0.07 … 0.16)`."""
    common = common_label(nodes)
    labels = [container_text(node) for node in nodes if not isinstance(node, (Leaf, As, Use))]
    if common in labels or (isinstance(nodes[0], Scope) and nodes[0].kind == "repeat"):
        return common
    words = _NUMBER.split(labels[0])
    if any(_NUMBER.split(label) != words for label in labels):
        return common
    columns = [list(dict.fromkeys(column)) for column in zip(*map(_NUMBER.findall, labels), strict=True)]
    if any(sorted(column, key=float) not in (column, column[::-1]) for column in columns):
        return common
    numbers = [column[0] if len(column) == 1 else f"{column[0]} … {column[-1]}" for column in columns]
    return "".join(part for pair in zip(words, [*numbers, ""], strict=True) for part in pair)
