"""Document symbols: the parts of a spec as a tree. Folding: what stands under a key or an item."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lsprotocol import types as lsp

from netspec.combinators import COMBINATORS
from netspec.combinators import WORDS as OPTIONS
from netspec.lsp.reading import LiveText
from netspec.text.source import ListNode, MapNode, Node, ScalarNode

_KINDS: Final = {
    "vars": lsp.SymbolKind.Variable,
    "variants": lsp.SymbolKind.EnumMember,
    "blocks": lsp.SymbolKind.Function,
    "train": lsp.SymbolKind.Property,
    "layers": lsp.SymbolKind.Class,
}
"""Key of a spec → what stands under it."""
_BODIES: Final = frozenset((*COMBINATORS, *OPTIONS, "do"))
"""Keys under which lists of layers may stand."""


def symbols(text: LiveText) -> list[lsp.DocumentSymbol]:
    """The keys of a spec, with the variables, variants, blocks, layers and keys of the recipe below them."""
    root = text.root
    if not isinstance(root, MapNode):
        return []
    found: list[lsp.DocumentSymbol] = []
    for key, value in root.entries:
        symbol = _symbol(text, key, value, lsp.SymbolKind.Namespace)
        if key.text in _KINDS:
            symbol.children = _below(text, value, _KINDS[key.text])
        found.append(symbol)
    return found


def _below(text: LiveText, node: Node, kind: lsp.SymbolKind) -> list[lsp.DocumentSymbol]:
    if isinstance(node, MapNode):
        found = [_symbol(text, key, value, kind) for key, value in node.entries]
        if kind is _KINDS["blocks"]:
            for symbol, (_, body) in zip(found, node.entries, strict=True):
                symbol.children = _items(text, body)
        return found
    return _items(text, node)


def _items(text: LiveText, node: Node) -> list[lsp.DocumentSymbol]:
    """The items of a list of layers, with those of their bodies and branches below them."""
    found: list[lsp.DocumentSymbol] = []
    for item in node.items if isinstance(node, ListNode) else ():
        if isinstance(item, ScalarNode):
            found.append(_symbol(text, item, item, _KINDS["layers"]))
        elif isinstance(item, ListNode):  # a branch
            found += _items(text, item)
        elif item.entries:
            key, value = item.entries[0]
            symbol = _symbol(text, key, value, _KINDS["layers"], until=item.end)
            told = item.get("name") or item.get("shared") or value
            symbol.detail = told.text if isinstance(told, ScalarNode) and told.text else None
            inner = [_items(text, body) for below, body in item.entries if below.text in _BODIES]
            symbol.children = [child for body in inner for child in body]
            found.append(symbol)
    return found


def _symbol(text: LiveText, key: ScalarNode, value: Node, kind: lsp.SymbolKind, until: int = 0) -> lsp.DocumentSymbol:
    end = max(until, key.end, value.end if value.start >= key.start else key.end)  # an alias stands elsewhere
    places = text.places
    name = key.text.strip() or "?"
    return lsp.DocumentSymbol(name, kind, places.range(key.start, end), places.range(key.start, key.end))


def flat(tree: Sequence[lsp.DocumentSymbol], uri: str) -> list[lsp.SymbolInformation]:
    """The symbols of a tree as a list, each with the name of what it stands in."""
    found: list[lsp.SymbolInformation] = []
    left = [(symbol, "") for symbol in reversed(tree)]
    while left:
        symbol, above = left.pop()
        place = lsp.Location(uri, symbol.range)
        found.append(lsp.SymbolInformation(place, symbol.name, symbol.kind, container_name=above or None))
        left += [(child, symbol.name) for child in reversed(symbol.children or ())]
    return found


def folds(text: LiveText) -> list[lsp.FoldingRange]:
    """The lines that fold: a key or an item with all that is indented below it."""
    lines = [(len(line) - len(line.lstrip(" ")), i) for i, line in enumerate(text.text.splitlines()) if line.strip()]
    found: list[lsp.FoldingRange] = []
    for at, (indent, number) in enumerate(lines):
        last = number
        for deeper, other in lines[at + 1 :]:
            if deeper <= indent:
                break
            last = other
        if last > number:
            found.append(lsp.FoldingRange(number, last))
    return found
