"""Layers as PyTorch's users write them, `nn.Conv2d(1, 6, kernel_size=5)`, as items of a spec."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from netspec.layers import Offer
from netspec.writing import flow, written


def readings(text: str, offer: Offer) -> Iterator[list[str]]:
    """The items that a text of Python stands for: calls of layers, with commas or line breaks between, perhaps inside
    a `Sequential`. First with all arguments in torch's order, then without the width, which a spec leaves out.

    Yields:
        One line of YAML for each item, without the dash; nothing if the text is something else.
    """
    calls = _calls(text)
    if calls is None:
        return
    found = [_all_items(calls, offer, widths) for widths in (True, False)]
    if found[0] is not None:
        yield found[0]
    if found[1] is not None and found[1] != found[0]:
        yield found[1]


def _all_items(calls: Sequence[ast.expr], offer: Offer, widths: bool) -> list[str] | None:
    items: list[str] = []
    for call in calls:
        made = _items(call, offer, widths)
        if made is None:
            return None
        items += made
    return items or None


def _calls(text: str) -> list[ast.expr] | None:
    """The expressions of a text: `a, b`, `(a, b)`, `net = a`, or one on each line."""
    lines = [re.sub(r"^\s*-\s+", "", line).strip() for line in text.strip().splitlines()]
    whole = "\n".join(line for line in lines if line)
    joined = re.sub(r"\)[ \t]*\n(?=[\w.]+\()", "),\n", whole)  # a comma that was forgotten at the end of a line
    try:
        tree = ast.parse(f"(\n{joined.rstrip(',')},\n)", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        assigned = re.fullmatch(r"\w+(?:\.\w+)?\s*=\s*(.+)", whole, re.DOTALL)
        return None if assigned is None else _calls(assigned[1])
    return tree.elts if isinstance(tree, ast.Tuple) else None


def _name(node: ast.expr) -> str | None:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else None


def _items(node: ast.expr, offer: Offer, widths: bool) -> list[str] | None:
    if isinstance(node, ast.Starred) or not isinstance(node, ast.Call):
        return None
    name = _name(node.func)
    if name == "Sequential":
        inner = [_items(argument, offer, widths) for argument in node.args]
        if node.keywords or any(made is None for made in inner):
            return None
        return [item for made in inner if made is not None for item in made]
    if name is None:
        return None
    lazy = name.startswith("Lazy") and name not in offer.layers
    layer = name.removeprefix("Lazy") if lazy else name
    if layer not in offer.layers:
        return None
    found = offer.layer_class(layer)
    fields = [field for field in found.model_fields if field != found.width or (widths and not lazy)]
    arguments = _arguments(node, fields)
    if arguments is None:
        return None
    return [call_text(layer, arguments)]


def call_text(name: str, arguments: Sequence[tuple[str, str]]) -> str:
    """A layer with its arguments, as an item."""
    return f"{name}: {{{', '.join(f'{key}: {value}' for key, value in arguments)}}}" if arguments else name


def _arguments(node: ast.Call, fields: Sequence[str]) -> list[tuple[str, str]] | None:
    if len(node.args) > len(fields):
        return None
    given: list[tuple[str, str]] = []
    pairs = [*zip(fields, node.args, strict=False), *((k.arg or "", k.value) for k in node.keywords)]
    for key, value in pairs:
        text = value_text(value)
        if not key or text is None:
            return None
        given.append((key, text))
    return given


def value_text(node: ast.expr) -> str | None:
    """A value of Python as YAML; an expression is one of the spec's. None for what is neither."""
    try:
        return flow(ast.literal_eval(node), written)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        text = ast.unparse(node)
    if "\n" in text or "#" in text:
        return None
    return f'"{text}"' if re.search(r"[,:\[\]{}\"'&*!|>%@`]", text) else text
