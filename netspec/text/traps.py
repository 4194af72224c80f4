"""Detect valid YAML that does not mean what was intended, and say what to write instead.

YAML's flow style splits at every comma, also inside parentheses: `{out: max(1, c // 4)}` is a mapping with the two keys
`out` and `c // 4)`. The functions here recognise the pieces.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from netspec.diagnostics import Code, Edit, Fix, Span
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

OPTIONS: Final = ("when", "repeat", "name", "freeze", "init", "as", "shared", "tie", "parametrize")
"""What may stand beside any item, or beside a layer."""


class Trap(NamedTuple):
    """A detected trap: what YAML did, where, and how to write it instead."""

    code: Code
    message: str
    span: Span
    help: str
    fix: Fix | None = None
    torn: str = ""
    """The text before YAML split it."""


def _open(text: str) -> int:
    """Opening minus closing brackets of a text, quoted parts ignored."""
    bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", text)
    return sum(map(bare.count, "([{")) - sum(map(bare.count, ")]}"))


def _line(source: Source, start: int, end: int) -> str:
    return " ".join(source.text[start:end].split())


def flow_trap(source: Source, node: Node) -> Trap | None:
    """Detect a flow collection split inside an expression's parentheses, or a plain scalar cut short by a ` #`."""
    if isinstance(node, ScalarNode):
        return _comment_trap(source, node)
    if (
        not node.flow or "(" not in source.text[node.start : node.end]
    ):  # without parentheses nothing was split inside them
        return None
    pieces = _pieces(node)
    for i, (text, start) in enumerate(pieces):
        depth = _open(text)
        if depth <= 0:
            continue
        for later, later_start in pieces[i + 1 :]:
            depth += _open(later)
            if depth <= 0:
                return _split_trap(source, start, later_start + len(later))
    return None


def _pieces(node: ListNode | MapNode) -> list[tuple[str, int]]:
    scalars = [s for entry in node.entries for s in entry] if isinstance(node, MapNode) else node.items
    return [(s.text, s.start) for s in scalars if isinstance(s, ScalarNode) and not s.quoted]


def _split_trap(source: Source, start: int, end: int) -> Trap:
    written = _line(source, start, end)
    span = source.between(start, end)
    quote = "'" if '"' in written else '"'
    mended = f"{quote}{written}{quote}"
    return Trap(
        "flow-split",
        f"YAML splits `{written}` at its comma: inside {{…}} and […] an expression with a comma needs quotes",
        span,
        f"write {mended}",
        Fix("quote the expression", (Edit(span, mended),)),
        written,
    )


def _comment_trap(source: Source, node: ScalarNode) -> Trap | None:
    if node.quoted:
        return None
    rest = re.match(r"[ \t]+#[^\r\n]*", source.text[node.end :])
    if rest is None or not (_open(node.text) > 0 or re.search(r"([-+*/%=<>,]|\b(and|or|not|in|if|else))$", node.text)):
        return None
    whole = f'"{node.text}{rest.group().rstrip()}"'
    return Trap(
        "comment-in-expression",
        f"YAML takes the rest of the line for a comment: a ` #` ends the expression at `{node.text}`",
        source.span(node),
        f"an expression has no `#`; if it belongs to a text, quote the whole: {whole}",
    )


def argument_trap(source: Source, key: ScalarNode, node: MapNode, name: str) -> Trap | None:
    """Detect an option such as `when:` that stands under a layer's name, which makes it an argument."""
    if key.text not in OPTIONS:
        return None
    value = node.get(key.text)
    assert value is not None
    written = _line(source, key.start, value.end)
    if node.flow:
        others = [_line(source, k.start, v.end) for k, v in node.entries if k.text not in OPTIONS]
        layer = f"{name}: {{{', '.join(others)}}}" if others else f"{name}:"
        return Trap(
            "option-as-argument",
            f"`{key.text}` stands inside the braces of `{name}`, which makes it an argument of `{name}`",
            source.span(key),
            f"put it beside `{name}`: `{{{layer}, {written}}}`",
        )
    return Trap(
        "option-as-argument",
        f"`{key.text}` is indented under `{name}:`, which makes it an argument of `{name}`",
        source.span(key),
        f"put it in line with `{name}`, two columns to the left:\n- {name}: …\n  {written}",
    )


def stray_option_trap(source: Source, entry: tuple[ScalarNode, Node], *, flow: bool) -> Trap:
    """The trap `[conv: 64, when: x]`: the comma separates two items where one was intended. In block style a dash
    does, in front of the option."""
    key, value = entry
    written = _line(source, key.start, value.end)
    span = source.between(key.start, value.end)
    message = f"`{key.text}` stands alone as an item of the list"
    if key.text in ("for", "repeat", "when") and not isinstance(value, ScalarNode):
        return Trap(
            "option-without-item", message, span,
            f"a `{key.text}` has one value, and the items that it is about stand under a `do` beside it",
        )  # fmt: skip
    if not flow:
        beside = "an option stands in line with the item that it is about, without a dash of its own"
        several = "; one of several items has a `do` beside it" if key.text in ("repeat", "when") else ""
        return Trap("option-without-item", message, span, f"{beside}{several}")
    return Trap(
        "option-without-item",
        f"{message}: in […] each `key: value` is an item of its own",
        span,
        f"put the layer and its options into braces, as in `[{{Conv2d: …, {written}}}]`",
    )


def signature_trap(source: Source, node: MapNode) -> Trap | None:
    """Detect `blocks: {a(x, y): …}`: in flow style, a signature with a comma needs quotes."""
    if not node.flow:
        return None
    keys = [key for key, _ in node.entries]
    for i, key in enumerate(keys):
        if not key.quoted and _open(key.text) > 0:
            for later in keys[i + 1 :]:
                if _open(later.text) < 0:
                    return _split_trap(source, key.start, later.end)
    return None
