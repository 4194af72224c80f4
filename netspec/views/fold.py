"""Fold the tree of a net for display: cut it at a depth, and show equal neighbours once.

`fold` turns the children of a chain into items: a layer, a `LayerGroup` (a block, an iteration, a nested chain, or
a run of equal neighbours; open or closed), or a `Join` (a combinator whose branches are shown). The table and the
diagram are made from items.

Equality is decided by `structure`, which numbers all subtrees bottom-up, so that comparing two subtrees is comparing
two integers. A run of equal neighbours may have a period of several nodes, as in conv, norm, conv, norm; the shortest
period that repeats is used.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from netspec.layers.base import TensorType
from netspec.net import (
    As,
    Combinator,
    Leaf,
    Net,
    Node,
    Scope,
    Sequential,
    Use,
    children,
    folded,
    leaves,
    slots_named,
    walk,
)
from netspec.views.describe import container_text, term_text
from netspec.views.repeated import alike, common_label, ranged_label
from netspec.wiring import Wiring, slots_read

DEEPEST: Final = 24
"""The greatest depth of a view; deeper groups are closed. Neither readers nor layout engines can follow deeper ones."""

_SHORTEST_RUN: Final = 3
"""The least number of repetitions for which plain layers are folded: two are easier to read unfolded."""

_LONGEST_PERIOD: Final = 8
"""The most nodes in the repeated part of a run."""

FOLLOWERS: Final = frozenset({"normalization", "activation", "dropout"})
"""Families of layers that keep the shape and are shown together with the layer before them."""


@dataclass(frozen=True, slots=True)
class LayerGroup:
    """A group of layers, repeated `count` times in a row. A closed group has no `items`."""

    label: str
    count: int
    nodes: tuple[Node, ...]
    """The tree nodes that the group represents, those of all repetitions."""
    items: tuple[Item, ...]
    input: TensorType
    output: TensorType
    closed: bool

    @property
    def leaves(self) -> Iterator[Leaf]:
        """The layers of all repetitions."""
        return (leaf for node in self.nodes for leaf in leaves(node))


@dataclass(frozen=True, slots=True)
class Join:
    """A combinator whose branches are shown."""

    combinator: Combinator
    branches: tuple[tuple[str, tuple[Item, ...]], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """A layer and its followers, drawn as one box: `Conv2d`, `BatchNorm2d`, `ReLU`. See `stacked`."""

    layers: tuple[Leaf, ...]

    @property
    def input(self) -> TensorType:
        """The input of the first layer."""
        return self.layers[0].input

    @property
    def output(self) -> TensorType:
        """The output of the last layer."""
        return self.layers[-1].output


Item = Leaf | Unit | LayerGroup | Join | As | Use


Repeats = Literal["all", "closed", "none"]


def fold(net: Net, depth: int | None = None, *, repeats: Repeats = "all") -> tuple[Item, ...]:
    """The items of a net.

    Args:
        net: the net.
        depth: levels to show, at least 1: with 1, blocks and combinators of the top level are closed. None shows all.
        repeats: which runs of equal neighbours become one `LayerGroup` with a count: `"all"`, only `"closed"` groups
            (so that each layer shown is a single one), or `"none"`.
    """
    limit = DEEPEST if depth is None else min(max(depth, 1), DEEPEST)
    keys = {} if repeats == "none" else structure(net)
    return _Folder(keys, repeats).items(net.root.children, limit - 1)


def stacked(items: Iterable[Item], *, rounds: bool = False) -> tuple[Item, ...]:
    """Put every layer in a `Unit`; activations, norms and dropouts join the unit of the layer before them.

    Groups whose label is not worth a frame (`says_little`) are replaced by their items first, so that the `ReLU` after
    a `conv_bn(64)` can join its unit. With `rounds`, those of a loop stay groups, which a reader may open and close.
    """
    result: list[Item] = []
    for item in _dissolved(items, rounds):
        match item:
            case Leaf():
                last = result[-1] if result else None
                if isinstance(last, Unit) and item.family in FOLLOWERS:
                    result[-1] = Unit((*last.layers, item))
                else:
                    result.append(Unit((item,)))
            case LayerGroup(closed=False):
                result.append(replace(item, items=stacked(item.items, rounds=rounds)))
            case Join():
                branches = tuple((key, stacked(branch, rounds=rounds)) for key, branch in item.branches)
                result.append(Join(item.combinator, branches))
            case _:
                result.append(item)
    return tuple(result)


def _dissolved(items: Iterable[Item], rounds: bool = False) -> Iterator[Item]:
    for item in items:
        if isinstance(item, LayerGroup) and says_little(item) and not (rounds and _is_round(item)):
            yield from _dissolved(item.items, rounds)
        else:
            yield item


def _is_round(group: LayerGroup) -> bool:
    node = group.nodes[0]
    return isinstance(node, Scope) and node.kind != "block" and not _is_small(node)


def says_little(group: LayerGroup) -> bool:
    """Whether the label of an open group adds nothing to its layers: an iteration, an unnamed chain, or a block of a
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
    """The `id` of each layer that is shown once for several that differ → the last of those.

    Equal neighbours may differ in the probabilities of dropouts (see `structure`); the diagram shows first and last.
    """
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
    """The number of levels that can be folded: 0 for a plain chain of layers."""
    tallest = 0
    stack: list[tuple[Node, int]] = [(net.root, 0)]
    while stack:
        node, level = stack.pop()
        for child in children(node):
            child = _through(child)
            if isinstance(child, (Leaf, As, Use)):
                continue
            inner = level if isinstance(node, Combinator) else level + 1
            tallest = max(tallest, inner)
            stack.append((child, inner))
    return tallest


def structure(net: Net) -> dict[int, int]:
    """A number for every node, by its `id`: equal numbers mean equal layers, arguments and shapes throughout.

    Names and places do not count, nor do the probabilities of dropouts: a stochastic depth that grows from block to
    block leaves the blocks the same to a reader. What reads values of others is equal to what reads the same ones; what
    gives a value to others is equal to nothing else.
    """
    numbers: dict[Hashable, int] = {}
    found: dict[int, int] = {}
    wiring = Wiring(net)

    def number(node: Node, inside: list[tuple[int, tuple[int, ...]]]) -> tuple[int, tuple[int, ...]]:
        """The number of a node whatever values it reads, and the slots that it and what it holds name and read."""
        key = _key(node, tuple(base for base, _ in inside))
        base = numbers.setdefault(key, len(numbers))
        slots: tuple[int, ...] = ()
        if wiring.named:
            slots = (*slots_named(node), *slots_read(node), *(slot for _, inner in inside for slot in inner))
        whole: Hashable = key
        if wiring.of(node).gives:
            whole = id(node)
        elif slots and not isinstance(node, As | Use):
            outside = {slot: at for at, slot in enumerate(wiring.of(node).reads)}
            own = {slot: -1 - at for at, slot in enumerate(dict.fromkeys(s for s in slots if s not in outside))}
            whole = base, tuple(own.get(slot, slot) for slot in slots)
        found.setdefault(id(node), numbers.setdefault(whole, len(numbers)))
        return base, slots

    folded(net.root, number)
    return found


def _key(node: Node, inside: tuple[int, ...]) -> Hashable:
    """What makes a node equal to another, given the numbers of its children."""
    match node:
        case Leaf():
            layer = node.layer
            given = (
                {} if layer.family == "dropout" else {name: getattr(layer, name) for name in type(layer).model_fields}
            )
            arguments = repr(given)  # some arguments are dicts, which cannot be hashed
            return (
                node.type, arguments, node.input, node.output, node.frozen, node.borrows and node.path,
                node.parametrization, tuple((name, len(reads)) for name, reads in node.inputs.items()),
                len(node.results),
            )  # fmt: skip
        case Combinator():
            return node.kind, repr(node.joining), tuple(key for key, _ in node.branches), inside
        case Scope():
            return "scope", node.block, node.input, inside
        case Sequential():
            return "chain", node.block, node.input, inside
        case As():
            return "as", node.name, node.type, node.term and term_text(node.term)
        case Use():
            return "use", term_text(node.term), node.output


def _through(node: Node) -> Node:
    """The node itself, or for an iteration with a single child that child: the iteration needs no group."""
    while isinstance(node, Scope) and node.kind != "block" and len(node.children) == 1:
        node = node.children[0]
    return node


def _is_empty(node: Node) -> bool:
    """Whether a block call or loop came to nothing, as a `project` whose `when` is false."""
    return not any(isinstance(below, Leaf | Combinator | As | Use) for below in walk(node))


def _is_small(node: Scope | Sequential) -> bool:
    """Whether a chain is one layer with its followers, which takes no more room than a closed group."""
    return (
        all(isinstance(child, Leaf) for child in node.children)
        and sum(isinstance(child, Leaf) and child.family not in FOLLOWERS for child in node.children) <= 1
    )


@dataclass(frozen=True, slots=True)
class _Folder:
    """Makes items from nodes. In every method, `depth` is the number of levels below that are open."""

    keys: dict[int, int]
    """The result of `structure`; empty if `repeats` is `"none"`."""
    repeats: Repeats

    def items(self, children: Iterable[Node], depth: int) -> tuple[Item, ...]:
        """The items of a chain: scan for runs of equal neighbours, and fold the first one that begins at each node."""
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
        if isinstance(node, (Leaf, As, Use)):
            return node
        if self.repeats == "all" and (joins_values(node) if isinstance(node, Combinator) else _is_small(node)):
            depth = max(depth, 1)  # open even at the limit
        if depth > 0 and isinstance(node, Combinator):
            branches = ((key, self.items(chain.children, depth - 1)) for key, chain in node.branches)
            return Join(node, tuple(branches))
        inside = () if depth <= 0 or isinstance(node, Combinator) else self.items(node.children, depth - 1)
        return LayerGroup(container_text(node), 1, (node,), inside, node.input, node.output, closed=depth <= 0)

    def run(self, nodes: Sequence[Node], at: int, depth: int) -> tuple[int, int]:
        """Period and count of the run to fold that begins at `nodes[at]`; `(1, 1)` if there is none.

        The shortest period wins. Its count is the number of repetitions in a row, at least two, or `_SHORTEST_RUN` if
        the repeated nodes are all plain layers.
        """
        if self.repeats == "none" or (self.repeats == "closed" and depth > 0):
            return 1, 1
        longest = _LONGEST_PERIOD if self.repeats == "all" else 1  # a table's row is one closed group
        for period in range(1, min(longest, (len(nodes) - at) // 2) + 1):
            stretch = nodes[at : at + period]
            pattern = [self.keys[id(node)] for node in stretch]
            count = 1
            while [self.keys[id(n)] for n in nodes[at + count * period : at + (count + 1) * period]] == pattern:
                count += 1
            plain = all(isinstance(node, (Leaf, As, Use)) for node in stretch)
            if count >= (_SHORTEST_RUN if plain else 2) and not (plain and self.repeats == "closed"):
                return period, count
        return 1, 1

    def repeated(self, nodes: list[Node], period: int, depth: int) -> LayerGroup:
        """One group for a run, `nodes`, of which the first repetition is shown."""
        count = len(nodes) // period
        first = self.item(nodes[0], depth)
        if period == 1 and isinstance(first, LayerGroup):  # the group gets the count, without a frame around it
            every = alike(nodes, period)
            items = tuple(_named_for_all(item, every) for item in first.items)
            label, last = common_label(nodes), nodes[-1].output
            return replace(first, label=label, count=count, nodes=tuple(nodes), items=items, output=last)
        shown = (first, *(self.item(node, depth) for node in nodes[1:period]))
        every = alike(nodes, period)
        named = tuple(_named_for_all(item, every) for item in shown)
        return LayerGroup("", count, tuple(nodes), named, nodes[0].input, nodes[-1].output, closed=False)


def _named_for_all(item: Item, every: Mapping[int, list[Node]]) -> Item:
    """An item of the first repetition, its groups called what they are in all of them."""
    match item:
        case LayerGroup():
            nodes = [other for node in item.nodes for other in every.get(id(node), (node,))]
            label = ranged_label(nodes) if item.label else ""
            return replace(item, label=label, items=tuple(_named_for_all(inner, every) for inner in item.items))
        case Join():
            branches = ((key, tuple(_named_for_all(inner, every) for inner in branch)) for key, branch in item.branches)
            return replace(item, branches=tuple(branches))
        case _:
            return item


def joins_values(node: Combinator) -> bool:
    """Whether a combinator has no layers: it joins values that are there, and is best shown as the join that it is."""
    return not any(True for _ in leaves(node))
