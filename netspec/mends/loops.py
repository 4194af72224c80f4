"""Mends of `for`, `repeat` and `when` as other languages have them: `if` and `else`, `loop`, layers under no `do`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.aliases import meant_by
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.language.strangers import repeated_head
from netspec.mends.edits import put_beside, replace
from netspec.mends.finding import items_around
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

HEADS: Final = ("for", "repeat", "when")
"""Words beside a `do`."""
_ELSEWHERE: Final[Mapping[str, str]] = {"if": "when", "foreach": "for", "loop": "repeat", "times": "repeat"}
"""Words of other languages for the same."""
_HEADER: Final = re.compile(r"(for|repeat|when|if|foreach|loop)(?:\s*\((.+)\)|\s+(.+?))\s*(?:times)?")
_BODIES: Final = ("body", "layers", "then", "items", "modules", "block", "steps", "content")
_OTHERWISE: Final = ("else", "otherwise")
_COUNTS: Final = ("n", "times", "count", "num", "number", "repeat")


def mends_of_loops(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """A loop or a condition around a finding, with a `do`."""
    at = source.offset(*d.span[1:3])
    for item in items_around(spec, at):
        yield from _often(item, source, spec)
        if isinstance(item.node, MapNode):
            yield from _in_the_head(item, source)
            yield from _in_other_words(item.node, source)
            yield from _under_another_name(item.node, source)
            yield from _beside(item.node, source)
            yield from _inside(item, source)
            yield from _swapped(item.node, source)


def _in_the_head(item: Item, source: Source) -> Iterator[Fix]:
    """`- for i in range(3): […]`, `- repeat(3): […]`."""
    found = _HEADER.fullmatch(item.head.text)
    if found is None or not isinstance(item.node, MapNode) or item.value is None:
        return
    word, rest = _ELSEWHERE.get(found[1], found[1]), _closed(found[2]) or found[2] or found[3]
    body: list[Edit] = []
    if not isinstance(item.value, ListNode):  # one item alone
        start, end = item.value.start, item.value.end
        if start == end or "\n" in source.text[start:end]:
            return
        body = [Edit(source.between(at, at), bracket) for at, bracket in ((start, "["), (end, "]"))]
    between = ", " if item.node.flow else "\n" + " " * (source.span(item.head).column - 1)
    head = replace(source, item.head, f"{word}: {rest}{between}do")
    title = f"write `{word}: {rest}`, and `do` beside it"
    if len(item.node.entries) == 1:
        yield Fix(title, (head, *body))
        return
    key, other = item.node.entries[1]
    if word == "when" and len(item.node.entries) == 2 and key.text in _OTHERWISE and isinstance(other, ListNode):
        opposite = f"when: {_opposite(rest)}"
        edits = (head, *body, _another(item.node, key, opposite, source))
        yield Fix(f"{title}, and an item `{opposite}` for the `{key.text}`{_late(rest)}", edits, not _late(rest))


def _closed(text: str | None) -> str | None:
    """What stood in parentheses, with them, if those that open inside are closed by others: `n > 2) and (norm`."""
    depth = 0
    for c in text or "":
        depth += (c == "(") - (c == ")")
        if depth < 0:
            return f"({text})"
    return None


def _swapped(node: MapNode, source: Source) -> Iterator[Fix]:
    """`repeat: [ReLU]` with `times: 3` beside it."""
    (head, body), *others = node.entries
    count = next(((key, value) for key, value in others if key.text in _COUNTS), None)
    if head.text == "repeat" and isinstance(body, ListNode) and count is not None and isinstance(count[1], ScalarNode):
        edits = (replace(source, head, "do"), replace(source, count[0], "repeat"))
        yield Fix("write `do` for the layers, and `repeat` for how often", edits)


def _in_other_words(node: MapNode, source: Source) -> Iterator[Fix]:
    """`if: norm` with `then: […]`, and perhaps `else: […]`, beside it; `loop: 3` with `do: […]`."""
    head, value = node.entries[0]
    word = _ELSEWHERE.get(head.text, head.text)
    known = ("do", *_OTHERWISE, *_BODIES)
    if word not in HEADS or not isinstance(value, ScalarNode) or any(k.text not in known for k, _ in node.entries[1:]):
        return
    edits = [] if head.text == word else [replace(source, head, word)]
    said = [f"`{word}: {value.text}`"] if edits else []
    bodies = 0
    for key, body in node.entries[1:]:
        bodies += 1
        if key.text in _OTHERWISE:
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
        late = _late(value.text) if bodies == 2 else ""
        title = f"write {', '.join(said[:-1])}{' and ' if said[1:] else ''}{said[-1]}{late}"
        yield Fix(title, tuple(edits), certain=not late)


def _late(condition: str) -> str:
    """What to know of the second of two items, one for each way, where the condition is about what comes to the item:
    the first has changed that. Nothing where it has not."""
    found = re.search(r"\bin_(?:channels|features|shape)\b", condition)
    return "" if found is None else f", which reads `{found[0]}` behind the first"


def _negated(condition: ScalarNode, source: Source) -> str:
    """The opposite of a condition, quoted as it is."""
    quote = source.text[condition.start] if condition.quoted else ""
    return f"{quote}{_opposite(condition.text)}{quote}"


def _opposite(text: str) -> str:
    if re.fullmatch(r"(?:not )?\w+", text):
        return text[4:] if text.startswith("not ") else f"not {text}"
    return f"not ({text})"


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
    """`repeat: {times: 3, layers: […]}`, perhaps with options within it or beside it, which stay."""
    value, node = item.value, item.node
    if item.head.text not in HEADS or not isinstance(value, MapNode) or not isinstance(node, MapNode):
        return
    counts = (*_COUNTS, "in", "values", "condition")
    count = next(((key, one) for key, one in value.entries if key.text in counts), None)
    body = next(((key, one) for key, one in value.entries if key.text in (*_BODIES, "do")), None)
    if body is None or count is None or not isinstance(body[1], ListNode) or not isinstance(count[1], ScalarNode):
        return
    column = source.span(item.head).column
    written = [f" {source.text[count[1].start : count[1].end]}"]
    for key, one in value.entries:
        if key is count[0]:
            continue
        shift = 0 if value.flow else source.span(key).column - column
        text = source.text[key.end : one.end].rstrip().replace("\n" + " " * shift, "\n")
        written.append(f"{'do' if key is body[0] else key.text}{text}")
    around = node.flow and source.text[node.start] != "{"  # `[repeat: {…}]`
    whole = (", " if node.flow else "\n" + " " * (column - 1)).join(written)
    edits = [Edit(source.between(source.text.index(":", item.head.end) + 1, value.end), whole)]
    if around:
        edits += [Edit(source.between(at, at), brace) for at, brace in ((node.start, "{"), (value.end, "}"))]
    yield Fix("write `do` beside it", tuple(edits))


def _often(item: Item, source: Source, spec: Spec) -> Iterator[Fix]:
    """`ReLU x 3`, `Conv2d x 3: {…}`: how often stands beside the item."""
    found = repeated_head(item.head.text)
    if found is None or item.head.quoted:
        return
    axes = spec.spatial_axes
    name = found[0] if found[0] in spec.blocks else meant_by(found[0].rpartition(".")[2], axes, spec.offer.layers)
    if name is None:
        return
    title = f"write `{name}`, and `repeat: {found[1]}` beside it"
    if isinstance(item.node, MapNode):
        beside = put_beside(source, item, "repeat", found[1])
        if beside is not None:
            yield Fix(title, (replace(source, item.head, name), beside))
        return
    layer = None if name in spec.blocks or name not in spec.offer.layers else spec.offer.layer_class(name)
    if layer is None or not any(field.is_required() for field in layer.model_fields.values()):
        yield Fix(title, (replace(source, item.node, f"{{{name}: , repeat: {found[1]}}}"),))


def _end(key: ScalarNode, value: Node) -> int:
    return max(key.end, value.end)
