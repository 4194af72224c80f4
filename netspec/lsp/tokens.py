"""Semantic tokens: what the words of a spec are, as the spec itself tells: layers, blocks, arguments, variables."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

from lsprotocol import types as lsp

from netspec.combinators import COMBINATORS, OWNERS
from netspec.language.reading import KEYS
from netspec.language.reserved import WORDS
from netspec.lsp.reading import LiveText
from netspec.recipe.read import KEYS as RECIPE
from netspec.recipe.vocabulary import vocabulary
from netspec.text.source import ListNode, MapNode, Node, ScalarNode

LEGEND: Final = ("keyword", "class", "function", "parameter", "variable", "property", "namespace")
"""The kinds of tokens, by their names in the protocol."""
_WORDS: Final = WORDS | OWNERS.keys()


class _Token(NamedTuple):
    start: int
    end: int
    kind: str


def semantic_tokens(text: LiveText) -> lsp.SemanticTokens:
    """The tokens of a text that can be read; none of one that cannot."""
    root = text.root
    if not isinstance(root, MapNode):
        return lsp.SemanticTokens([])
    data: list[int] = []
    line = character = 0
    known = {token.start: token for token in _names(text)} | {token.start: token for token in _tokens(text, root)}
    done = 0
    for token in sorted(known.values()):
        if token.start < done:  # what stands in a token is none
            continue
        done = token.end
        place = text.places.range(token.start, token.end)
        if place.start.line != place.end.line:  # a token stands on one line
            continue
        ahead = place.start.line - line
        data += [ahead, place.start.character - (0 if ahead else character)]
        data += [place.end.character - place.start.character, LEGEND.index(token.kind), 0]
        line, character = place.start.line, place.start.character
    return lsp.SemanticTokens(data)


def _tokens(text: LiveText, root: MapNode) -> Iterator[_Token]:
    for key, value in root.entries:
        if key.text in KEYS:
            yield _of(key, "keyword")
        match key.text:
            case "layers" | "output" | "init":
                yield from _among_layers(text, value)
            case "blocks" if isinstance(value, MapNode):
                for signature, body in value.entries:
                    name = signature.text.partition("(")[0].strip()
                    start = signature.start + signature.quoted
                    yield _Token(start, start + len(name), "function")
                    yield from _among_layers(text, body)
            case "train":
                yield from _recipe(value, vocabulary(text.offer).names)
            case "vars" | "variants" | "expect" | "input" | "sweep" if isinstance(value, MapNode):
                yield from (_of(name, "variable") for name, _ in value.entries)
            case _:
                pass


_NAMED: Final = {
    "block": "function",
    "builtin": "function",
    "parameter": "parameter",
    "variable": "variable",
    "loop": "variable",
    "value": "variable",
    "place": "variable",
    "module": "namespace",
}
"""The kind of a name → that of its tokens."""


def _names(text: LiveText) -> Iterator[_Token]:
    """The names in expressions, and where they are defined; of a name that holds expressions those."""
    plain = (place for place in text.names if "{" not in place.of.name)
    return (_Token(place.start, place.end, _NAMED[place.of.kind]) for place in plain)


def _among_layers(text: LiveText, node: Node) -> Iterator[_Token]:
    """Items of a list of layers, and all that stands below them: a key is what it names, or else an argument."""
    left: list[Node] = [node]
    seen: set[int] = set()
    while left:
        node = left.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        if isinstance(node, ListNode):
            left += node.items
        elif isinstance(node, MapNode):
            yield from (_of(key, _kind(text, key.text) or "parameter") for key, _ in node.entries)
            left += [value for _, value in node.entries]
        elif (kind := _kind(text, node.text)) not in (None, "keyword"):
            yield _of(node, str(kind))


def _kind(text: LiveText, word: str) -> str | None:
    """What a word is by its name alone; None for none of these."""
    if word in text.offer.layers:
        return "class"
    if word[:1] == "$":
        return "variable"
    if text.spec is not None and word in text.spec.blocks:
        return "function"
    return "keyword" if word in COMBINATORS or word in _WORDS else None


def _recipe(node: Node, names: Collection[str]) -> Iterator[_Token]:
    """Keys of a recipe, what it names, and the arguments of that."""
    left = [node]
    while left:
        node = left.pop()
        if isinstance(node, ListNode):
            left += node.items
        elif isinstance(node, MapNode):
            for key, value in node.entries:
                yield _of(key, "property" if key.text in RECIPE else "class" if key.text in names else "parameter")
                left.append(value)
        elif node.text in names:
            yield _of(node, "class")


def _of(node: ScalarNode, kind: str) -> _Token:
    quotes = int(node.quoted)
    return _Token(node.start + quotes, node.end - quotes, kind)
