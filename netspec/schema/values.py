"""The arguments of a named thing as JSON Schema, with expressions where the language takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from pydantic.json_schema import GenerateJsonSchema

from netspec.arguments import Arguments
from netspec.kinds import kinds_of

Schema = dict[str, Any]

NUMBER_IN_QUOTES: Final = {"type": "string", "pattern": r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"}
"""What is text to YAML and no expression: the number itself is meant."""
EXPRESSION: Final[Schema] = {"type": "string", "not": NUMBER_IN_QUOTES, "description": "an expression"}
REFERENCE: Final[Schema] = {"type": "string", "pattern": r"^\$"}
"""What takes a variable's value where a text stands: `$name`."""
GROUPED: Final[Schema] = {"type": "string", "pattern": r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?([eE][-+]?[0-9]+)?$"}
"""A number whose digits are grouped, `5_000_000`, which is text to YAML 1.2."""

Open = Callable[[Schema, bool], Schema]


def with_expressions(schema: Schema, is_text: bool) -> Schema:
    """The same, where any value may be an expression instead; of what is text a variable's value."""
    if is_text:
        return any_of(schema, REFERENCE)
    return any_of(_opened(schema, EXPRESSION), EXPRESSION)


def plainly(schema: Schema, is_text: bool) -> Schema:
    """The same, as recipes have it, which hold values alone: a number may have groups of digits."""
    return schema if is_text else _opened(schema, GROUPED)


def _opened(schema: Schema, instead: Schema) -> Schema:
    """With another form wherever a number, a truth value or null stands inside."""
    found = dict(schema)
    if "anyOf" in found:
        found["anyOf"] = [_opened(form, instead) for form in found["anyOf"]]
    if isinstance(found.get("items"), dict):
        found["items"] = _opened(found["items"], instead)
    if "prefixItems" in found:
        found["prefixItems"] = [_opened(form, instead) for form in found["prefixItems"]]
    if isinstance(found.get("additionalProperties"), dict):
        found["additionalProperties"] = _opened(found["additionalProperties"], instead)
    if "properties" in found:
        found["properties"] = {name: _opened(form, instead) for name, form in found["properties"].items()}
    numbers = {"integer", "number", *(("boolean",) if instead is EXPRESSION else ())}
    if found.get("type") in numbers or ("enum" in found and not any(isinstance(v, str) for v in found["enum"])):
        return any_of(found, instead)
    return found


def any_of(*forms: Schema) -> Schema:
    """Any of these forms, each once; of nested ones the forms themselves."""
    flat: list[Schema] = []
    for form in forms:
        for one in form["anyOf"] if set(form) == {"anyOf"} else [form]:
            if one not in flat:
                flat.append(one)
    return flat[0] if len(flat) == 1 else {"anyOf": flat}


def arguments_schema(
    model: type[Arguments],
    open_to: Open,
    words: Mapping[str, str],
    *,
    also: Mapping[str, Schema] | None = None,
    required: bool = True,
) -> Schema:
    """The mapping of a thing's arguments.

    Args:
        model: the class whose fields they are.
        open_to: `with_expressions` or `plainly`.
        words: what each argument takes, which an editor shows beside it.
        also: further keys.
        required: whether those without a default must be there.
    """
    properties = {name: _described(schema, words.get(name)) for name, schema in _fields(model, open_to).items()}
    for name, schema in (also or {}).items():
        properties[name] = any_of(properties[name], schema) if name in properties else schema
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    needed = [name for name, field in model.model_fields.items() if field.is_required()]
    return found | ({"required": needed} if required and needed else {})


def bare_schema(model: type[Arguments], open_to: Open) -> Schema | None:
    """The value that stands for a thing's one argument, as in `Linear: 10`; None if none may."""
    if model.scalar is None:
        return None
    schema = _fields(model, open_to)[model.scalar]
    if model.takes_list:
        return schema
    return any_of(*(form for form in schema.get("anyOf", [schema]) if form.get("type") != "array"))


def call_schema(
    model: type[Arguments], open_to: Open, words: Mapping[str, str], also: Mapping[str, Schema] | None = None
) -> Schema:
    """What stands behind the name of a thing: a mapping of arguments, a bare value, nothing."""
    forms = [arguments_schema(model, open_to, words, also=also)]
    if (bare := bare_schema(model, open_to)) is not None:
        forms.append(bare)
    if not needed_of(model):
        forms.append({"type": "null"})
    return any_of(*forms)


def needed_of(model: type[Arguments]) -> Sequence[str]:
    """The arguments that must be given."""
    return [name for name, field in model.model_fields.items() if field.is_required()]


_fields_of: dict[tuple[type[Arguments], Open], dict[str, Schema]] = {}


def _fields(model: type[Arguments], open_to: Open) -> dict[str, Schema]:
    """Argument → its schema, opened; made once."""
    found = _fields_of.get((model, open_to))
    if found is None:
        whole = model.model_json_schema(schema_generator=_Generator)
        definitions = whole.pop("$defs", {})
        kinds = kinds_of(model)
        found = _fields_of[model, open_to] = {
            name: open_to(_inlined(schema, definitions), kinds[name].text)
            for name, schema in whole.get("properties", {}).items()
        }
    return found


class _Generator(GenerateJsonSchema):
    """pydantic's, without its warnings: a default that no JSON has is left out."""

    ignored_warning_kinds = frozenset({"skipped-choice", "non-serializable-default"})  # pyright: ignore[reportAssignmentType]  # a set of the same words


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """With each model in the place where it is named, and without titles, which repeat the names."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    held = cast("Schema", schema)
    if (name := held.get("$ref")) is not None:
        return _inlined(definitions[str(name).rpartition("/")[2]], definitions)
    kept = {k: v for k, v in held.items() if k not in ("default", "description") and not _is_title(k, v)}
    return {key: _inlined(value, definitions) for key, value in kept.items()}


def _is_title(key: str, value: object) -> bool:
    return key == "title" and isinstance(value, str)


def _described(schema: Schema, words: str | None) -> Schema:
    return schema if words is None else schema | {"description": words}
