"""A net in few boxes: calls of blocks closed, and what follows each other at one size put together as a stage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from netspec.drawing.closing import block_of, is_block, merged
from netspec.drawing.stages import Key, key
from netspec.layers.base import TensorType
from netspec.net import Net, leaves
from netspec.views.describe import container_text
from netspec.views.fold import Item, Join, LayerGroup, joins_values
from netspec.views.graph import Vertex, flow

_MOST: Final = 0.5
"""A block or combinator with a larger share of a net's layers is the net itself, and stays open."""


def coarse(net: Net, items: Sequence[Item]) -> tuple[Item, ...]:
    """The items with every call of a block and every combinator closed, and those of one block in a row as one.

    Names of chains and loops are no boxes: a reader looks for what repeats in them.
    """
    most = _MOST * max(len(net.layers), 1)
    return tuple(merged(_flat(items, most)))


def _flat(items: Iterable[Item], most: float) -> Iterator[Item]:
    for item in items:
        match item:
            case LayerGroup(closed=False):
                yield from _group(item, most)
            case Join() if not joins_values(item.combinator):
                node = item.combinator
                if sum(1 for _ in leaves(node)) > most:
                    yield Join(node, tuple((name, tuple(merged(_flat(b, most)))) for name, b in item.branches))
                else:
                    yield LayerGroup(container_text(node), 1, (node,), (), node.input, node.output, closed=True)
            case _:
                yield item


def _group(group: LayerGroup, most: float) -> Iterator[Item]:
    size = sum(1 for _ in group.leaves)
    if is_block(group) and block_of(group) and (group.count > 1 or size <= most):
        yield replace(group, items=(), closed=True)
        return
    inside = list(merged(_flat(group.items, most)))
    if group.count == 1:
        yield from inside
    elif len(inside) == 1 and isinstance(inside[0], LayerGroup):
        yield replace(inside[0], count=group.count * inside[0].count, nodes=group.nodes, output=group.output)
    else:
        yield replace(group, items=(), closed=True)


@dataclass(slots=True)
class StageBox:
    """What stands in one box of an overview: items that follow each other and give values of one size."""

    kind: str
    """`input`, `output` or `stage`."""
    names: list[str]
    """Of the vertices, in order."""
    items: list[Item]
    output: TensorType
    called: list[str] = field(default_factory=list[str])
    """What the spec calls an input, or the outputs that it gives where there are several."""
    auxiliary: bool = False
    """Whether it runs in training alone."""
    before: list[int] = field(default_factory=list[int])
    """The boxes whose values it takes."""

    @property
    def key(self) -> Key:
        """The size of its values."""
        return key(self.output.shape)


def stage_boxes(net: Net, items: Sequence[Item]) -> list[StageBox]:
    """The boxes of an overview in the order of the computation, each after those that it takes values from."""
    graph = flow(net, items, forks=False)
    after = Counter(edge.tail for edge in graph.edges)
    before: dict[str, list[str]] = {name: [] for name in graph.vertices}
    for edge in graph.edges:
        if edge.tail not in before[edge.head]:
            before[edge.head].append(edge.tail)
    boxes: list[StageBox] = []
    home: dict[str, int] = {}
    several = sum(vertex.kind == "output" for vertex in graph.vertices.values()) > 1
    order = _ordered(graph.vertices, before)
    place = {name: number for number, name in enumerate(order)}
    for name in order:
        vertex = graph.vertices[name]
        if several and vertex.kind == "output":
            boxes[home[before[name][0]]].called.append(vertex.name)
            continue
        kind = vertex.kind if vertex.kind in ("input", "output") else "stage"
        latest = max(before[name], key=lambda p: place[p], default=None)
        at = len(boxes)
        others = {home[p] for p in before[name] if p != latest}
        if (
            latest is not None
            and after[latest] == 1
            and _joins(boxes[home[latest]], latest, vertex)
            and others.isdisjoint(boxes[home[latest]].before)  # else there is no line of its own for what passes by
        ):
            at = home[latest]
        else:
            boxes.append(StageBox(kind, [], [], vertex.tensor, [vertex.name] if vertex.name else [], vertex.auxiliary))
        box = boxes[at]
        box.names.append(name)
        box.output = vertex.tensor
        if vertex.item is not None:
            box.items.append(vertex.item)
        home[name] = at
        box.before += [home[p] for p in before[name] if home[p] != at and home[p] not in box.before]
    return in_order(boxes)


def _joins(box: StageBox, tail: str, vertex: Vertex) -> bool:
    """Whether a vertex belongs into the box that ends with `tail`."""
    here = box.kind == "stage" and not box.called and vertex.kind not in ("input", "output") and box.names[-1] == tail
    return here and box.key == key(vertex.tensor.shape) and box.auxiliary == vertex.auxiliary


def _ordered(vertices: Iterable[str], before: dict[str, list[str]]) -> list[str]:
    """Names in an order in which each stands after those before it, as near to the given one as can be."""
    found: dict[str, None] = {}
    stack = list(reversed(list(vertices)))
    while stack:
        name = stack[-1]
        missing = [p for p in before[name] if p not in found]
        if name in found or not missing:
            found.setdefault(stack.pop())
        else:
            stack += reversed(missing)
    return list(found)


def in_order(boxes: list[StageBox]) -> list[StageBox]:
    """The boxes so that each stands after those before it: one may have got a late vertex after others began."""
    names = [str(number) for number in range(len(boxes))]
    order = [int(name) for name in _ordered(names, {n: [str(p) for p in boxes[int(n)].before] for n in names})]
    place = {old: new for new, old in enumerate(order)}
    return [replace(boxes[old], before=[place[p] for p in boxes[old].before]) for old in order]
