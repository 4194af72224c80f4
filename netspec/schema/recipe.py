"""A `train:` section as JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from netspec.arguments import NON_NEGATIVE
from netspec.kinds import FieldKind
from netspec.layers import Offer
from netspec.recipe import tables
from netspec.recipe.items import BESIDE
from netspec.recipe.read import KEYS, LISTS, PATTERNS, PLAIN, REQUIRED
from netspec.recipe.reference import arguments_in_words, key_facts, summary
from netspec.schema.values import Schema, any_of, arguments_schema, bare_schema, call_schema, needed_of, plainly

_TEXT: Final[Schema] = {"type": "string"}
_TEXTS: Final = any_of(_TEXT, {"type": "array", "items": _TEXT})
_BESIDE: Final[Mapping[str, Schema]] = {
    "of": any_of(_TEXTS, {"type": "null"}),
    "target": any_of(_TEXT, {"type": "null"}),
    "weight": any_of(plainly(NON_NEGATIVE.schema, is_text=False), {"type": "null"}),
}
"""What stands beside a loss."""
assert set(_BESIDE) == set(BESIDE)
_LISTED: Final[Mapping[str, Mapping[str, Schema]]] = {
    "loss": _BESIDE,
    "metrics": {"of": any_of(_TEXT, {"type": "null"})},
}
"""Keys that take one thing or a list of such, each with what stands beside it."""


def recipe_definitions(offer: Offer) -> dict[str, Schema]:
    """The definitions of a recipe: its keys, of which a variant replaces some, and the whole."""
    known = tables.tables_of(offer)
    keys = {name: any_of(_key(name, known), {"type": "null"}) | {"description": _told(name)} for name in KEYS}
    some: Schema = {"type": "object", "properties": keys, "additionalProperties": False}
    return {"recipe": some | {"required": list(REQUIRED)}, "replaced": some}


def _told(name: str) -> str:
    """What a key takes, its default, and what it means."""
    takes, default, meaning = key_facts(name)
    return f"{meaning} It takes {takes}; {default if default == 'required' else f'{default} if left out'}."


def _key(name: str, known: tables.Tables) -> Schema:
    """The value of a key."""
    if name in _LISTED:
        one = _calls(known.calls[name], _LISTED[name])
        return any_of(one, {"type": "array", "items": one, "minItems": 1})
    if name in known.calls:
        return _calls(known.calls[name])
    if name in LISTS:
        return {"type": "array", "items": _calls(known.transform)}
    if name in PATTERNS:
        return _TEXTS
    if name == "groups":
        group = tables.setting(name)
        return {"type": "array", "items": arguments_schema(group, plainly, arguments_in_words(group))}
    if name in tables.SETTINGS:
        setting = tables.setting(name)
        forms = (arguments_schema(setting, plainly, arguments_in_words(setting)), bare_schema(setting, plainly))
        return any_of(*(form for form in forms if form is not None))
    return _one(PLAIN[name])


def _one(kind: FieldKind) -> Schema:
    return plainly(kind.schema, kind.text)


def _calls(kind: tables.Kind, beside: Mapping[str, Schema] | None = None) -> Schema:
    """A name, or a mapping of it to its arguments; `beside` are keys that may stand there with it."""
    classes = {name: kind.load(name) for name in kind.names}
    calls = {name: call_schema(cls, plainly, arguments_in_words(cls)) for name, cls in classes.items()}
    told = {name: calls[name] | {"description": summary(cls)} for name, cls in classes.items()}
    mapping: Schema = {
        "type": "object",
        "properties": told | dict(beside or {}),
        "additionalProperties": False,
        "oneOf": [{"required": [name]} for name in classes],
    }
    bare = [name for name, cls in classes.items() if not needed_of(cls)]
    return any_of(*([{"enum": bare}] if bare else []), mapping)
