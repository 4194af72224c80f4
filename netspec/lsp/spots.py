"""What stands at a place of a text that can be read: the scalar there, and the keys that lead to it."""

from __future__ import annotations

from typing import NamedTuple

from netspec.text.source import ListNode, MapNode, Node, ScalarNode


class Spot(NamedTuple):
    """A scalar, and the way to it from the root."""

    scalar: ScalarNode
    is_key: bool
    keys: tuple[ScalarNode, ...]
    """The keys above it, the outermost first, itself included if it is one."""
    holders: tuple[Node, ...]
    """The lists and mappings that it stands in, the outermost first."""

    @property
    def path(self) -> tuple[str, ...]:
        """The texts of the keys."""
        return tuple(key.text for key in self.keys)


def spot_at(root: Node | None, offset: int) -> Spot | None:
    """The scalar at an offset, or None if none stands there."""
    keys: tuple[ScalarNode, ...] = ()
    holders: tuple[Node, ...] = ()
    node = root
    while node is not None:
        if isinstance(node, ScalarNode):
            return Spot(node, False, keys, holders) if node.start <= offset <= node.end else None
        holders = (*holders, node)
        if isinstance(node, ListNode):
            node = next((item for item in node.items if item.start <= offset <= item.end), None)
            continue
        key, node = _entry(node, offset)
        if key is None:
            return None
        keys = (*keys, key)
        if node is None:
            return Spot(key, True, keys, holders)
    return None


def _entry(node: MapNode, offset: int) -> tuple[ScalarNode | None, Node | None]:
    """The key that an offset is in, or the key and the value that it is in."""
    for key, value in node.entries:
        if key.start <= offset <= key.end:
            return key, None
        if value.start <= offset <= value.end and value.end > value.start:
            return key, value
    return None, None
