"""Mends of the call of a block: as Python writes it, or where the block is right and what it is given is not."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.clues import LayerClue
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.mends.edits import offset, replace
from netspec.mends.finding import item_at, items_around
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source


def mends_of_call(clue: LayerClue, d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """The width that a layer in a block states by a parameter: the call gives the block what it is to be."""
    wanted, width = clue.problem.value, clue.layer.width
    if d.code != "width-mismatch" or not isinstance(wanted, int) or width is None:
        return
    yield from given_in_call(written(clue.item, width), wanted, d, source, spec)


def given_in_call(node: Node | None, wanted: int, d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """Give a parameter of the block another number, where it is a number in one of the calls that led there.

    Args:
        node: where the parameter is read: its name alone.
    """
    for place in d.related:
        name = node.value if isinstance(node, ScalarNode) else None
        call = item_at(spec, source, place.span)
        block = None if call is None else spec.blocks.get(call.head.text)
        if call is None or block is None or not isinstance(name, str):
            continue
        names = [parameter.name for parameter in block.parameters]
        if name not in names:
            return
        node = _argument(call, names, name)
        if isinstance(node, ScalarNode) and isinstance(node.value, int):
            edit: Edit = replace(source, node, str(wanted))
            yield Fix(f"write {wanted} for `{name}` in the call of `{block.name}` (line {place.span.line})", (edit,))
            return


def written(item: Item, name: str) -> Node | None:
    """Where an argument of a layer is written; a bare value is that of any."""
    return item.value.get(name) if isinstance(item.value, MapNode) else item.value


def _argument(call: Item, names: list[str], name: str) -> Node | None:
    match call.value:
        case ListNode(items=items):
            index = names.index(name)
            return items[index] if index < len(items) else None
        case MapNode():
            return call.value.get(name)
        case _:
            return call.value if names[0] == name else None


_PLAIN: Final = r"(?![&*!|>%@`])[^\[\]{},:#'\"]+|\[[^\[\]{}:#'\"]*\]"
"""What can stand as it is in a list in brackets: an expression, or a list of them."""


def mends_of_call_as_in_python(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """`- conv_bn(64, stride=2)`, `- conv_bn: 32, 3` and `- conv_bn: (32, 3)`, where `conv_bn` is a block."""
    item = next(items_around(spec, offset(source, *d.span[1:3])), None)
    if item is None:
        return
    head, value = item.head, item.value
    if value is None and not head.quoted:
        named = re.fullmatch(r"(?:self\.)?(\w+)\s*=\s*(\w+\(.*\))", head.text)
        text = _call(head.text if named is None else named[2], spec)
        begin = source.text.rfind("\n", 0, item.node.start) + 1
        lead = source.text[begin : item.node.start]
        if text is not None and named is not None and lead.strip() == "-":
            whole = f"{text if ':' in text else f'{text}:'}\n{' ' * lead.index('-')}  name: {named[1]}"
            yield Fix(f"write `{text}` with the name `{named[1]}`", (replace(source, item.node, whole),))
        elif text is not None and named is None:
            yield Fix(f"write `{text}`", (replace(source, item.node, text),))
    if head.text in spec.blocks and isinstance(value, ScalarNode) and not value.quoted and "," in value.text:
        bare = re.sub(r"^\((.*)\)$", r"\1", value.text)
        text = _call(f"{head.text}({bare})", spec)
        if text is not None:
            yield Fix(f"write `{text}`", (replace(source, value, text.partition(": ")[2]),))


def _call(text: str, spec: Spec) -> str | None:
    """The item that a call of a block in Python is: its arguments in a list, or by their names if one of them has its
    name; None if it is no such call."""
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    block = spec.blocks.get(call.func.id) if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) else None
    if block is None or not isinstance(call, ast.Call):
        return None
    names = [parameter.name for parameter in block.parameters]
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    texts = [re.sub(r"^\((.*,.*)\)$", r"[\1]", ast.unparse(node)) for node in given]
    if len(call.args) > len(names) or not all(re.fullmatch(_PLAIN, one) for one in texts):
        return None
    if not texts:
        return block.name
    if not call.keywords:
        alone = len(texts) == 1 and texts[0][0] != "["
        return f"{block.name}: {texts[0]}" if alone else f"{block.name}: [{', '.join(texts)}]"
    keys = [*names[: len(call.args)], *(keyword.arg or "" for keyword in call.keywords)]
    return f"{block.name}: {{{', '.join(f'{key}: {one}' for key, one in zip(keys, texts, strict=True))}}}"
