"""The names of a spec and where each is defined and used: blocks and their parameters, variables, loops, values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from netspec.arguments import Arguments
from netspec.combinators import COMBINATORS, joining_class
from netspec.expressions.functions import FUNCTIONS
from netspec.initializers import FUNCTIONS as FILLERS
from netspec.initializers import arguments_of
from netspec.kinds import kinds_of
from netspec.language.reserved import OVERRIDDEN, PLACES
from netspec.language.signatures import read_signature
from netspec.language.targets import entries_below, target_names
from netspec.layers import Offer
from netspec.recipe.vocabulary import vocabulary
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

_WORDS: Final = re.compile(r"""("[^"]*"|'[^']*')|([^\W\d]\w*)""")
BRACES: Final = re.compile(r"\{[^{}]*\}")
"""The expressions in a text such as `stage{i + 1}`."""


class SpecName(NamedTuple):
    """Something that a spec names, told from others of its name by where it is known."""

    kind: str
    """`block`, `parameter`, `variable`, `loop`, `value`, `module`; `builtin` or `place` are names of the language."""
    name: str
    scope: str | int = ""


OWN_KINDS: Final = {
    "block": "a block", "parameter": "a parameter of a block", "variable": "a variable",
    "loop": "a loop's variable", "value": "a named value", "module": "a module",
}  # fmt: skip
"""What the names are that a spec gives, in words."""


class Occurrence(NamedTuple):
    """A place where a name stands, by offsets in the text."""

    of: SpecName
    start: int
    end: int
    defines: bool


Known = Mapping[str, SpecName]


def occurrences(root: Node | None, source: Source, offer: Offer) -> list[Occurrence]:
    """All places of all names of a spec, in the order of the text, and of the functions and places that its expressions
    name."""
    return sorted(_NameWalk(root, source, offer).found(), key=lambda o: o.start) if isinstance(root, MapNode) else []


class _NameWalk:
    """The walk over a spec's nodes with what is known at each place."""

    def __init__(self, root: MapNode, source: Source, offer: Offer) -> None:
        self.root = root
        self.offer = offer
        self.text = source.text
        blocks = root.get("blocks")
        self.blocks: dict[str, tuple[ScalarNode, Node, list[str]]] = {}
        for key, body in blocks.entries if isinstance(blocks, MapNode) else ():
            read = read_signature(key.text) or (key.text, ())
            self.blocks[read[0]] = key, body, [parameter.name for parameter in read[1]]
        self.outer: dict[str, SpecName] = {name: SpecName("builtin", name) for name in FUNCTIONS}
        self.outer |= {name: SpecName("place", name) for name in PLACES}
        self.outer |= {name: SpecName("block", name) for name in self.blocks}
        for key in self._variables():
            self.outer[key.text] = SpecName("variable", key.text)

    def found(self) -> Iterator[Occurrence]:
        for key in self._variables():
            yield self._at(self.outer[key.text], key)
        given = self.root.get("input")
        main = self.outer | self._values("", [self.root.get("layers"), self.root.get("output")])
        if isinstance(given, MapNode) and given.get("shape") is None and given.get("dtype") is None:
            main |= {key.text: SpecName("value", key.text) for key, _ in given.entries}
            yield from (self._at(main[key.text], key) for key, _ in given.entries)
        for key, node in self.root.entries:
            if key.text in ("layers", "output"):
                yield from self._walk(node, main)
            elif key.text == "blocks":
                yield from self._bodies()
            elif key.text not in ("name", "description", "netspec", "plugins"):
                yield from self._walk(node, self.outer)

    def _variables(self) -> Iterator[ScalarNode]:
        """The keys that define variables."""
        own, variants = self.root.get("vars"), self.root.get("variants")
        yield from (key for key, _ in own.entries) if isinstance(own, MapNode) else ()
        for _, variant in variants.entries if isinstance(variants, MapNode) else ():
            for key, value in variant.entries if isinstance(variant, MapNode) else ():
                if key.text == "vars" and isinstance(value, MapNode):
                    yield from (inner for inner, _ in value.entries)
                elif key.text not in (*OVERRIDDEN, "vars"):
                    yield key

    def _values(self, scope: str, nodes: list[Node | None]) -> dict[str, SpecName]:
        names = (name for key, node in entries_below(nodes) if key.text == "as" for name in target_names(node))
        return {name: SpecName("value", name, scope) for name in names}

    def _bodies(self) -> Iterator[Occurrence]:
        for name, (key, body, parameters) in self.blocks.items():
            start = key.start + key.quoted
            yield Occurrence(self.outer[name], start, start + len(name), True)
            known = self.outer | {p: SpecName("parameter", p, name) for p in parameters}
            seen: set[str] = set()
            for word, first, last in self._words(start + len(name), key.end):
                if word in known and known[word].kind != "block":
                    yield Occurrence(known[word], first, last, word in parameters and word not in seen)
                    seen.add(word)
            yield from self._walk(body, known | self._values(name, [body]))

    def _walk(self, node: Node, known: Known) -> Iterator[Occurrence]:
        match node:
            case ScalarNode(value=str()):
                yield from self._used(node.start, node.end, known)
            case ListNode(items=items):
                for item in items:
                    yield from self._walk(item, known)
            case MapNode(entries=entries):
                loop = node.get("for")
                inner = known
                if isinstance(loop, ScalarNode):
                    inner = {**known, **self._loop(loop, node.start)}
                    yield from self._header(loop, known, inner)
                for key, value in entries:
                    if key.text != "for":
                        yield from self._entry(entries[0][0].text, key, value, inner)
            case _:
                return

    def _entry(self, head: str, key: ScalarNode, value: Node, known: Known) -> Iterator[Occurrence]:
        text = key.text
        if text[:1] == "$":
            yield from self._used(key.start, key.end, known)
        elif text in self.blocks:
            yield Occurrence(self.outer[text], key.start + key.quoted, key.end - key.quoted, False)
            for argument, _ in value.entries if isinstance(value, MapNode) else ():
                if argument.text in self.blocks[text][2]:
                    yield self._at(SpecName("parameter", argument.text, text), argument, defines=False)
        if text == "as":
            for target in value.items if isinstance(value, ListNode) else [value]:
                names = set(target_names(target))
                for place in self._used(target.start, target.end, known):
                    yield place._replace(defines=place.of.name in names)
        elif text in ("name", "shared"):
            yield from self._in_braces(value, known)
        elif text == "tie" and isinstance(value, MapNode):
            for _, told in value.entries:
                yield from self._in_braces(told, known)
        elif (cls := self._class(text)) is not None:
            yield from self._arguments(cls, value, known)
        elif head in COMBINATORS and text != head and _is_text(joining_class(head), text):
            yield from self._in_text(value, known)
        else:
            yield from self._walk(value, known)

    def _class(self, name: str) -> type[Arguments] | None:
        """The class of a layer, an initialiser or a part of a recipe."""
        if name in self.offer.layers:
            return self.offer.layer_class(name)
        if name in FILLERS:
            return arguments_of(name)
        known = vocabulary(self.offer)
        return known.load(name) if name in known.names else None

    def _arguments(self, cls: type[Arguments], value: Node, known: Known) -> Iterator[Occurrence]:
        """The names in the arguments of something. A text field names nothing, but by `$name`."""
        if isinstance(value, MapNode):
            for argument, inner in value.entries:
                walk = self._in_text if _is_text(cls, argument.text) else self._walk
                yield from walk(inner, known)
        elif cls.scalar is not None and _is_text(cls, cls.scalar):
            yield from self._in_text(value, known)
        else:
            yield from self._walk(value, known)

    def _in_text(self, value: Node, known: Known) -> Iterator[Occurrence]:
        if isinstance(value, ScalarNode) and value.text[:1] == "$" != value.text[1:2]:
            yield from self._used(value.start, value.end, known)

    def _in_braces(self, value: Node, known: Known) -> Iterator[Occurrence]:
        for part in BRACES.finditer(self.text, value.start, value.end):
            yield from self._used(part.start(), part.end(), known)

    def _loop(self, header: ScalarNode, scope: int) -> dict[str, SpecName]:
        names = header.text.partition(" in ")[0]
        return {word: SpecName("loop", word, scope) for word in re.findall(r"[^\W\d]\w*", names)}

    def _header(self, header: ScalarNode, known: Known, inner: Known) -> Iterator[Occurrence]:
        middle = self.text.find(" in ", header.start, header.end)
        middle = header.end if middle < 0 else middle
        yield from (Occurrence(inner[word], a, b, True) for word, a, b in self._words(header.start, middle))
        yield from self._used(middle + 3, header.end, known)

    def _used(self, start: int, end: int, known: Known) -> Iterator[Occurrence]:
        for word, first, last in self._words(start, end):
            named = known.get(word)
            if named is not None and (named.kind != "builtin" or self.text[last : last + 1] == "("):
                yield Occurrence(named, first, last, False)

    def _words(self, start: int, end: int) -> Iterator[tuple[str, int, int]]:
        """The words outside of quotes; quotes around all of it are those of YAML."""
        if end - start > 1 and self.text[start] in "\"'" and self.text[end - 1] == self.text[start]:
            start, end = start + 1, end - 1
        for match in _WORDS.finditer(self.text, start, end):
            if match[2] is not None:
                yield match[2], match.start(), match.end()

    def _at(self, named: SpecName, key: ScalarNode, *, defines: bool = True) -> Occurrence:
        return Occurrence(named, key.start + key.quoted, key.end - key.quoted, defines)


def _is_text(cls: type[Arguments], argument: str) -> bool:
    """Whether an argument is a text field: a string there is no expression."""
    kind = kinds_of(cls).get(argument)
    return kind is not None and kind.text
