"""Random arguments of a layer by the kinds of its fields, and random inputs: variations of an example."""

from __future__ import annotations

from random import Random
from typing import Any, cast

from netspec.kinds import FieldKind, kinds_of
from netspec.layers.base import Example, Layer


def variation(cls: type[Layer], example: Example, rng: Random) -> Example:
    """An example with some arguments and some sizes of its input drawn anew. Nothing says that it is legal.

    The example's `output` is kept, and means nothing.
    """
    kinds = kinds_of(cls)
    arguments: dict[str, Any] = {}
    for name, field in cls.model_fields.items():
        if name == cls.width:
            continue
        if rng.random() < 0.5:
            found = drawn(kinds[name], rng)
            if found is not None and kinds[name].takes(found):
                arguments[name] = found
                continue
        if name in example.arguments and (field.is_required() or rng.random() < 0.5):
            arguments[name] = example.arguments[name]
    sizes = tuple(rng.randint(1, 12) if rng.random() < 0.5 else size for size in example.input)
    return Example(arguments, sizes, example.output, example.dtype, example.others, example.others_dtype)


def drawn(kind: FieldKind, rng: Random) -> Any:
    """A value of a kind; None for null, and where nothing says what such values are."""
    if kind.words and rng.random() < 0.5:
        return rng.choice(kind.words)
    if not kind.schema:  # of a plain type, which pydantic describes
        return next((value for value in (rng.random() < 0.5, rng.randint(0, 4)) if kind.takes(value)), None)
    return _by_schema(kind.schema, rng)


def _by_schema(schema: dict[str, Any], rng: Random) -> Any:
    if "anyOf" in schema:
        return _by_schema(rng.choice(cast("list[dict[str, Any]]", schema["anyOf"])), rng)
    if "enum" in schema:
        return rng.choice(cast("list[Any]", schema["enum"]))
    match schema.get("type"):
        case "integer":
            return _whole(schema, rng)
        case "number":
            return _number(schema, rng)
        case "array":
            least = int(schema.get("minItems", 1))
            count = rng.randint(least, min(int(schema.get("maxItems", least + 2)), least + 2))
            return tuple(_by_schema(cast("dict[str, Any]", schema["items"]), rng) for _ in range(count))
        case _:
            return None


def _whole(schema: dict[str, Any], rng: Random) -> int:
    low = int(schema["minimum"]) if "minimum" in schema else int(schema.get("exclusiveMinimum", -4)) + 1
    high = int(schema["maximum"]) if "maximum" in schema else int(schema.get("exclusiveMaximum", low + 7)) - 1
    return rng.randint(low, max(low, min(high, low + 6)))


def _number(schema: dict[str, Any], rng: Random) -> float:
    low = float(schema.get("minimum", schema.get("exclusiveMinimum", -2.0)))
    high = min(float(schema.get("maximum", schema.get("exclusiveMaximum", low + 4.0))), low + 4.0)
    return round(low + (high - low) * rng.uniform(0.05, 0.95), 3)  # without the ends, where a layer may be another
