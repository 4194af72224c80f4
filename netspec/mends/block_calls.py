"""Mends of the call of a block, where the block is right and what it is given is not."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.clues import LayerClue
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.mends.edits import replace
from netspec.mends.finding import item_at
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
