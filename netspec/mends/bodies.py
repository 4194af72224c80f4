"""Mends of combinators whose layers and options are written as other libraries have them: `residual: {body: […]}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netspec.combinators import COMBINATORS
from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.language.strangers import BODIES, instead_of_option
from netspec.mends.edits import leave_out, offset
from netspec.mends.finding import items_around
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

_NOTHING: Final = ("identity", "none", "null", "no", "false", "")
"""Words for a shortcut that lets through what flows in, which is what there is without one."""


def mends_of_bodies(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """The layers of a combinator directly under it, with its options beside it."""
    at = offset(source, d.span.line, d.span.column)
    for item in items_around(spec, at):
        if item.head.text in COMBINATORS:
            yield from _inside(item, source)
            yield from _nothing(item, at, source)
            return


def _inside(item: Item, source: Source) -> Iterator[Fix]:
    """`residual: {body: […], downsample: […]}`."""
    value = item.value
    if not isinstance(value, MapNode) or not isinstance(item.node, MapNode):
        return
    column = source.span(item.head).column
    body: str | None = None
    said: list[str] = []
    beside: list[str] = []
    for key, node in value.entries:
        option = _option(key.text, item.head.text)
        shift = 0 if value.flow else source.span(key).column - column
        written = source.text[key.end : node.end].rstrip().replace("\n" + " " * shift, "\n")
        if key.text in BODIES and body is None:
            body = written if isinstance(node, ListNode) else f": [{written[1:].strip()}]"
        elif option is None or node.start == node.end:
            return
        elif not _is_nothing(option, node):
            beside.append(f"{option}{written}")
            said.append(f"`{option}`")
    if body is None:
        return
    between = ", " if item.node.flow else "\n" + " " * (column - 1)
    title = f"write the layers directly under `{item.head.text}`"
    title += f", and {' and '.join(said)} beside it" if said else ""
    yield Fix(title, (Edit(source.between(item.head.end, value.end), between.join([body, *beside])),))


def _option(key: str, word: str) -> str | None:
    """The option of a combinator that a key means, under its own name or another."""
    options = COMBINATORS[word].options
    return key if key in options else instead_of_option(key, options)[0]


def _is_nothing(option: str, node: Node) -> bool:
    return option == "shortcut" and (
        (isinstance(node, ScalarNode) and node.text.rpartition(".")[2].lower() in _NOTHING)
        or (isinstance(node, ListNode) and not node.items)
    )


def _nothing(item: Item, at: int, source: Source) -> Iterator[Fix]:
    """`shortcut: identity`."""
    for i, (key, node) in enumerate(item.node.entries if isinstance(item.node, MapNode) else ()):
        if key is not item.head and node.start == at and _is_nothing(key.text, node) and isinstance(item.node, MapNode):
            cut = leave_out(item.node, i, source)
            yield Fix("leave it out: without a `shortcut` what flows in is added", (cut,))
