"""Mends of `for`, `repeat` and `when` as other languages have them: `if` and `else`, `loop`, layers under no `do`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.mends.edits import replace
from netspec.mends.finding import items_around
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

HEADS: Final = ("for", "repeat", "when")
"""Words beside a `do`."""
_ELSEWHERE: Final[Mapping[str, str]] = {"if": "when", "foreach": "for", "loop": "repeat", "times": "repeat"}
"""Words of other languages for the same."""
_HEADER: Final = re.compile(r"(for|repeat|when|if|foreach|loop)(?:\s*\((.+)\)|\s+(.+?))\s*(?:times)?")
_BODIES: Final = ("body", "layers", "then", "items", "modules", "block", "steps", "content")
_COUNTS: Final = ("n", "times", "count", "num", "number", "repeat")


def mends_of_loops(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """A loop or a condition around a finding, with a `do`."""
    at = source.offset(*d.span[1:3])
    for item in items_around(spec, at):
        if isinstance(item.node, MapNode):
            yield from _in_the_head(item, source)
            yield from _in_other_words(item.node, source)
            yield from _under_another_name(item.node, source)
            yield from _beside(item.node, source)
            yield from _inside(item, source)


def _in_the_head(item: Item, source: Source) -> Iterator[Fix]:
    """`- for i in range(3): […]`, `- repeat(3): […]`."""
    found = _HEADER.fullmatch(item.head.text)
    if found is None or not isinstance(item.value, ListNode):
        return
    word, rest = _ELSEWHERE.get(found[1], found[1]), found[2] or found[3]
    assert isinstance(item.node, MapNode)
    if item.node.flow:
        yield Fix(f"write `{word}: {rest}`, and `do` beside it", (replace(source, item.head, f"{word}: {rest}, do"),))
        return
    indent = " " * (item.head.start - source.text.rfind("\n", 0, item.head.start) - 1)
    edit = Edit(source.span(item.head), f"{word}: {rest}\n{indent}do")
    yield Fix(f"write `{word}: {rest}`, and `do` beside it", (edit,))


def _in_other_words(node: MapNode, source: Source) -> Iterator[Fix]:
    """`if: norm` with `then: […]`, and perhaps `else: […]`, beside it; `loop: 3` with `do: […]`."""
    head, value = node.entries[0]
    word = _ELSEWHERE.get(head.text, head.text)
    known = ("do", "else", "otherwise", *_BODIES)
    if word not in HEADS or not isinstance(value, ScalarNode) or any(k.text not in known for k, _ in node.entries[1:]):
        return
    edits = [] if head.text == word else [replace(source, head, word)]
    said = [f"`{word}: {value.text}`"] if edits else []
    bodies = 0
    for key, body in node.entries[1:]:
        bodies += 1
        if key.text in ("else", "otherwise"):
            if word != "when" or bodies != 2:
                return
            opposite = f"when: {_negated(value, source)}"
            edits.append(_another(node, key, opposite, source))
            said.append(f"an item `{opposite}` for the `{key.text}`")
        elif key.text != "do":
            edits.append(replace(source, key, "do"))
            said.append("`do`")
        if not isinstance(body, ListNode):
            if "\n" in source.text[body.start : body.end] or body.start == body.end:
                return
            edits += [Edit(source.between(at, at), sign) for at, sign in ((body.start, "["), (body.end, "]"))]
    if edits and bodies and (head.text != word or bodies == 2):
        yield Fix(f"write {', '.join(said[:-1])}{' and ' if said[1:] else ''}{said[-1]}", tuple(edits))


def _negated(condition: ScalarNode, source: Source) -> str:
    """The opposite of a condition, quoted as it is."""
    text = condition.text
    opposite = text[4:] if re.fullmatch(r"not \w+", text) else f"not {text}"
    if not re.fullmatch(r"(?:not )?\w+", text):
        opposite = f"not ({text})"
    quote = source.text[condition.start] if condition.quoted else ""
    return f"{quote}{opposite}{quote}"


def _another(node: MapNode, key: ScalarNode, head: str, source: Source) -> Edit:
    """Begin another item in the place of a key."""
    begin = source.text.rfind("\n", 0, node.start) + 1
    lead = source.text[begin : node.start]
    dash = lead.index("-") if lead.strip() == "-" else None
    if not node.flow:
        at = source.text.rfind("\n", 0, key.start) + 1
        indent = " " * (key.start - at)
        return Edit(source.between(at, key.end), f"{indent[: dash or 0]}- {head}\n{indent}do")
    comma = source.text.rindex(",", 0, key.start)
    between = "}, {" if dash is None else f"}}\n{' ' * dash}- {{"
    return Edit(source.between(comma, key.end), f"{between}{head}, do")


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
    word = _ELSEWHERE.get(key.text, key.text)
    if word not in HEADS or len(others) != 1 or node.flow or not isinstance(value, ScalarNode):
        return
    head, body = others[0]
    if head.text in ("do", "else", *_BODIES) or "\n" in source.text[head.start : _end(head, body)]:
        return
    indent = " " * (head.start - source.text.rfind("\n", 0, head.start) - 1)
    under = Edit(source.between(head.start, head.start), f"do:\n{indent}  - ")
    named = () if key.text == word else (replace(source, key, word),)
    yield Fix(f"write {f'`{word}`, and ' if named else ''}it as an item under `do`", (*named, under))


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
