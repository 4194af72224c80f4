"""Mends of values with names, as other languages have them: `save: x`, `out += x`, `x[:, 0]`, `Add: [x]`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from netspec.combinators import COMBINATORS
from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.language.strangers import NAMES, added, part_of
from netspec.mends.edits import offset, replace
from netspec.mends.finding import nodes
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

_JOINS: Final = {"Add": "add", "Concat": "concat", "Concatenate": "concat", "Cat": "concat", "Multiply": "mul"}


def mends_of_values(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """Other ways to write an item that names a value, takes a part of it or joins it with another."""
    yield from _named(item, source, spec)
    yield from _part(item, source, spec)
    yield from _joined(item, source)
    beside = re.fullmatch(r"(\w+)\s*\+\s*\[\]|\[\]\s*\+\s*(\w+)", item.head.text) if item.value is None else None
    if beside is not None and (beside[1] or beside[2]) in spec.named_values:
        text = f"add: [{f'{beside[1]}, []' if beside[1] else f'[], {beside[2]}'}]"
        yield Fix(f"write `{text}`", (replace(source, item.node, text),))
    into = added(item.head.text, spec.named_values) if item.value is None else None
    if into is not None:
        text = f"add: [[], {into}]"
        yield Fix(f"write `{text}`, which adds `{into}` to what stands here", (replace(source, item.node, text),),
                  certain=False)  # fmt: skip


def _named(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """`save: x`, where something further down reads `x`."""
    if item.head.text not in (*NAMES, "identity") or not isinstance(item.node, MapNode) or len(item.node.entries) != 1:
        return
    if not isinstance(item.value, ScalarNode) or not re.fullmatch(r"[^\W\d]\w*", item.value.text):
        return
    name = item.value.text
    scalars = (node for node in nodes(spec) if isinstance(node, ScalarNode) and node.start >= item.node.end)
    if any(re.search(rf"\b{name}\b", node.text) for node in scalars):
        yield Fix(f"write `as: {name}`, which names what stands here", (replace(source, item.head, "as"),))


def _part(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """`x[:, 0]`, `use: x[:, -1, :]` and `x[:, 1:]`: of what stands here, or of a value with that name."""
    used = item.head.text == "use" and isinstance(item.value, ScalarNode)
    written = item.value.text if used and isinstance(item.value, ScalarNode) else item.head.text
    written = re.sub(r"^(\w+)\s*=\s*(?=\1\[)", "", written)  # `x = x[:, -1, :]`
    if (item.value is not None and not used) or (found := part_of(written)) is None:
        return
    name, text = found
    if name not in spec.named_values:
        if not used:
            yield Fix(f"write `{text}`", (replace(source, item.node, text),))
        return
    begin = source.text.rfind("\n", 0, item.node.start) + 1
    lead = source.text[begin : item.node.start]
    if isinstance(item.node, MapNode) and len(item.node.entries) > 1:  # with `as` beside it, which names the part
        return
    items = f"\n{' ' * lead.index('-')}- ".join((f"use: {name}", text)) if lead.strip() == "-" else None
    if items is not None:
        yield Fix(f"write `use: {name}` and `{text}`", (replace(source, item.node, items),))


def _joined(item: Item, source: Source) -> Iterator[Fix]:
    """`Add: [x]`: what stands here is the other branch."""
    word = _JOINS.get(item.head.text.rpartition(".")[2])
    if word in COMBINATORS and (first := _only(item.value)) is not None:
        edits = (replace(source, item.head, word), Edit(source.between(first.start, first.start), "[], "))
        yield Fix(f"write `{word}: [[], {first.text}]`, where `[]` is what stands here", edits)


def _only(value: Node | None) -> ScalarNode | None:
    """The one branch of a join, where it is a value."""
    if not isinstance(value, ListNode) or len(value.items) != 1 or not value.flow:
        return None
    return value.items[0] if isinstance(value.items[0], ScalarNode) else None


def mends_of_one_branch(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`add: x`: what stands here is the other branch."""
    at = offset(source, *d.span[1:3])
    for node in nodes(spec):
        for key, value in node.entries if isinstance(node, MapNode) else ():
            if value.start != at or key.text not in COMBINATORS or not isinstance(value, ScalarNode):
                continue
            if value.text in spec.named_values and not value.quoted:
                text = f"[[], {value.text}]"
                yield Fix(f"write `{key.text}: {text}`", (replace(source, value, text),))


def mends_of_unread(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """What nothing reads becomes a branch of the join behind it, which has but one."""
    at = offset(source, *d.span[1:3])
    for node in nodes(spec):
        for before, behind in pairwise(node.items) if isinstance(node, ListNode) else ():
            if not before.start <= at < before.end or not isinstance(behind, MapNode) or not behind.entries:
                continue
            word, value = behind.entries[0]
            first = _only(value)
            if first is not None and word.text in COMBINATORS:
                edit = Edit(source.between(first.start, first.start), "[], ")
                yield Fix(f"write `{word.text}: [[], {first.text}]`", (edit,), certain=False)
