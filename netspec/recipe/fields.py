"""Field types that recipes need beside those of `netspec.arguments`: one validator and one message each."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import inf, isfinite
from typing import Annotated, Any, TypeGuard, cast

from pydantic import PlainValidator, WithJsonSchema

from netspec.arguments import LARGEST, unwanted

_NUMBER: dict[str, Any] = {"type": "number"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}


def _is_real(value: object) -> TypeGuard[float]:
    return type(value) in (int, float) and isfinite(cast("float", value))


def _items(value: object) -> tuple[object, ...]:
    """The items of a list, or nothing."""
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()


def _reals(value: object) -> tuple[float, ...]:
    """The items of a list of finite numbers, or nothing."""
    items = _items(value)
    return cast("tuple[float, ...]", items) if all(_is_real(v) for v in items) else ()


def _checked(good: Callable[[object], bool], wish: str) -> PlainValidator:
    """A validator whose message says what the argument wants."""

    def check(value: object) -> object:
        if good(value):
            return value
        raise unwanted(wish, value)

    return PlainValidator(check)


def _array(item: dict[str, Any], low: int = 1, high: int | None = None) -> dict[str, Any]:
    return {"type": "array", "items": item, "minItems": low} | ({"maxItems": high} if high else {})


# ---- lists


def _pair(
    wish: str, low: float = -inf, high: float = inf, *, rising: bool = False, above: bool = False
) -> PlainValidator:
    """Exactly two numbers within limits, `above` the lower one."""

    def good(value: object) -> bool:
        pair = _reals(value)
        inside = len(pair) == 2 and all(low <= v <= high and not (above and v == low) for v in pair)
        return inside and not (rising and pair[0] > pair[1])

    return _checked(good, wish)


def _numbers(wish: str, low: float = -inf, *, above: bool = False) -> PlainValidator:
    """At least one number, each at least `low`, or above it."""

    def good(value: object) -> bool:
        items = _reals(value)
        return bool(items) and all(low <= v and not (above and v == low) for v in items)

    return _checked(good, wish)


def _factors(value: object) -> tuple[float, ...]:
    """One for each class: with none above 0 there is nothing to learn from, and a mean would divide by nothing."""
    items = _reals(value)
    if items and all(v >= 0 for v in items) and any(items):
        return tuple(items)
    raise unwanted("a list of numbers of at least 0, one of them above 0", value)


def _counts(wish: str, *, rising: bool = False) -> PlainValidator:
    """At least one integer, each at least 1."""

    def good(value: object) -> bool:
        items = _reals(value)
        whole = bool(items) and all(type(v) is int and 1 <= v <= LARGEST for v in items)
        return whole and not (rising and any(a >= b for a, b in pairwise(items)))

    return _checked(good, wish)


_TWO = WithJsonSchema(_array(_NUMBER, 2, 2))
_MANY = WithJsonSchema(_array(_NUMBER))

Pair = Annotated[tuple[float, float], _pair("a list of two numbers"), _TWO]
Fractions = Annotated[tuple[float, float], _pair("a list of two numbers from 0 to 1", 0, 1), _TWO]
FractionRange = Annotated[
    tuple[float, float], _pair("a list [low, high] of numbers from 0 to 1", 0, 1, rising=True), _TWO
]
PositiveRange = Annotated[
    tuple[float, float], _pair("a list [low, high] of numbers above 0", 0, rising=True, above=True), _TWO
]


def _betas(value: object) -> tuple[float, ...]:
    """As floats: torch refuses a pair of an integer and a float."""
    pair = _reals(value)
    if len(pair) == 2 and all(0 <= v < 1 for v in pair):
        return tuple(float(v) for v in pair)
    raise unwanted("a list of two numbers from 0 to below 1", value)


Betas = Annotated[tuple[float, float], PlainValidator(_betas), _TWO]
Reals = Annotated[tuple[float, ...], _numbers("a list of numbers"), _MANY]
Positives = Annotated[tuple[float, ...], _numbers("a list of numbers greater than 0", 0, above=True), _MANY]
NonNegatives = Annotated[tuple[float, ...], _numbers("a list of numbers of at least 0", 0), _MANY]
Factors = Annotated[tuple[float, ...], PlainValidator(_factors), _MANY]
Milestones = Annotated[
    tuple[int, ...], _counts("a rising list of integers of at least 1", rising=True), WithJsonSchema(_array(_COUNT))
]
Shape = Annotated[tuple[int, ...], _counts("a list of integers of at least 1"), WithJsonSchema(_array(_COUNT))]


# ---- a number, or a list


def _number_or(
    wish: str, number: Callable[[float], bool], sizes: tuple[int, ...], low: float, high: float, *, above: bool = False
) -> PlainValidator:
    """One number, or a list of ascending pairs within limits, `above` the lower one."""

    def good(value: object) -> bool:
        if _is_real(value):
            return number(value)
        items = _reals(value)
        inside = len(items) in sizes and all(low <= v <= high and not (above and v == low) for v in items)
        return inside and all(a <= b for a, b in zip(items[::2], items[1::2], strict=True))

    return _checked(good, wish)


def _number_or_array(longest: int = 2) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [{"type": "number", "minimum": 0}, _array(_NUMBER, 2, longest)]})


Inner = Annotated[
    float,
    _checked(lambda value: _is_real(value) and 0 < value < 1, "a number above 0 and below 1"),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}),
]
Factor = Annotated[
    float,
    _checked(lambda value: _is_real(value) and 0 < value <= 1, "a number above 0, at most 1"),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
]
AtLeastOne = Annotated[
    float,
    _checked(lambda value: _is_real(value) and value >= 1, "a number of at least 1"),
    WithJsonSchema({"type": "number", "minimum": 1}),
]
NonPositive = Annotated[
    float,
    _checked(lambda value: _is_real(value) and value <= 0, "a number of at most 0"),
    WithJsonSchema({"type": "number", "maximum": 0}),
]
Share = Annotated[
    float,
    _checked(lambda value: _is_real(value) and 0 <= value < 1, "a share from 0 to below 1"),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": 1}),
]
Angle = Annotated[
    float | tuple[float, float],
    _number_or("degrees d for the range from -d to d, or a list [low, high]", lambda v: v >= 0, (2,), -inf, inf),
    _number_or_array(),
]
Shear = Annotated[
    float | tuple[float, ...],
    _number_or(
        "degrees, a list [low, high] for x, or [low, high, low, high] for x and y", lambda v: v >= 0, (2, 4), -inf, inf
    ),
    _number_or_array(4),
]
Jitter = Annotated[
    float | tuple[float, float],
    _number_or(
        "a number d for factors from 1 - d to 1 + d, or a list [low, high] of factors of at least 0",
        lambda v: v >= 0,
        (2,),
        0,
        inf,
    ),
    _number_or_array(),
]
Hue = Annotated[
    float | tuple[float, float],
    _number_or(
        "a number from 0 to 0.5, or a list [low, high] within -0.5 and 0.5", lambda v: 0 <= v <= 0.5, (2,), -0.5, 0.5
    ),
    _number_or_array(),
]
Sigma = Annotated[
    float | tuple[float, float],
    _number_or("a number above 0, or a list [low, high] of such", lambda v: v > 0, (2,), 0, inf, above=True),
    _number_or_array(),
]


def _integers(low: int, sizes: tuple[int, ...], *, odd: bool = False) -> Callable[[object], bool]:
    """One integer of at least `low`, or a list of as many as `sizes` allow."""

    def good(value: object) -> bool:
        items = (value,) if type(value) is int else _items(value)
        if not isinstance(value, int) and len(items) not in sizes:
            return False
        return bool(items) and all(type(v) is int and low <= v <= LARGEST and (v % 2 or not odd) for v in items)

    return good


def _integer_or_array(low: int, longest: int) -> WithJsonSchema:
    one: dict[str, Any] = {"type": "integer", "minimum": low}
    return WithJsonSchema({"anyOf": [one, _array(one, 2, longest)]})


Padding = Annotated[
    int | tuple[int, int] | tuple[int, int, int, int],
    _checked(
        _integers(0, (2, 4)),
        "an integer of at least 0, or a list of two (left and right, top and bottom), "
        "or of four (left, top, right, bottom)",
    ),
    _integer_or_array(0, 4),
]
Odd = Annotated[
    int | tuple[int, int],
    _checked(_integers(1, (2,), odd=True), "an odd integer, or a list of two of them (width, height)"),
    _integer_or_array(1, 2),
]
Bits = Annotated[
    int,
    _checked(lambda value: type(value) is int and 0 <= value <= 8, "an integer from 0 to 8"),
    WithJsonSchema({"type": "integer", "minimum": 0, "maximum": 8}),
]


def _is_adafactor_eps(value: object) -> bool:
    items = _items(value)
    if len(items) != 2:
        return False
    first, second = items
    return (first is None or (_is_real(first) and first >= 0)) and _is_real(second) and second >= 0


AdafactorEps = Annotated[
    tuple[float | None, float],
    _checked(_is_adafactor_eps, "a list of null or a number of at least 0, and a number of at least 0"),
    WithJsonSchema(_array({"anyOf": [{"type": "number", "minimum": 0}, {"type": "null"}]}, 2, 2)),
]
