"""What a picture leaves closed: blocks below a level, counted on what a reader sees.

`fold` counts every level of the spec, loops included; here a loop that is no frame is no level, so that a picture never
has a box named for a loop's variable, and never a frame around one closed box.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from netspec.layers.base import TensorType
from netspec.net import As, Combinator, Net, Node, Scope, Sequential
from netspec.views.describe import container_text
from netspec.views.fold import Item, Join, LayerGroup, fold, joins_values, stacked
from netspec.wiring import Wiring


def opened(net: Net) -> tuple[Item, ...]:
    """All items of a net, layers with their followers, loops without frames."""
    return stacked(fold(net))


def levels(items: Iterable[Item]) -> int:
    """How many levels can be shown: 1 for a chain of layers."""
    return 1 + max((_inside(item) for item in items), default=0)


def _inside(item: Item) -> int:
    match item:
        case LayerGroup(closed=False):
            return levels(item.items) - (0 if is_block(item) else 1)
        case Join() if not joins_values(item.combinator):
            return max((levels(branch) for _, branch in item.branches), default=0)
        case _:
            return 0


def is_block(group: LayerGroup) -> bool:
    """Whether a group has a name of its own: a block or a named chain, and not just a repetition."""
    return bool(label_of(group))


def label_of(group: LayerGroup) -> str:
    """What a group is called; nothing for a loop."""
    first = group.nodes[0]
    return "" if isinstance(first, Scope) and first.kind != "block" else group.label


def closed(items: Sequence[Item], depth: int) -> tuple[Item, ...]:
    """The items with blocks and combinators below `depth` levels closed; a block whose inside would be one closed
    combinator is closed itself. At depth 0, neighbours that are calls of one block become one box, as far as they give
    maps of equal size."""
    if depth == 0:
        return tuple(merged(closed(items, 1)))
    return tuple(_closed(item, depth) for item in items)


def closing_text(depth: int) -> str:
    """How the items are closed, in words."""
    return f"blocks are closed below level {depth}" if depth else "calls of a block in a row are one box"


def flowing(item: Item) -> TensorType:
    """What flows on behind an item."""
    match item:
        case Join():
            node = item.combinator
            return node.input if node.joining.training_only else node.output
        case As():
            return item.input
        case _:
            return item.output


def merged(items: Iterable[Item]) -> Iterator[Item]:
    """Items with closed calls of one block in a row as one box, as far as they give maps of equal size."""
    for _, run in groupby(items, key=_kin):
        first, *rest = run
        if not rest or not isinstance(first, LayerGroup):
            yield from (first, *rest)
            continue
        groups = [first, *(item for item in rest if isinstance(item, LayerGroup))]
        labels = {group.label for group in groups}
        label = first.label if len(labels) == 1 else block_of(first)
        nodes = tuple(node for group in groups for node in group.nodes)
        count = sum(group.count for group in groups)
        yield LayerGroup(label, count, nodes, (), first.input, groups[-1].output, closed=True)


def _kin(item: Item) -> object:
    """Equal for what may become one box."""
    if isinstance(item, LayerGroup) and item.closed and block_of(item):
        return block_of(item), item.output.shape[1:]
    return id(item)


def block_of(group: LayerGroup) -> str:
    """The name of the block that a group is a call of; empty if it is none."""
    first = group.nodes[0]
    return first.block or "" if isinstance(first, Scope | Sequential) else ""


def given(group: LayerGroup, wiring: Wiring) -> list[tuple[str, TensorType]]:
    """The values that a block gives where it gives several, each with its name."""
    return [(wiring.names[slot], wiring.types[slot]) for slot in wiring.across(group.nodes).gives]


def crossing(nodes: Sequence[Node], wiring: Wiring) -> list[str]:
    """The names of the values that nodes in a row read, and of those that they give to others: `← p[4]`, `→ c[4]`."""
    wires = wiring.across(nodes)
    ways = (("←", wires.reads), ("→", wires.gives))
    return [f"{arrow} {', '.join(wiring.names[slot] for slot in slots)}" for arrow, slots in ways if slots]


def _closed(item: Item, depth: int) -> Item:
    match item:
        case LayerGroup(closed=False) if not is_block(item):
            return replace(item, items=closed(item.items, depth))
        case LayerGroup(closed=False):
            inside = closed(item.items, depth - 1) if depth > 1 else ()
            if depth <= 1 or any(_says_nothing(inner) for inner in inside):
                return replace(item, items=(), closed=True)
            return replace(item, items=inside)
        case Join() if not joins_values(item.combinator):
            node = item.combinator
            if depth <= 1:
                return LayerGroup(container_text(node), 1, (node,), (), node.input, node.output, closed=True)
            return Join(node, tuple((key, closed(branch, depth - 1)) for key, branch in item.branches))
        case _:
            return item


def _says_nothing(item: Item) -> bool:
    """Whether an item is a combinator that was closed."""
    return isinstance(item, LayerGroup) and item.closed and isinstance(item.nodes[0], Combinator)


def count(items: Iterable[Item]) -> int:
    """How many boxes the items are drawn as."""
    found = 0
    for item in items:
        match item:
            case LayerGroup(closed=False):
                found += count(item.items)
            case Join():
                found += sum(count(branch) for _, branch in item.branches)
            case _:
                found += 1
    return found
