"""Which box of a page a finding is shown in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netspec.diagnostics import Diagnostic
from netspec.net import Net, walk
from netspec.text.source import ListNode, MapNode, Node, Source, parse

Head = tuple[int, int]
"""Line and column at which an item begins: they say which one it is."""


def heads_of(net: Net, text: str, findings: Sequence[Diagnostic]) -> list[Head | None]:
    """For each finding the item that it is about: that of the entry in which it stands, else the one in front of that.
    None for a finding about a recipe, a variable or a `--set`."""
    source = Source(net.source, text)
    node = parse(source)[0] if findings else None
    if node is None:
        return [None] * len(findings)
    spans = {(span.line, span.column) for span in (found.span for found in walk(net.root)) if not span.in_setting}
    heads = {source.offset(*head): head for head in spans}
    return [None if finding.span.in_setting else _head(node, source, finding, heads) for finding in findings]


def _head(node: Node, source: Source, finding: Diagnostic, heads: dict[int, Head]) -> Head | None:
    at = source.offset(finding.span.line, finding.span.column)
    for row, entry in reversed(list(_entries_around(node, at))):
        for here in reversed([one for one in row.items if one.start <= entry.start]):
            inside = [head for head in heads if here.start <= head < here.end]
            if inside:
                return heads[min(inside)]
    return None


def _entries_around(node: Node, at: int) -> Iterator[tuple[ListNode, Node]]:
    """The lists around a place, each with its entry there, from the outside in."""
    children: list[Node] = []
    if isinstance(node, ListNode):
        children = list(node.items)
    elif isinstance(node, MapNode):
        children = [part for entry in node.entries for part in entry]
    for child in children:
        if child.start <= at < max(child.end, child.start + 1):
            if isinstance(node, ListNode):
                yield node, child
            yield from _entries_around(child, at)
