"""The language of specs as one JSON Schema, for editors: made from the classes that check a spec.

A schema knows forms, and no shapes: which layers, arguments, words and recipes there are, and what each takes. What it
admits may still be wrong, for `netspec check` to say; what it refuses is wrong.
"""

from __future__ import annotations

from typing import Final, get_args

from netspec.called import MOST
from netspec.expectations import COUNTS, Bounds, Memory
from netspec.language.glossary import EXPLAINED
from netspec.language.reading import KEYS
from netspec.layers import OWN, Offer
from netspec.layers.base import DType
from netspec.schema.items import item_definitions
from netspec.schema.recipe import recipe_definitions
from netspec.schema.sweep import sweep_definition
from netspec.schema.values import (
    EXPRESSION,
    GROUPED,
    NUMBER_IN_QUOTES,
    Schema,
    any_of,
    arguments_schema,
    bare_schema,
    plainly,
)

DRAFT: Final = "http://json-schema.org/draft-07/schema#"
"""The version that editors read; it is a name, and fetched by nobody."""

_VARIABLES: Final[Schema] = {"type": ["object", "null"], "additionalProperties": {"not": NUMBER_IN_QUOTES}}
_NAME: Final = rf"^[^\s_.\-/\\:*?\"<>|'$&;(){{}}\[\]!#%,~][^\s/\\:*?\"<>|'$&;(){{}}\[\]!#%,~]{{0,{MOST - 1}}}$"
"""A name without blanks and signs of paths and shells; that of letters is not asked for, since editors have no class
for those of every script."""
_PLUGIN: Final[Schema] = {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$"}


def schema(offer: Offer = OWN) -> Schema:
    """The JSON Schema (draft 7) of a spec that may name these layers.

    Args:
        offer: netspec's own layers, or those with plugins'.
    """
    properties = {key: {"description": EXPLAINED[key].meaning} | form for key, form in _top().items()}
    return {
        "$schema": DRAFT,
        "title": "netspec",
        "description": "A neural network, and how to train it.",
        "type": "object",
        "properties": {key: properties[key] for key in KEYS},
        "required": ["layers"],
        "additionalProperties": False,
        "definitions": item_definitions(offer)
        | recipe_definitions(offer)
        | {"expect": _expect(), "sweep": sweep_definition(), "input": _input()},
    }


def _top() -> dict[str, Schema]:
    """The keys of a spec."""
    body: Schema = {"$ref": "#/definitions/items"}
    return {
        "netspec": {"enum": [1]},
        "name": {"type": ["string", "number"]},
        "description": {"type": ["string", "number", "boolean", "null"]},
        "plugins": any_of(_PLUGIN, {"type": "array", "items": _PLUGIN}),
        "input": {"$ref": "#/definitions/input"},
        "vars": _VARIABLES,
        "variants": {
            "type": ["object", "null"],
            "propertyNames": {"pattern": _NAME},
            "additionalProperties": _variant(),
        },
        "blocks": {
            "type": ["object", "null"],
            "propertyNames": {"pattern": "^[^A-Z]"},
            "additionalProperties": any_of(body, {"type": "null"}),
        },
        "layers": body,
        "output": _output(),
        "init": {"$ref": "#/definitions/init"},
        "train": {"$ref": "#/definitions/recipe"},
        "expect": {"$ref": "#/definitions/expect"},
        "sweep": {"$ref": "#/definitions/sweep"},
    }


def _variant() -> Schema:
    """What a variant replaces: any name is that of a variable, but those of the other parts of a spec."""
    others = [key for key in KEYS if key not in ("input", "vars", "train", "expect")]
    return {
        "type": "object",
        "properties": {
            "input": any_of({"$ref": "#/definitions/input"}, {"type": "null"}),
            "vars": _VARIABLES,
            "train": any_of({"$ref": "#/definitions/replaced"}, {"type": "null"}),
            "expect": any_of({"$ref": "#/definitions/expect"}, {"type": "null"}),
        },
        "additionalProperties": {"not": NUMBER_IN_QUOTES},
        "not": {"anyOf": [{"required": [key]} for key in others]},
    }


def _input() -> Schema:
    """A shape, or a shape with its dtype, or several of either by name; null takes one away in a variant."""
    size = any_of({"type": "integer", "minimum": 1}, EXPRESSION)
    shape: Schema = {"type": "array", "items": size}
    long: Schema = {
        "type": "object",
        "properties": {"shape": shape, "dtype": {"enum": list(get_args(DType))}},
        "required": ["shape"],
        "additionalProperties": False,
    }
    several: Schema = {
        "type": "object",
        "additionalProperties": any_of(shape, long, {"type": "null"}),
        "not": {"anyOf": [{"required": ["shape"]}, {"required": ["dtype"]}]},
        "minProperties": 1,
    }
    return any_of(shape, long, several)


def _output() -> Schema:
    """A value, several in a list, or names for values and for further layers."""
    value: Schema = {"type": "string"}
    some: Schema = {"type": "array", "items": value}
    named = any_of(value, some, {"$ref": "#/definitions/items"})
    return any_of(value, some, {"type": "object", "additionalProperties": named, "minProperties": 1})


def _expect() -> Schema:
    """What the network must be."""
    null: Schema = {"type": "null"}
    sizes: Schema = {"type": "array", "items": any_of({"type": "integer", "minimum": 1}, GROUPED)}
    count = _told_by(Bounds)
    return {
        "type": "object",
        "properties": dict.fromkeys(COUNTS, any_of(count, null))
        | {
            "memory": any_of(_told_by(Memory), null),
            "output": any_of(sizes, {"type": "object", "additionalProperties": sizes}, null),
        },
        "additionalProperties": False,
    }


def _told_by(model: type[Bounds] | type[Memory]) -> Schema:
    forms = (bare_schema(model, plainly), arguments_schema(model, plainly, {}))
    return any_of(*(form for form in forms if form is not None))
