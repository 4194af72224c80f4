"""Where in a `train:` section something is written, for diagnostics."""

from __future__ import annotations

from netspec.text.source import ListNode, MapNode, Node, ScalarNode


def key_of(node: MapNode, name: str) -> Node | None:
    """The node of a key itself."""
    return next((key for key, _ in node.entries if key.text == name), None)


def loss_item(node: MapNode, number: int) -> Node:
    """A loss of a recipe as it is written, with what stands beside it; `number` counts from 0."""
    written = value_of(node, "loss")
    return written.items[number] if isinstance(written, ListNode) else written


def value_of(node: MapNode, name: str) -> Node:
    """The node of a key's value; the section where the key is not written."""
    return node.get(name) or node


def place(node: MapNode, *path: str) -> Node:
    """The innermost node written along a path of keys, as `place(train, "optimizer", "SGD", "lr")`.

    A plain value stands for itself, what holds more for its key. Where the path is not written to its end, the last
    part that is; where nothing of it is, the section's first key.
    """
    found: Node = node.entries[0][0] if node.entries else node
    inner: Node = node
    for part in path:
        step = next(((k, v) for k, v in inner.entries if k.text == part), None) if isinstance(inner, MapNode) else None
        if step is None:
            break
        found, inner = step
    return inner if isinstance(inner, ScalarNode) and inner.value is not None else found


def item_of(node: MapNode, key: str, index: int, argument: str | None = None, scalar: str | None = None) -> Node:
    """The node of a list's item, or of one argument of it if that is written: by name, or as the bare value that
    stands for the argument called `scalar`."""
    value = node.get(key)
    if not isinstance(value, ListNode) or index >= len(value.items):
        return key_of(node, key) or node
    item = value.items[index]
    if not isinstance(item, MapNode) or not item.entries:
        return item
    head, inner = item.entries[0]
    if argument is not None and isinstance(inner, MapNode) and (found := inner.get(argument)) is not None:
        return found
    return inner if argument is not None and argument == scalar and isinstance(inner, ScalarNode) else head
