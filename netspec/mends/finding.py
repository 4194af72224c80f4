"""The items of a spec by their places."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from netspec.diagnostics import Span
from netspec.language.items import Item
from netspec.language.spec import Spec, nodes_below
from netspec.mends.edits import offset
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source


def nodes(spec: Spec, *, defined: bool = False) -> Iterator[Node]:
    """All nodes among the layers, in the blocks and outputs, each once; keys of mappings are none. With `defined` also
    those of `vars`."""
    found = spec.nodes
    yield from found
    if defined:
        yield from nodes_below([value for _, value in spec.vars], {id(node) for node in found})


def items(spec: Spec) -> Iterator[Item]:
    """The items by their first keys, in the order of the text."""
    found = [_item(child) for node in nodes(spec) if isinstance(node, ListNode) for child in node.items]
    yield from sorted((item for item in found if item is not None), key=lambda item: item.head.start)


def _item(node: Node) -> Item | None:
    if isinstance(node, MapNode) and node.entries:
        return Item("layer", node.entries[0][0], node.entries[0][1], {}, node)
    return Item("layer", node, None, {}, node) if isinstance(node, ScalarNode) else None


def item_at(spec: Spec, source: Source, span: Span) -> Item | None:
    """The item whose head begins at a place of the file; None if none does."""
    if span.file != source.name:
        return None
    at = offset(source, span.line, span.column)
    for node in nodes(spec):
        if isinstance(node, ListNode):
            for child in node.items:
                if isinstance(child, ScalarNode) and child.start == at:
                    return Item("layer", child, None, {}, child)
        elif isinstance(node, MapNode):
            for key, value in node.entries:
                if key.start == at:
                    return Item("layer", key, value, {}, node)
    return None


def item_before(spec: Spec, source: Source, span: Span) -> Item | None:
    """The item in front of the one whose head begins at a place of the file, in the same list; None if none is."""
    if span.file != source.name:
        return None
    at = offset(source, span.line, span.column)
    for node in nodes(spec):
        if isinstance(node, ListNode):
            for before, child in pairwise(map(_item, node.items)):
                if child is not None and child.head.start == at:
                    return before
    return None


def items_behind(spec: Spec, at: int) -> Iterator[Item]:
    """The items behind the one whose head begins at an offset, in the same list."""
    for node in nodes(spec):
        if isinstance(node, ListNode):
            found = [_item(child) for child in node.items]
            places = [None if item is None else item.head.start for item in found]
            if at in places:
                yield from (item for item in found[places.index(at) + 1 :] if item is not None)


def items_around(spec: Spec, at: int) -> Iterator[Item]:
    """The items whose text holds an offset, the innermost first. Every key of a mapping in a list may be the head."""
    found: list[Item] = []
    left: list[Node | None] = [spec.layers, spec.output, *(block.body for block in spec.blocks.values())]
    while left:
        node = left.pop()
        if node is None or not node.start <= at <= node.end:
            continue
        if isinstance(node, ListNode):
            for child in node.items:
                if not child.start <= at <= child.end:
                    continue
                if isinstance(child, ScalarNode):
                    found.append(Item("layer", child, None, {}, child))
                elif isinstance(child, MapNode):
                    found += [Item("layer", key, value, {}, child) for key, value in child.entries[:1]]
                left.append(child)
        elif isinstance(node, MapNode):
            left += [value for _, value in node.entries]
    yield from reversed(found)
