"""Signature help: the arguments of the layer, block or part of a recipe that a cursor is in, and which one is typed."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from lsprotocol import types as lsp

from netspec.arguments import Arguments
from netspec.layers.reference import arguments_in_words as of_layer
from netspec.lsp.places import ITEM, TypingPlace, cursor_at
from netspec.lsp.reading import LiveText
from netspec.lsp.words import prose
from netspec.recipe.reference import arguments_in_words as of_recipe
from netspec.recipe.vocabulary import vocabulary
from netspec.writing import flow

TRIGGERS: Final = ("{", "[", ",", ":", " ")
_PAIRS: Final = {"]": "[", "}": "{"}


class _Signature(NamedTuple):
    """A signature, and which of its arguments are expected first."""

    label: str
    parameters: list[tuple[str, str]]
    """Each as it stands in the label, with its documentation."""
    bare: str | None
    """The argument that a bare value is."""
    required: frozenset[str]
    inferred: frozenset[str] = frozenset()
    """What follows from the input, and is hardly ever written."""
    takes_places: bool = False
    """Whether a list gives the arguments one by one."""

    @property
    def names(self) -> list[str]:
        """The names of the arguments, in their order."""
        return [text.partition("=")[0] for text, _ in self.parameters]


def signature(text: LiveText, known: LiveText, position: lsp.Position) -> lsp.SignatureHelp | None:
    """The signature at a position; None where no arguments stand. `known` is the last version that could be read."""
    offset = text.places.offset(position)
    cursor = cursor_at(text.text, offset)
    for depth in range(len(cursor.path) - 1, -1, -1):
        name = cursor.path[depth]
        made = None if name == ITEM else _signature(known, name)
        if made is None:
            continue
        active = _active(made, cursor, depth, text.text[:offset])
        place = None if active is None else made.names.index(active)
        parameters = [lsp.ParameterInformation(word, documentation=_told(told)) for word, told in made.parameters]
        shown = lsp.SignatureInformation(made.label, parameters=parameters, active_parameter=place)
        return lsp.SignatureHelp([shown], active_signature=0, active_parameter=place)
    return None


def _told(words: str) -> lsp.MarkupContent | None:
    return lsp.MarkupContent(lsp.MarkupKind.Markdown, prose(words)) if words else None


def _signature(known: LiveText, name: str) -> _Signature | None:
    if known.spec is not None and name in known.spec.blocks:
        block = known.spec.blocks[name]
        label = block.signature if "(" in block.signature else f"{name}()"
        texts = [p.name if p.default is None else f"{p.name}={p.default.text}" for p in block.parameters]
        required = frozenset(p.name for p in block.parameters if p.default is None)
        first = next((p.name for p in block.parameters), None)
        return _Signature(label, [(text, "") for text in texts], first, required, takes_places=True)
    if name in known.offer.layers:
        cls = known.offer.layer_class(name)
        return _of_class(name, cls, of_layer(cls), frozenset(filter(None, [cls.width])))
    words = vocabulary(known.offer)
    if name in words.names:
        found = words.load(name)
        return _of_class(name, found, of_recipe(found), frozenset())
    return None


def _of_class(name: str, cls: type[Arguments], words: dict[str, str], inferred: frozenset[str]) -> _Signature:
    texts: list[tuple[str, str]] = []
    for argument, field in cls.model_fields.items():
        default = "" if field.is_required() else f"={flow(field.get_default(call_default_factory=True), str)}"
        texts.append((f"{argument}{default}", words.get(argument, "")))
    required = frozenset(argument for argument, field in cls.model_fields.items() if field.is_required())
    return _Signature(f"{name}({', '.join(text for text, _ in texts)})", texts, cls.scalar, required, inferred)


def _active(made: _Signature, cursor: TypingPlace, depth: int, before: str) -> str | None:
    """The argument that is typed: by its name, in a list by its place, as a bare value; else the one that is expected
    next, of those that are not written yet."""
    names = made.names
    below = cursor.path[depth + 1 :]
    if below and below[0] in names:
        return below[0]
    if below[:1] == (ITEM,):
        place = _place_in_list(before, below.count(ITEM))
        return made.bare if not made.takes_places else names[min(place, len(names) - 1)] if names else None
    if not below and cursor.is_value:
        return made.bare
    if cursor.prefix and (near := [name for name in names if name.startswith(cursor.prefix)]):
        return near[0]
    left = [name for name in names if name not in cursor.keys]
    return min(left, key=lambda name: (name not in made.required, name in made.inferred), default=None)


def _place_in_list(before: str, levels: int) -> int:
    """How many items stand in front in the list in brackets that is so many lists out."""
    depth: list[str] = []
    commas = 0
    for sign in reversed(re.sub(r""""[^"\\n]*"|'[^'\\n]*'""", "", before)):
        if sign in _PAIRS:
            depth.append(_PAIRS[sign])
        elif depth:
            depth = depth[:-1] if sign == depth[-1] else depth
        elif sign == "[":
            levels -= 1
            if levels == 0:
                return commas
            commas = 0
        elif sign == ",":
            commas += 1
        elif sign == "{":
            commas = 0
    return 0
