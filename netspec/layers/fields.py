"""Field types of the layers that few networks use: sides of a padding, sizes that may stay, fractions, factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, cast

from pydantic import PlainValidator, WithJsonSchema

from netspec.arguments import LARGEST, is_whole, per_axis, schema_of, unwanted

_AT_LEAST_1 = "an integer of at least 1"
Sizes2 = Annotated[
    int | tuple[int | None, ...],
    per_axis(2, 1, _AT_LEAST_1, none=True),
    schema_of(2, 1, none=True),
]
Sizes3 = Annotated[
    int | tuple[int | None, ...],
    per_axis(3, 1, _AT_LEAST_1, none=True),
    schema_of(3, 1, none=True),
]


def spread_sizes(value: int | tuple[int | None, ...], axes: int) -> tuple[int | None, ...]:
    """One size per axis, None where the axis keeps its own: `3` becomes `(3, 3)`."""
    return value if isinstance(value, tuple) else (value,) * axes


_SIDES = {1: "left and right", 2: "left, right, top, bottom", 3: "left, right, top, bottom, front, back"}


def _sides(axes: int, low: int) -> PlainValidator:
    """One integer for every side, or a list with one per side, the last axis first."""
    kind = "an integer" if low < 0 else f"an integer of at least {low}"

    def check(value: object) -> object:
        if is_whole(value, low):
            return value
        if isinstance(value, tuple):
            items = cast("tuple[object, ...]", value)
            if len(items) == 2 * axes and all(is_whole(v, low) for v in items):
                return items
        raise unwanted(f"{kind}, or a list of {2 * axes} of them ({_SIDES[axes]})", value)

    return PlainValidator(check)


Sides1 = Annotated[int | tuple[int, ...], _sides(1, 0), schema_of(2, 0)]
Sides2 = Annotated[int | tuple[int, ...], _sides(2, 0), schema_of(4, 0)]
Sides3 = Annotated[int | tuple[int, ...], _sides(3, 0), schema_of(6, 0)]
SignedSides1 = Annotated[int | tuple[int, ...], _sides(1, -LARGEST), schema_of(2, -LARGEST)]
SignedSides2 = Annotated[int | tuple[int, ...], _sides(2, -LARGEST), schema_of(4, -LARGEST)]
SignedSides3 = Annotated[int | tuple[int, ...], _sides(3, -LARGEST), schema_of(6, -LARGEST)]


def _fraction(value: object) -> bool:
    return (type(value) is int or type(value) is float) and 0 < value < 1


def _factor(value: object) -> bool:
    return (type(value) is int or type(value) is float) and 0 < value <= LARGEST


def _ratios(good: Callable[[object], bool], kind: str, axes: int | None) -> PlainValidator:
    """One number for all axes, or a list with one per axis (of any length where `axes` is None)."""
    forms = f"{kind}, or a list of {axes} of them (one per axis)" if axes else f"{kind}, or a list with one per axis"

    def check(value: object) -> object:
        if isinstance(value, tuple):
            items = cast("tuple[object, ...]", value)
            if (len(items) == axes if axes else 1 <= len(items) <= 3) and all(good(v) for v in items):
                return items
        elif good(value):
            return value
        raise unwanted(forms, value)

    return PlainValidator(check)


def _ratios_json(axes: int | None, **limits: float) -> WithJsonSchema:
    one: dict[str, Any] = {"type": "number", **limits}
    return WithJsonSchema(
        {"anyOf": [one, {"type": "array", "items": one, "minItems": axes or 1, "maxItems": axes or 3}]}
    )


_BETWEEN, _ABOVE = "a number between 0 and 1, both excluded", "a number greater than 0"
_OPEN = {"exclusiveMinimum": 0.0, "exclusiveMaximum": 1.0}
Fractions2 = Annotated[float | tuple[float, ...], _ratios(_fraction, _BETWEEN, 2), _ratios_json(2, **_OPEN)]
Fractions3 = Annotated[float | tuple[float, ...], _ratios(_fraction, _BETWEEN, 3), _ratios_json(3, **_OPEN)]
Factors = Annotated[float | tuple[float, ...], _ratios(_factor, _ABOVE, None), _ratios_json(None, exclusiveMinimum=0)]
Factors2 = Annotated[float | tuple[float, ...], _ratios(_factor, _ABOVE, 2), _ratios_json(2, exclusiveMinimum=0)]
