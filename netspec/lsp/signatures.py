"""Signature help: the arguments of the layer, block or part of a recipe that a cursor is in, and which one is typed."""

from __future__ import annotations

import re
from typing import Final

from lsprotocol import types as lsp

from netspec.arguments import Arguments
from netspec.layers.reference import arguments_in_words as of_layer
from netspec.lsp.places import ITEM, TypingPlace, cursor_at
from netspec.lsp.reading import LiveText
from netspec.recipe.reference import KINDS, NAMES
from netspec.recipe.reference import arguments_in_words as of_recipe
from netspec.writing import flow

TRIGGERS: Final = ("{", "[", ",", ":", " ")
_PAIRS: Final = {"]": "[", "}": "{"}


def signature(text: LiveText, known: LiveText, position: lsp.Position) -> lsp.SignatureHelp | None:
    """The signature at a position; None where no arguments stand. `known` is the last version that could be read."""
    offset = text.places.offset(position)
    cursor = cursor_at(text.text, offset)
    for depth in range(len(cursor.path) - 1, -1, -1):
        name = cursor.path[depth]
        made = None if name == ITEM else _signature(known, name)
        if made is None:
            continue
        made.active_parameter = _active(made, cursor, depth, text.text[:offset])
        return lsp.SignatureHelp([made], active_signature=0, active_parameter=made.active_parameter)
    return None


def _signature(known: LiveText, name: str) -> lsp.SignatureInformation | None:
    if known.spec is not None and name in known.spec.blocks:
        block = known.spec.blocks[name]
        label = block.signature if "(" in block.signature else f"{name}()"
        texts = [p.name if p.default is None else f"{p.name}={p.default.text}" for p in block.parameters]
        return _made(label, [(text, "") for text in texts])
    if name in known.offer.layers:
        cls = known.offer.layer_class(name)
        return _of_class(name, cls, of_layer(cls))
    if name in NAMES:
        found = KINDS[NAMES[name]].load(name)
        return _of_class(name, found, of_recipe(found))
    return None


def _of_class(name: str, cls: type[Arguments], words: dict[str, str]) -> lsp.SignatureInformation:
    texts: list[tuple[str, str]] = []
    for argument, field in cls.model_fields.items():
        default = "" if field.is_required() else f"={flow(field.get_default(call_default_factory=True), str)}"
        texts.append((f"{argument}{default}", words.get(argument, "")))
    return _made(f"{name}({', '.join(text for text, _ in texts)})", texts)


def _made(label: str, texts: list[tuple[str, str]]) -> lsp.SignatureInformation:
    parameters = [lsp.ParameterInformation(text, documentation=words or None) for text, words in texts]
    return lsp.SignatureInformation(label, parameters=parameters)


def _active(made: lsp.SignatureInformation, cursor: TypingPlace, depth: int, before: str) -> int | None:
    """The number of the argument that is typed: by its name, or in a list by its place."""
    names = [str(parameter.label).partition("=")[0] for parameter in made.parameters or ()]
    below = cursor.path[depth + 1 :]
    if below and below[0] in names:
        return names.index(below[0])
    if below[:1] == (ITEM,):
        return min(_place_in_list(before, below.count(ITEM)), max(len(names) - 1, 0)) if names else None
    if cursor.prefix and (near := [i for i, name in enumerate(names) if name.startswith(cursor.prefix)]):
        return near[0]
    left = [i for i, name in enumerate(names) if name not in cursor.keys]
    return left[0] if left else None


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
