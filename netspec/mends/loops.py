"""Mends of `for`, `repeat` and `when` whose layers stand elsewhere than under `do`, as in other languages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.mends.edits import replace
from netspec.mends.finding import items_around
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

HEADS: Final = ("for", "repeat", "when")
"""Words beside a `do`."""
_HEADER: Final = re.compile(r"(for|repeat|when|if)(?:\s*\((.+)\)|\s+(.+?))\s*(?:times)?")
_BODIES: Final = ("body", "layers", "then", "items", "modules", "block", "steps", "content")
_COUNTS: Final = ("n", "times", "count", "num", "number", "repeat")


def mends_of_loops(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """A loop or a condition around a finding, with a `do`."""
    at = source.offset(*d.span[1:3])
    for item in items_around(spec, at):
        if isinstance(item.node, MapNode):
            yield from _in_the_head(item, source)
            yield from _under_another_name(item.node, source)
            yield from _beside(item.node, source)
            yield from _inside(item, source)


def _in_the_head(item: Item, source: Source) -> Iterator[Fix]:
    """`- for i in range(3): […]`, `- repeat(3): […]`."""
    found = _HEADER.fullmatch(item.head.text)
    if found is None or not isinstance(item.value, ListNode):
        return
    word, rest = "when" if found[1] == "if" else found[1], found[2] or found[3]
    assert isinstance(item.node, MapNode)
    if item.node.flow:
        yield Fix(f"write `{word}: {rest}`, and `do` beside it", (replace(source, item.head, f"{word}: {rest}, do"),))
        return
    indent = " " * (item.head.start - source.text.rfind("\n", 0, item.head.start) - 1)
    edit = Edit(source.span(item.head), f"{word}: {rest}\n{indent}do")
    yield Fix(f"write `{word}: {rest}`, and `do` beside it", (edit,))


def _under_another_name(node: MapNode, source: Source) -> Iterator[Fix]:
    """`repeat: 3` with `layers: […]` beside it."""
    keys = {key.text: key for key, _ in node.entries}
    if "do" in keys or not any(word in keys for word in HEADS):
        return
    for key, value in node.entries:
        if key.text in _BODIES and isinstance(value, ListNode):
            yield Fix("write `do`", (replace(source, key, "do"),))


def _beside(node: MapNode, source: Source) -> Iterator[Fix]:
    """`for: i in range(3)` with `Conv2d: …` beside it, which is to be the one item of its `do`."""
    (key, value), *others = node.entries
    if key.text not in HEADS or len(others) != 1 or node.flow or not isinstance(value, ScalarNode):
        return
    head, body = others[0]
    if head.text in ("do", *_BODIES) or "\n" in source.text[head.start : _end(head, body)]:
        return
    indent = " " * (head.start - source.text.rfind("\n", 0, head.start) - 1)
    yield Fix("write it as an item under `do`", (Edit(source.between(head.start, head.start), f"do:\n{indent}  - "),))


def _inside(item: Item, source: Source) -> Iterator[Fix]:
    """`repeat: {times: 3, layers: […]}`."""
    value = item.value
    if item.head.text not in HEADS or not isinstance(value, MapNode) or len(value.entries) != 2:
        return
    body = next((node for key, node in value.entries if key.text in (*_BODIES, "do")), None)
    count = next((node for key, node in value.entries if key.text in (*_COUNTS, "in", "values", "condition")), None)
    if not isinstance(body, ListNode) or not isinstance(count, ScalarNode) or not body.flow:
        return
    written = source.text[body.start : body.end]
    whole = f"{{{item.head.text}: {count.text}, do: {written}}}"
    if "\n" not in written:
        yield Fix("write `do` beside it", (Edit(source.between(item.node.start, item.node.end), whole),))


def _end(key: ScalarNode, value: Node) -> int:
    return max(key.end, value.end)
