"""Mends of combinators whose layers and options are written as other libraries have them: `residual: {body: […]}`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netspec.combinators import COMBINATORS
from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.language.strangers import BODIES, instead_of_option
from netspec.mends.edits import leave_out, offset, replace
from netspec.mends.finding import item_before, items_around
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

_NOTHING: Final = ("identity", "none", "null", "no", "false", "")
"""Words for a shortcut that lets through what flows in, which is what there is without one."""
_ADDS: Final = ("shortcut", "skip")
"""Keys that elsewhere say whether anything is added at all: `shortcut: false` is YOLO's block without an addition."""


def mends_of_bodies(d: Diagnostic, source: Source, spec: Spec) -> Iterator[Fix]:
    """The layers of a combinator directly under it, with its options beside it."""
    at = offset(source, d.span.line, d.span.column)
    if d.code == "option-without-item":
        yield from _with_a_dash(d, at, source, spec)
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
    sure = True
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
        else:
            sure = sure and _lets_through(key, node)
    if body is None:
        return
    between = ", " if item.node.flow else "\n" + " " * (column - 1)
    title = f"write the layers directly under `{item.head.text}`"
    title += f", and {' and '.join(said)} beside it" if said else ""
    title += "" if sure else ": without a `shortcut` what flows in is added"
    yield Fix(title, (whole := Edit(source.between(item.head.end, value.end), between.join([body, *beside])),), sure)
    if not sure and not beside:
        yield Fix(_WITHOUT, (replace(source, item.head, "sequential"), whole), certain=False)


def _option(key: str, word: str) -> str | None:
    """The option of a combinator that a key means, under its own name or another."""
    options = COMBINATORS[word].options
    return key if key in options else instead_of_option(key, options)[0]


def _is_nothing(option: str, node: Node) -> bool:
    return option == "shortcut" and (
        (isinstance(node, ScalarNode) and node.text.rpartition(".")[2].lower() in _NOTHING)
        or (isinstance(node, ListNode) and not node.items)
    )


def _lets_through(key: ScalarNode, node: Node) -> bool:
    """Whether no shortcut means that what flows in is added, as `identity` does, and no `downsample`."""
    return key.text not in _ADDS or (isinstance(node, ScalarNode) and node.text.lower().endswith("identity"))


def _with_a_dash(d: Diagnostic, at: int, source: Source, spec: Spec) -> Iterator[Fix]:
    """`- shortcut: […]` behind a residual, or at the end of its body, with a dash of its own."""
    item = next((one for one in items_around(spec, at) if one.head.start == at), None)
    before = None if item is None else item_before(spec, source, source.span(item.head))
    if item is None or not isinstance(item.node, MapNode) or item.node.flow:
        return
    title = f"write `{item.head.text}` in line with "
    if before is not None and _has_option(before, item.head.text) and isinstance(before.node, MapNode):
        dash = source.text.rfind("-", 0, at)
        edit = Edit(source.between(dash, at), " " * (at - dash))
        yield Fix(f"{title}`{before.head.text}`, without a dash", (edit,))
    holder = next((one for one in items_around(spec, at) if one.node is not item.node), None)
    body = None if holder is None else holder.value
    if holder is None or not isinstance(body, ListNode) or body.flow or not _has_option(holder, item.head.text):
        return
    if body.items[-1] is item.node and len(body.items) > 1:
        begin = source.text.rfind("\n", 0, at) + 1
        edit = Edit(source.between(begin, at), " " * (source.span(holder.head).column - 1))
        yield Fix(f"{title}`{holder.head.text}`", (edit,))


def _has_option(item: Item, name: str) -> bool:
    return item.head.text in COMBINATORS and name in COMBINATORS[item.head.text].options


_WITHOUT: Final = "write `sequential`, in which nothing is added"


def _nothing(item: Item, at: int, source: Source) -> Iterator[Fix]:
    """`shortcut: identity`, `downsample: none`."""
    node = item.node
    for i, (key, value) in enumerate(node.entries if isinstance(node, MapNode) else ()):
        option = _option(key.text, item.head.text)
        here = key is not item.head and at in (key.start, value.start)
        if not here or option is None or not _is_nothing(option, value) or not isinstance(node, MapNode):
            continue
        cut, sure = leave_out(node, i, source), _lets_through(key, value)
        yield Fix("leave it out: without a `shortcut` what flows in is added", (cut,), sure)
        if not sure:
            yield Fix(_WITHOUT, (replace(source, item.head, "sequential"), cut), certain=False)
