"""The names that an `as` gives, looked up without evaluating anything."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from netspec.text.source import ListNode, MapNode, Node, ScalarNode

_WORD: Final = re.compile(r"[^\W\d]\w*")


def target_names(node: Node) -> list[str]:
    """The names that an `as` gives, however wrong it may be: `skip` of `skip`, `p` of `p[3]` and of `p_{i}`."""
    items = node.items if isinstance(node, ListNode) else [node]
    texts = [re.split(r"_?\{|\[", item.text)[0] for item in items if isinstance(item, ScalarNode)]
    return [word for text in texts for word in _WORD.findall(text)]


def entries_below(nodes: Iterable[Node | None]) -> Iterator[tuple[ScalarNode, Node]]:
    """All keys with their values below these nodes, at any depth."""
    left = list(nodes)
    while left:
        match left.pop():
            case ListNode(items=items):
                left += items
            case MapNode(entries=entries):
                left += [node for _, node in entries]
                yield from entries
            case _:
                pass
