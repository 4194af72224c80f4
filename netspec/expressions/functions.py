"""The functions of the expression language. `FUNCTIONS` is the table of all of them.

They follow Python's functions of the same name, with the limits of `operations.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from netspec.dims import UNKNOWN, Dim, maximum, minimum
from netspec.expressions.operations import (
    SYMBOLIC,
    Meter,
    add,
    bounded,
    listed,
    number,
    shown,
    truth,
    whole,
)
from netspec.expressions.refusals import Refused, Undecided
from netspec.expressions.values import Family


def _extreme(name: str, choose: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def extreme(meter: Meter, *arguments: Any) -> Any:
        values = listed(arguments[0], f"`{name}` with one argument") if len(arguments) == 1 else arguments
        if not values:
            raise Refused(f"`{name}` of an empty list is nothing")
        meter.step(2 * len(values))
        for value in values:
            if value is UNKNOWN:
                return UNKNOWN
            if not isinstance(value, (int, float, Dim)):
                number(value, f"`{name}`")
        result = values[0]
        for value in values[1:]:
            if isinstance(value, Dim):
                meter.step(SYMBOLIC)
            if isinstance(result, float) and isinstance(value, Dim):
                raise Undecided(value)
            if isinstance(value, float) and isinstance(result, Dim):
                raise Undecided(result)
            result = choose(result, value)
        return result

    return extreme


def _absolute(meter: Meter, value: Any) -> Any:
    return bounded(abs(number(value, "`abs`")))


def _to_whole(name: str, convert: Callable[[Any], int]) -> Callable[..., Any]:
    def converted(meter: Meter, value: Any) -> Any:
        if isinstance(value, Dim):
            return value  # a symbolic size is always an integer
        return _finite(name, convert, number(value, f"`{name}`"))

    return converted


def _finite(name: str, convert: Callable[[Any], Any], value: Any) -> Any:
    try:
        return bounded(convert(value))
    except (OverflowError, ValueError):
        raise Refused(f"`{name}` of {shown(value)} is no number") from None


def _round(meter: Meter, value: Any, digits: Any = None) -> Any:
    if isinstance(value, Dim):
        return value
    places = None if digits is None else max(-20, min(whole(digits, "the number of places"), 20))
    return _finite("round", lambda v: round(v, places), number(value, "`round`"))


def _float(meter: Meter, value: Any) -> Any:
    return _finite("float", float, number(value, "`float`"))


def _real(name: str, function: Callable[[Any], float]) -> Callable[..., Any]:
    def real(meter: Meter, value: Any) -> Any:
        return _finite(name, function, number(value, f"`{name}`"))

    return real


def _range(meter: Meter, *bounds: Any) -> Any:
    numbers = [whole(b, "a bound of `range`") for b in bounds]
    if len(numbers) == 3 and numbers[2] == 0:
        raise Refused("the step of `range` cannot be 0")
    values = range(*numbers)
    meter.make(_length(values))
    return list(values)


def _length(values: range) -> int:
    """The length of a range. (`len` raises OverflowError beyond a machine word.)"""
    return max(0, -((values.start - values.stop) // values.step))


def _len(meter: Meter, values: Any) -> Any:
    return len(values) if isinstance(values, (str, Family)) else len(listed(values, "`len`"))


def _sum(meter: Meter, values: Any, start: Any = 0) -> Any:
    total = start
    items = listed(values, "`sum`")
    meter.step(4 * len(items))
    for value in items:
        total = add(total, value, meter)
    return total


def _zip(meter: Meter, *lists: Any) -> Any:
    columns = [listed(values, "`zip`") for values in lists]
    meter.make(min(map(len, columns)) * (len(columns) + 1))
    return list(zip(*columns, strict=False))


def _enumerate(meter: Meter, values: Any, start: Any = 0) -> Any:
    first = whole(start, "the start of `enumerate`")
    items = listed(values, "`enumerate`")
    meter.make(len(items) * 3)
    return [(first + i, item) for i, item in enumerate(items)]


def _quantifier(name: str, decisive: bool) -> Callable[..., Any]:
    def quantifier(meter: Meter, values: Any) -> Any:
        result: Any = not decisive
        for value in listed(values, f"`{name}`"):
            meter.step(1)
            verdict = truth(value)
            if verdict is decisive:
                return decisive
            result = UNKNOWN if verdict is UNKNOWN else result
        return result

    return quantifier


def _make_divisible(meter: Meter, value: Any, divisor: Any = 8, min_value: Any = None) -> Any:
    """The multiple of `divisor` nearest to `value`, but at least `min_value` and at most 10 % below `value`.

    Source: torchvision/models/_utils.py, after the MobileNet papers.
    """
    v, step = number(value, "`make_divisible`"), number(divisor, "`make_divisible`")
    least = step if min_value is None else number(min_value, "`make_divisible`")
    if step == 0:
        raise Refused("`make_divisible` by 0", "division-by-zero")

    def nearest(v: Any) -> Any:
        multiple = max(least, int(v + step / 2) // step * step)
        return multiple + step if multiple < 0.9 * v else multiple

    return _finite("make_divisible", nearest, v)


FUNCTIONS: Final[dict[str, tuple[Callable[..., Any], int, int]]] = {
    "min": (_extreme("min", minimum), 1, 200),
    "max": (_extreme("max", maximum), 1, 200),
    "abs": (_absolute, 1, 1),
    "int": (_to_whole("int", int), 1, 1),
    "float": (_float, 1, 1),
    "round": (_round, 1, 2),
    "ceil": (_to_whole("ceil", math.ceil), 1, 1),
    "floor": (_to_whole("floor", math.floor), 1, 1),
    "sqrt": (_real("sqrt", math.sqrt), 1, 1),
    "log": (_real("log", math.log), 1, 1),
    "log2": (_real("log2", math.log2), 1, 1),
    "range": (_range, 1, 3),
    "len": (_len, 1, 1),
    "sum": (_sum, 1, 2),
    "zip": (_zip, 1, 200),
    "enumerate": (_enumerate, 1, 2),
    "any": (_quantifier("any", True), 1, 1),
    "all": (_quantifier("all", False), 1, 1),
    "make_divisible": (_make_divisible, 1, 3),
}
"""Name → function (called with the meter and the arguments), least and greatest number of arguments."""

LATER: Final = frozenset(("log", "log2"))
"""Functions that the language did not have from the beginning: their names may be a spec's own, since a name stands
for the function only where a parenthesis follows it."""
