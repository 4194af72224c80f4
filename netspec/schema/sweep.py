"""The schema of `sweep:`."""

from __future__ import annotations

from netspec.expectations import Memory
from netspec.language.glossary import EXPLAINED
from netspec.schema.values import GROUPED, Schema, any_of, arguments_schema, bare_schema, plainly
from netspec.space.over import NUMBERS
from netspec.space.section import Counted, Settings


def sweep_definition() -> Schema:
    """What a sweep may say: its settings, limits, and for any key a list or a range."""
    settings = arguments_schema(Settings, plainly, {})["properties"]
    limits = arguments_schema(Counted, plainly, {})["properties"]
    null: Schema = {"type": "null"}
    memory = any_of(*(form for form in (bare_schema(Memory, plainly), arguments_schema(Memory, plainly, {})) if form))
    limit: Schema = {
        "type": "object",
        "properties": {name: any_of(form, null) for name, form in limits.items()} | {"memory": any_of(memory, null)},
        "additionalProperties": False,
    }
    values: Schema = {"type": "array", "minItems": 1}
    numbers: Schema = {
        "type": "object",
        "properties": {name: any_of(kind.schema, GROUPED) for name, kind in NUMBERS.items()},
        "required": ["from", "to"],
        "additionalProperties": False,
    }
    over: Schema = {"type": "object", "minProperties": 1, "additionalProperties": any_of(values, numbers)}
    forms = settings | {"limit": any_of(limit, null), "over": over}
    told = {
        name: form | ({"description": EXPLAINED[name].meaning} if name in EXPLAINED else {})
        for name, form in forms.items()
    }
    return {"type": "object", "properties": told, "required": ["over"], "additionalProperties": False}
