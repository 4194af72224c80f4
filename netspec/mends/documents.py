"""Mends of the document around the layers: the input's form, a list without its key, layers under keys of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netspec.combinators import COMBINATORS
from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.spec import Spec
from netspec.mends.edits import offset, replace
from netspec.mends.finding import items_around
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

_ORDER = ("c", "d", "h", "w", "l")


def mends_of_document(d: Diagnostic, source: Source, spec: Spec | None) -> Iterator[Fix]:
    """Other forms of what stands at the top of a spec, and what is written twice."""
    yield from _layers_without_key(d, source)
    if spec is None:
        return
    if spec.input is not None and spec.input.start <= offset(source, d.span.line, d.span.column):
        yield from _input(spec.input, source)
    yield from _body_without_brackets(d, source, spec)
    yield from _input_among_the_layers(source, spec)
    yield from _layers_under_keys(source, spec)


def _layers_without_key(d: Diagnostic, source: Source) -> Iterator[Fix]:
    """A list at the top of the document, behind `input`."""
    if d.code != "yaml-syntax" or re.search(r"^layers\s*:", source.text, re.MULTILINE):
        return
    first = re.search(r"^- ", source.text, re.MULTILINE)
    if first is not None:
        place = source.between(first.start(), first.start())
        yield Fix("write `layers:` above the list", (Edit(place, "layers:\n"),))


# ---- the input


def _input(node: Node, source: Source) -> Iterator[Fix]:
    """Sizes by name, `None` for the batch, channels last."""
    if isinstance(node, MapNode):
        sizes = {key.text.lower()[:1]: value for key, value in node.entries if isinstance(value, ScalarNode)}
        if len(sizes) == len(node.entries) and set(sizes) <= set(_ORDER):
            texts = [sizes[letter].text for letter in _ORDER if letter in sizes]
            yield Fix(f"write `[{', '.join(texts)}]`", (replace(source, node, f"[{', '.join(texts)}]"),))
    if isinstance(node, ScalarNode) and re.fullmatch(r"\d+(?:\s*,\s*\d+)+", node.text):
        yield Fix(f"write `[{node.text}]`", (replace(source, node, f"[{node.text}]"),))
    if not isinstance(node, ListNode):
        return
    texts = [item.text for item in node.items if isinstance(item, ScalarNode)]
    if len(texts) < len(node.items) or not texts or texts[0].lower() not in ("none", "null", "-1", "n", "b", "batch"):
        return
    rest = texts[1:]
    if not rest:
        return
    first, second, last = node.items[0].start, node.items[1].start, node.items[-1].end
    without = Edit(source.between(first, second), "")
    if len(rest) > 1 and rest[-1] in ("1", "3", "4"):
        moved = ", ".join([rest[-1], *rest[:-1]])
        yield Fix(f"write `[{moved}]`: one example, the channels first",
                  (without, Edit(source.between(second, last), moved)))  # fmt: skip
    yield Fix(f"write `[{', '.join(rest)}]`: one example, without the batch axis", (without,))


def _input_among_the_layers(source: Source, spec: Spec) -> Iterator[Fix]:
    """`- Input: [1, 28, 28]`, as Keras has it: the shape stands at the top."""
    node = spec.layers
    if spec.input is not None or not isinstance(node, ListNode) or not node.items or node.flow:
        return
    first = node.items[0]
    if not isinstance(first, MapNode) or len(first.entries) != 1:
        return
    key, value = first.entries[0]
    while isinstance(value, MapNode) and len(value.entries) == 1:  # `Input: {shape: [1, 28, 28]}`
        value = value.entries[0][1]
    if key.text.lower() not in ("input", "inputlayer", "inputs", "input_layer") or not isinstance(value, ListNode):
        return
    shape = source.text[value.start : value.end]
    begin = source.text.rfind("\n", 0, first.start) + 1
    stop = source.text.find("\n", first.end) + 1 or len(source.text)
    top = source.between(0, 0)
    edits = (Edit(top, f"input: {shape}\n"), Edit(source.between(begin, stop), ""))
    yield Fix(f"write `input: {shape}` at the top", edits)


# ---- layers under keys of their own


def _layers_under_keys(source: Source, spec: Spec) -> Iterator[Fix]:
    """`conv1: {Conv2d: …}` in place of an item: the key becomes the layer's name."""
    node = spec.layers
    if isinstance(node, MapNode) and all(_is_head(key.text, spec) for key, _ in node.entries):
        yield from _without_dashes(node, source)
    elif isinstance(node, MapNode):
        items = [_named(key, value, spec, source) for key, value in node.entries]
        if all(items):
            first = node.entries[0][0]
            begin = source.text.rfind("\n", 0, first.start) + 1
            indent = "" if node.flow else " " * (first.start - begin)
            lines = [f"- {item}" for item in items]
            text = f"[{', '.join(filter(None, items))}]" if node.flow else f"\n{indent}".join(lines)
            yield Fix("write each layer as an item, with its name", (Edit(source.between(node.start, node.end), text),))
    if isinstance(node, ListNode) and not node.flow:
        edits: list[Edit] = []
        for item in node.items:
            if isinstance(item, MapNode) and len(item.entries) == 1:
                key, value = item.entries[0]
                named = None if _is_head(key.text, spec) or _wraps(key.text) else _named(key, value, spec, source)
                if named is not None:
                    edits.append(replace(source, item, named))
        if edits:
            yield Fix("write the layer as the item, with its name beside it", tuple(edits))


def _without_dashes(node: MapNode, source: Source) -> Iterator[Fix]:
    """`layers:` with layers as its keys, or in braces."""
    if node.flow:
        edits = (
            Edit(source.between(node.start, node.start + 1), "["),
            Edit(source.between(node.end - 1, node.end), "]"),
        )
        yield Fix("write brackets, since the layers are a list", edits)
    else:
        starts = [key.start for key, _ in node.entries]
        yield Fix("begin each item with `- `", tuple(Edit(source.between(at, at), "- ") for at in starts))


def _is_head(text: str, spec: Spec) -> bool:
    return text in spec.offer.layers or text in spec.blocks or text in COMBINATORS


def _body_without_brackets(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`residual: BatchNorm2d`, `gate: {Conv2d: …}`: a body is a list, also of one item."""
    at = source.offset(*d.span[1:3])
    for item in items_around(spec, at):
        value = item.value
        head = value.entries[0][0] if isinstance(value, MapNode) and value.entries else value
        if item.head.text not in COMBINATORS or not isinstance(head, ScalarNode) or not _is_head(head.text, spec):
            continue
        if value is not None and "\n" not in source.text[value.start : value.end]:
            edits = (
                Edit(source.between(value.start, value.start), "["),
                Edit(source.between(value.end, value.end), "]"),
            )
            yield Fix("write brackets around the body, which is a list", edits)
        return


def _wraps(text: str) -> bool:
    """Whether a word seems to be a layer around a layer, as Keras's `Bidirectional` is, and no name of one."""
    return re.fullmatch(r"(?:[A-Z][a-z]+)+", text) is not None


def _named(key: ScalarNode, value: Node, spec: Spec, source: Source) -> str | None:
    """An item with a name, in flow style; a layer that is a key itself has none."""
    if _is_head(key.text, spec):
        text = _in_line(value, source)
        return None if text is None else f"{{{key.text}: {text}}}"
    if isinstance(value, ScalarNode) and _is_head(value.text, spec):
        return f"{{{value.text}: , name: {key.text}}}"
    if isinstance(value, MapNode) and len(value.entries) == 1 and _is_head(value.entries[0][0].text, spec):
        head, arguments = value.entries[0]
        text = _in_line(arguments, source)
        return None if text is None else f"{{{head.text}: {text}, name: {key.text}}}"
    return None


def _in_line(node: Node, source: Source) -> str | None:
    """A value, or arguments in lines of their own, in one line; None if there is more inside."""
    text = source.text[node.start : node.end]
    if "\n" not in text and not (isinstance(node, MapNode) and not node.flow):
        return text
    values = list(node.entries) if isinstance(node, MapNode) else []
    given = [(key.text, _in_line(value, source)) for key, value in values if not isinstance(value, MapNode)]
    if not given or len(given) < len(values) or "#" in text or any(one is None for _, one in given):
        return None
    return f"{{{', '.join(f'{key}: {one}' for key, one in given)}}}"
