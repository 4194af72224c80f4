"""Blocks that are defined as mappings, or without their parameters: what their headers are to be."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Final

from netspec.diagnostics import Edit, Fix
from netspec.language.signatures import read_signature
from netspec.language.spec import Block, Report, Spec
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

_PARAMETERS: Final = ("params", "parameters", "args", "arguments", "inputs", "vars", "signature")
_BODIES: Final = ("layers", "body", "do", "modules", "items", "steps", "content")


def is_a_mapping(key: ScalarNode, body: Node, spec: Spec, report: Report) -> bool:
    """Whether a block is written as `mlp: {params: {hidden: 64}, layers: […]}`; then it is reported."""
    if not isinstance(body, MapNode) or not any(word.text in _BODIES for word, _ in body.entries):
        return False
    if any(word.text not in (*_PARAMETERS, *_BODIES) for word, _ in body.entries) or len(body.entries) > 2:
        return False
    layers = next((word, node) for word, node in body.entries if word.text in _BODIES)
    given = next((node for word, node in body.entries if word.text in _PARAMETERS), None)
    bare = key.text.strip()
    header = bare if given is None or "(" in bare else _header(bare, given, spec.source)
    shown = header or f"{bare}(…)"
    report(
        "wrong-form",
        f"the block `{bare}` holds a list of layers" + ("" if given is None else "; its signature has its parameters"),
        body.entries[0][0],
        help=f"write `{shown}:` and put the list of its layers under it",
        fix=None if header is None else _rewritten(key, body, layers, header, spec.source),
    )
    return True


def _header(name: str, given: Node, source: Source) -> str | None:
    """The signature with parameters that are given as `{hidden: 64, p: 0.1}`, `[hidden, p]` or `hidden, p`."""
    parts: list[str] = []
    if isinstance(given, MapNode):
        for key, node in given.entries:
            empty = isinstance(node, ScalarNode) and node.value is None
            parts.append(key.text if empty else f"{key.text}={source.text[node.start : node.end]}")
        parts.sort(key=lambda part: "=" in part)
    elif isinstance(given, ListNode):
        parts = [node.text for node in given.items if isinstance(node, ScalarNode)]
    else:
        parts = [] if given.value is None else [given.text.strip("()")]
    header = f"{name}({', '.join(parts)})" if parts else name
    return header if not parts or ("\n" not in header and read_signature(header) is not None) else None


def _rewritten(
    key: ScalarNode, body: MapNode, layers: tuple[ScalarNode, Node], header: str, source: Source
) -> Fix | None:
    word, items = layers
    if not isinstance(items, ListNode):
        return None
    shift = 0 if body.flow else source.span(word).column - source.span(key).column
    written = source.text[word.end : items.end].rstrip().replace("\n" + " " * shift, "\n")
    title = f"write `{header}:` and put the list under it"
    return Fix(title, (Edit(source.between(key.start, max(body.end, items.end)), header + written),))


def with_parameters(block: Block, missing: Collection[str], spec: Spec) -> tuple[str, Fix] | None:
    """The signature of a block with further parameters, and the mend that writes it; None if its layers use no such
    names. The mend is certain where the names can be nothing else."""
    if not missing or not set(missing) <= set(_names(block.body)):
        return None
    own = [parameter.name for parameter in block.parameters if parameter.default is None]
    rest = [f"{p.name}={p.default.text}" for p in block.parameters if p.default is not None]
    signature = f"{block.name}({', '.join([*own, *missing, *rest])})"
    defined = {key.text for key, _ in spec.vars}
    sure = not block.parameters and not block.key.quoted and defined.isdisjoint(missing)
    return signature, Fix(f"write `{signature}`", (Edit(spec.source.span(block.key), signature),), certain=sure)


def _names(body: Node) -> Iterator[str]:
    """The names in the expressions of a block's layers."""
    left: list[Node] = [body]
    while left:
        node = left.pop()
        if isinstance(node, ListNode):
            left += node.items
        elif isinstance(node, MapNode):
            left += [value for _, value in node.entries]
        elif isinstance(node.value, str):
            yield from re.findall(r"[^\W\d]\w*", node.text)
