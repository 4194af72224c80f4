"""Blocks that are defined as mappings, or without their parameters: what their headers are to be."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from netspec.diagnostics import Edit, Fix
from netspec.language.signatures import read_signature
from netspec.language.spec import Block, Report, Spec
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

_PARAMETERS: Final = ("params", "parameters", "args", "arguments", "inputs", "vars", "signature")
_TYPES: Final = frozenset(
    ("int", "integer", "float", "number", "bool", "boolean", "str", "string", "list", "tuple", "any", "required")
)
"""What stands in the place of a default and is none."""
_OF_A_PARAMETER: Final = frozenset(("type", "default", "required", "help", "description"))
_BODIES: Final = ("layers", "body", "do", "modules", "items", "steps", "content")


def is_a_mapping(key: ScalarNode, body: Node, spec: Spec, report: Report) -> bool:
    """Whether a block is written as `mlp: {params: {hidden: 64}, layers: […]}`; then it is reported."""
    if not isinstance(body, MapNode) or not any(word.text in _BODIES for word, _ in body.entries):
        return False
    if any(word.text not in (*_PARAMETERS, *_BODIES) for word, _ in body.entries) or len(body.entries) > 2:
        return False
    given = parameters_of(body)
    bare = key.text.strip()
    header = bare if given is None or "(" in bare else header_of(bare, given, spec.source)
    shown = header or f"{bare}(…)"
    report(
        "wrong-form",
        f"the block `{bare}` holds a list of layers" + ("" if given is None else "; its signature has its parameters"),
        body.entries[0][0],
        help=f"write `{shown}:` and put the list of its layers under it",
        fix=None if header is None else rewritten(key, body, header, spec.source, sure=in_order(given)),
    )
    return True


def header_of(name: str, given: Node, source: Source) -> str | None:
    """The signature with parameters that are given as `{hidden: 64, p: 0.1}`, `[hidden, p]` or `hidden, p`."""
    parts: list[str] = []
    if isinstance(given, MapNode):
        for key, node in given.entries:
            default = _default(node, source)
            parts.append(key.text if default is None else f"{key.text}={default}")
        parts.sort(key=lambda part: "=" in part)
    elif isinstance(given, ListNode):
        parts = [node.text for node in given.items if isinstance(node, ScalarNode)]
    else:
        parts = [] if given.value is None else [given.text.strip("()")]
    header = f"{name}({', '.join(parts)})" if parts else name
    return header if not parts or ("\n" not in header and read_signature(header) is not None) else None


def _default(node: Node, source: Source) -> str | None:
    """The default of a parameter that is `3`, `int`, `required` or `{type: int, default: 3}`; None for none."""
    if isinstance(node, MapNode):
        value = node.get("default")
        return None if value is None or not set(_keys(node)) <= _OF_A_PARAMETER else _default(value, source)
    if isinstance(node, ScalarNode) and (node.value is None or (not node.quoted and node.text.lower() in _TYPES)):
        return None
    return source.text[node.start : node.end]


def _keys(node: MapNode) -> list[str]:
    return [key.text for key, _ in node.entries]


def in_order(given: Node | None) -> bool:
    """Whether parameters stand in the order of a signature, those without a default first: else one that is given by
    its place is another."""
    if not isinstance(given, MapNode):
        return True
    optional = [_is_optional(node) for _, node in given.entries]
    return optional == sorted(optional)


def _is_optional(node: Node) -> bool:
    if isinstance(node, MapNode):
        return (value := node.get("default")) is not None and _is_optional(value)
    return not isinstance(node, ScalarNode) or (
        node.value is not None and (node.quoted or node.text.lower() not in _TYPES)
    )


def parameters_of(body: MapNode) -> Node | None:
    """The parameters of a block that is written as a mapping; None if it has none."""
    return next((node for word, node in body.entries if word.text in _PARAMETERS), None)


def rewritten(key: ScalarNode, body: MapNode, header: str, source: Source, *, sure: bool = True) -> Fix | None:
    """The mend that writes a block as its signature with the list of its layers."""
    word, items = next((word, node) for word, node in body.entries if word.text in _BODIES)
    if not isinstance(items, ListNode):
        return None
    shift = 0 if body.flow else source.span(word).column - source.span(key).column
    written = source.text[word.end : items.end].rstrip().replace("\n" + " " * shift, "\n")
    title = f"write `{header}:` and put the list under it"
    if not sure:
        title += "; what a call gives by its place is in another order then"
    edit = Edit(source.between(key.start, max(body.end, items.end)), header + written)
    return Fix(title, (edit,), certain=sure)


def with_parameters(block: Block, missing: Collection[str], spec: Spec) -> tuple[str, Fix] | None:
    """The signature of a block with further parameters, and the mend that writes it; None if its layers use no such
    names. The mend is certain where the names can be nothing else."""
    used = set(names_in(block.body))
    if not missing or not set(missing) <= used:
        return None
    missing = [name for name in _given(block, spec) if name in used] or list(missing)
    own = [parameter.name for parameter in block.parameters if parameter.default is None]
    rest = [f"{p.name}={p.default.text}" for p in block.parameters if p.default is not None]
    signature = f"{block.name}({', '.join([*own, *missing, *rest])})"
    defined = {key.text for key, _ in spec.vars}
    sure = not block.parameters and not block.key.quoted and defined.isdisjoint(missing)
    return signature, Fix(f"write `{signature}`", (Edit(spec.source.span(block.key), signature),), certain=sure)


def _given(block: Block, spec: Spec) -> list[str]:
    """The names that calls of a block give and its signature has not, all calls together: they have one signature."""
    own = {parameter.name for parameter in block.parameters}
    found: dict[str, None] = {}
    left: list[Node | None] = [*(other.body for other in spec.blocks.values()), spec.layers]
    while left:
        node = left.pop()
        if isinstance(node, ListNode):
            left += node.items[::-1]
        elif isinstance(node, MapNode):
            for key, value in node.entries:
                if key.text == block.name and isinstance(value, MapNode):
                    found.update((name, None) for name in _keys(value) if name not in own)
            left += [value for _, value in node.entries[::-1]]
    return list(found)


def names_in(body: Node) -> list[str]:
    """The names in the expressions of a block's layers, each once, in the order of the text."""
    found: dict[str, None] = {}
    left: list[Node] = [body]
    while left:
        node = left.pop()
        if isinstance(node, ListNode):
            left += node.items[::-1]
        elif isinstance(node, MapNode):
            left += [value for _, value in node.entries[::-1]]
        elif isinstance(node.value, str):
            found.update((name, None) for name in re.findall(r"[^\W\d]\w*", node.text))
    return list(found)
