"""The tree of a net as people want to see it: to a depth, with equal neighbours shown once.

`fold` turns the children of a chain into items: a layer, a `Group` (a block, an iteration, a nested chain; open or
closed), or a `Join` (a combinator whose branches are shown). The table and the diagram both read items.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from netspec.layers.base import TensorType
from netspec.net import Combinator, Leaf, Net, Node, Scope, Sequential, children, folded, leaves, walk
from netspec.views.describe import container_text

DEEPEST: Final = 24
"""No view nests deeper than this; what lies below is closed. No reader follows further, nor does a layout engine."""

_SHORTEST_RUN: Final = 3
"""Plain layers are shown once only from this many equal stretches on: two are read faster than a cluster."""

_LONGEST_PERIOD: Final = 8

FOLLOWERS: Final = frozenset({"normalization", "activation", "dropout"})
"""Families of layers that keep the shape and belong, for a reader, to the layer before them."""


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """Layers that belong together, `count` times in a row. `items` is empty where the group is closed."""

    label: str
    count: int
    nodes: tuple[Node, ...]
    """The tree nodes that it stands for, all repetitions included."""
    items: tuple[Item, ...]
    input: TensorType
    output: TensorType
    closed: bool

    @property
    def leaves(self) -> Iterator[Leaf]:
        """All layers inside, all repetitions included."""
        return (leaf for node in self.nodes for leaf in leaves(node))


@dataclass(frozen=True, slots=True)
class Join:
    """A combinator whose branches are shown."""

    combinator: Combinator
    branches: tuple[tuple[str, tuple[Item, ...]], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A layer and the small ones that follow it, drawn as one: `Conv2d`, `BatchNorm2d`, `ReLU`. See `stacked`."""

    layers: tuple[Leaf, ...]

    @property
    def input(self) -> TensorType:
        """What the first layer takes."""
        return self.layers[0].input

    @property
    def output(self) -> TensorType:
        """What the last layer gives."""
        return self.layers[-1].output


Item = Leaf | Unit | LayerGroup | Join


Repeats = Literal["all", "closed", "none"]


def fold(net: Net, depth: int | None = None, *, repeats: Repeats = "all") -> tuple[Item, ...]:
    """The items of a net.

    Args:
        net: the net.
        depth: levels to show, at least 1: with 1, blocks and combinators of the top level are closed. None shows all.
        repeats: which equal neighbours become one `Group` with their number: all of them, only closed ones (so that
            every layer shown stands for itself), or none.
    """
    limit = DEEPEST if depth is None else min(max(depth, 1), DEEPEST)
    keys = {} if repeats == "none" else structure(net.root)
    return _Folder(keys, repeats).items(net.root.children, limit - 1)


def stacked(items: Iterable[Item]) -> tuple[Item, ...]:
    """The items with every layer in a `Unit`: activations, norms and dropouts join the layer before them.

    Groups that tell a reader nothing (an iteration, an unnamed chain, a block of a single unit) dissolve, so that the
    `ReLU` after a `conv_bn(64)` joins it too.
    """
    result: list[Item] = []
    for item in _dissolved(items):
        match item:
            case Leaf():
                last = result[-1] if result else None
                if isinstance(last, Unit) and item.family in FOLLOWERS:
                    result[-1] = Unit((*last.layers, item))
                else:
                    result.append(Unit((item,)))
            case LayerGroup(closed=False):
                result.append(replace(item, items=stacked(item.items)))
            case Join():
                result.append(Join(item.combinator, tuple((key, stacked(branch)) for key, branch in item.branches)))
            case _:
                result.append(item)
    return tuple(result)


def _dissolved(items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        if isinstance(item, LayerGroup) and says_little(item):
            yield from _dissolved(item.items)
        else:
            yield item


def says_little(group: LayerGroup) -> bool:
    """Whether an open group tells a reader less than its layers: an iteration, an unnamed chain, or a block of a
    single layer and its followers, as `conv_bn(64)`."""
    if group.closed or group.count > 1:
        return False
    match group.nodes[0]:
        case Scope(kind="for" | "repeat") | Sequential(name=None, block=None):
            return True
        case _:
            inside = list(_dissolved(group.items))
            heads = sum(not isinstance(item, Leaf) or item.family not in FOLLOWERS for item in inside)
            return heads <= 1 and all(isinstance(item, Leaf) for item in inside)


def ranges(items: Iterable[Item]) -> dict[int, Leaf]:
    """For layers shown once for several that differ (dropouts): the `id` of the one shown → the last it stands for."""
    found: dict[int, Leaf] = {}
    stack = list(items)
    while stack:
        match stack.pop():
            case LayerGroup() as group:
                stack.extend(group.items)
                period = len(group.nodes) // group.count
                firsts = (leaf for node in group.nodes[:period] for leaf in leaves(node))
                lasts = (leaf for node in group.nodes[-period:] for leaf in leaves(node))
                for first, last in zip(firsts, lasts, strict=True):
                    if first.layer != last.layer:
                        found.setdefault(id(first), last)
            case Join() as join:
                stack.extend(item for _, branch in join.branches for item in branch)
            case _:
                pass
    return found


def height(net: Net) -> int:
    """The number of levels below the top: 0 for a plain chain of layers."""
    tallest = 0
    stack: list[tuple[Node, int]] = [(net.root, 0)]
    while stack:
        node, level = stack.pop()
        for child in children(node):
            child = _through(child)
            if isinstance(child, Leaf):
                continue
            inner = level if isinstance(node, Combinator) else level + 1
            tallest = max(tallest, inner)
            stack.append((child, inner))
    return tallest


def structure(root: Node) -> dict[int, int]:
    """A number for every node, by its `id`: equal numbers mean equal layers, arguments and shapes throughout.

    Names and places do not count, nor do the probabilities of dropouts: a stochastic depth that grows from block to
    block leaves the blocks the same to a reader.
    """
    numbers: dict[Hashable, int] = {}
    found: dict[int, int] = {}

    def number(node: Node, inside: list[int]) -> int:
        return found.setdefault(id(node), numbers.setdefault(_key(node, tuple(inside)), len(numbers)))

    folded(root, number)
    return found


def _key(node: Node, inside: tuple[int, ...]) -> Hashable:
    match node:
        case Leaf():
            layer = node.layer
            given = (
                {} if layer.family == "dropout" else {name: getattr(layer, name) for name in type(layer).model_fields}
            )
            arguments = repr(given)  # some hold dicts: no hash
            return node.type, arguments, node.input, node.output, node.frozen
        case Combinator():
            return node.kind, repr(node.joining), tuple(key for key, _ in node.branches), inside
        case Scope():
            return "scope", node.block, node.input, inside
        case Sequential():
            return "chain", node.block, node.input, inside


def _through(node: Node) -> Node:
    """A loop's iteration with a single item in it says nothing that the item does not say."""
    while isinstance(node, Scope) and node.kind != "block" and len(node.children) == 1:
        node = node.children[0]
    return node


def _is_empty(node: Node) -> bool:
    """Whether a block call or loop came to nothing, as a `project` whose `when` is false."""
    return not any(isinstance(below, Leaf | Combinator) for below in walk(node))


def _is_small(node: Scope | Sequential) -> bool:
    """Whether a chain is one layer with its followers: open, it takes no more room than closed."""
    return (
        all(isinstance(child, Leaf) for child in node.children)
        and sum(isinstance(child, Leaf) and child.family not in FOLLOWERS for child in node.children) <= 1
    )


@dataclass(frozen=True, slots=True)
class _Folder:
    keys: dict[int, int]
    """Equal numbers mark equal nodes; see `structure`."""
    repeats: Repeats

    def items(self, children: Iterable[Node], depth: int) -> tuple[Item, ...]:
        """The items of a chain; `depth` levels below it are open."""
        nodes = [node for node in map(_through, children) if not _is_empty(node)]
        items: list[Item] = []
        at = 0
        while at < len(nodes):
            period, count = self.run(nodes, at, depth)
            if count > 1:
                items.append(self.repeated(nodes[at : at + period * count], period, depth))
            else:
                items.append(self.item(nodes[at], depth))
            at += period * count
        return tuple(items)

    def item(self, node: Node, depth: int) -> Item:
        if isinstance(node, Leaf):
            return node
        if self.repeats == "all" and not isinstance(node, Combinator) and _is_small(node):
            depth = max(depth, 1)
        if depth > 0 and isinstance(node, Combinator):
            branches = ((key, self.items(chain.children, depth - 1)) for key, chain in node.branches)
            return Join(node, tuple(branches))
        inside = () if depth <= 0 or isinstance(node, Combinator) else self.items(node.children, depth - 1)
        return LayerGroup(container_text(node), 1, (node,), inside, node.input, node.output, closed=depth <= 0)

    def run(self, nodes: Sequence[Node], at: int, depth: int) -> tuple[int, int]:
        """Period and number of the equal stretches that start here and are to be folded; else `(1, 1)`."""
        if self.repeats == "none" or (self.repeats == "closed" and depth > 0):
            return 1, 1
        longest = _LONGEST_PERIOD if self.repeats == "all" else 1
        for period in range(1, min(longest, (len(nodes) - at) // 2) + 1):
            stretch = nodes[at : at + period]
            pattern = [self.keys[id(node)] for node in stretch]
            count = 1
            while [self.keys[id(n)] for n in nodes[at + count * period : at + (count + 1) * period]] == pattern:
                count += 1
            plain = all(isinstance(node, Leaf) for node in stretch)
            if count >= (_SHORTEST_RUN if plain else 2) and not (plain and self.repeats == "closed"):
                return period, count
        return 1, 1

    def repeated(self, nodes: list[Node], period: int, depth: int) -> LayerGroup:
        """One group for the equal stretches that `nodes` consists of, showing the first."""
        count = len(nodes) // period
        first = self.item(nodes[0], depth)
        if period == 1 and isinstance(first, LayerGroup):
            return replace(first, label=_common_label(nodes), count=count, nodes=tuple(nodes), output=nodes[-1].output)
        shown = (first, *(self.item(node, depth) for node in nodes[1:period]))
        return LayerGroup("", count, tuple(nodes), shown, nodes[0].input, nodes[-1].output, closed=False)


def _common_label(nodes: Sequence[Node]) -> str:
    """What equal containers are called together: names that differ are left out."""
    labels = {container_text(node) for node in nodes if not isinstance(node, Leaf)}
    if len(labels) == 1:
        return labels.pop()
    match nodes[0]:
        case Scope() as scope:
            return scope.block or scope.kind
        case Sequential() as chain:
            return chain.block or "sequential"
        case Combinator() as combinator:
            return combinator.kind
        case Leaf() as leaf:
            return leaf.type
