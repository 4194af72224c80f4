"""The operators of the expression language, and the limits of evaluation.

Values are numbers, booleans, strings, None, lists and tuples (which are treated alike), sizes (`dims.Dim`), and opaque
objects from the scope. Three rules hold for all operations. With `dims.UNKNOWN` as an operand, the result is `UNKNOWN`.
A result that depends on the value of a symbol raises `Undecided`. Time and memory are bounded: integers stay below
2**63, floats are finite, and a `Meter` counts list items and steps.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeGuard

from netspec.dims import UNKNOWN, Condition, Dim, same
from netspec.expressions.refusals import Refused, Undecided
from netspec.expressions.values import Family, Value, combined, undecided_by_tensors

LARGEST: Final = 2**63
"""Absolute values of integers are smaller than this."""
MAX_ITEMS: Final = 100_000
"""List items that one evaluation may create."""
MAX_STEPS: Final = 1_000_000
"""Values that one evaluation may process."""
SYMBOLIC: Final = 100
"""Steps of one operation on a formula, which takes about so much longer than one on numbers."""
MAX_TEXT: Final = 10_000
"""Characters of a string."""
MAX_NESTING: Final = 64
"""Nesting depth of lists."""


class Meter:
    """The budget of one evaluation: list items and steps that are left."""

    __slots__ = ("items", "steps")

    def __init__(self) -> None:
        self.items = MAX_ITEMS
        self.steps = MAX_STEPS

    def make(self, number: int) -> None:
        """Charge for list items that are about to be created.

        Raises:
            Refused: the budget is exceeded.
        """
        self.items -= number
        if self.items < 0:
            raise Refused(f"this makes lists of more than {MAX_ITEMS:,} items in all, the limit", "expression-limit")

    def step(self, number: int) -> None:
        """Charge for values that are about to be processed.

        Raises:
            Refused: the budget is exceeded.
        """
        self.steps -= number
        if self.steps < 0:
            raise Refused(f"this takes more than {MAX_STEPS:,} steps, the limit", "expression-limit")


# ---- values


def is_list(value: object) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    """True for lists and tuples, which the language treats alike."""
    return isinstance(value, (list, tuple))


def is_number(value: object) -> bool:
    """True for integers, floats and, as in Python, booleans."""
    return isinstance(value, (int, float))


def kind(value: object) -> str:
    """The kind of a value for messages: "text", "a list"."""
    if value is None:
        return "no number"
    if isinstance(value, bool):
        return "a truth value"
    if isinstance(value, str):
        return "text"
    if is_list(value):
        return "a list"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, Family):
        return f"a family of {len(value)} values of the network"
    if isinstance(value, Value):
        return "a value of the network"
    return "a size" if isinstance(value, Dim) else "the name of a layer or block"


def shown(value: object, depth: int = 2) -> str:
    """A value as one would write it in an expression, where texts are Python's, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value if len(value) <= 40 else value[:37] + "…")
    if is_list(value):
        if depth == 0:
            return "[…]"
        parts = [shown(item, depth - 1) for item in value[:6]]
        return "[" + ", ".join(parts + (["…"] if len(value) > 6 else [])) + "]"
    if isinstance(value, (Value, Family)):
        return f"{value!r}, {kind(value)}"
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "…"


def _what_is(value: object) -> str:
    """ "[64, 128] is a list"."""
    return f"`{value!r}` is {kind(value)}" if isinstance(value, (Value, Family)) else f"{shown(value)} is {kind(value)}"


def truth(value: Any) -> Any:
    """The truth value: True, False or UNKNOWN. Opaque objects, such as layers, are true.

    Raises:
        Undecided: the value is a formula of symbols.
    """
    if value is True or value is False:
        return value
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, Dim):
        raise Undecided(value)
    if value is None or isinstance(value, (int, float, str)) or is_list(value):
        return bool(value)
    if isinstance(value, (Value, Family)):
        raise Refused(f"`{value!r}` is a value of the network: none is known before a tensor exists", "expression-type")
    return True


def bounded(value: Any) -> Any:
    """The number itself.

    Raises:
        Refused: it is too large, not finite, or complex.
    """
    if isinstance(value, int):
        if -LARGEST < value < LARGEST:
            return value
        raise Refused("the result is 2**63 or more, which no size or count can be", "expression-limit")
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise Refused("the result is no finite number", "expression-limit")


def measure(value: Any, meter: Meter, depth: int = 0) -> None:
    """Refuse a list that is too long or nested too deep. Shared inner lists count each time they occur."""
    if depth > MAX_NESTING:
        raise Refused(f"the result nests lists more than {MAX_NESTING} deep, the limit", "expression-limit")
    meter.step(len(value))
    for item in value:
        if is_list(item):
            measure(item, meter, depth + 1)


def whole(value: Any, what: str) -> int:
    """The value, which must be an integer, such as an index or a count. `what` begins the message."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, Dim):
        raise Undecided(value)
    raise Refused(f"{what} is an integer, not {shown(value)}", "expression-type")


def listed(value: Any, what: str) -> Any:
    """The value, which must be a list or tuple. `what` begins the message."""
    if is_list(value):
        return value
    if isinstance(value, Family):
        return list(value)
    raise Refused(f"{what} wants a list, but {_what_is(value)}", "expression-type")


def number(value: Any, what: str) -> Any:
    """The value, which must be a number, for operations that are not defined for formulas."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, Dim):
        raise Undecided(value)
    raise Refused(f"{what} wants a number, but {_what_is(value)}", "expression-type")


# ---- arithmetic


def _mismatch(symbol: str, a: object, b: object) -> NoReturn:
    """Refuse an operation on what are no numbers."""
    wrong = a if not is_number(a) and not isinstance(a, Dim) else b
    raise Refused(f"`{symbol}` wants numbers, but {_what_is(wrong)}", "expression-type")


def _numeric(symbol: str, compute: Callable[[Any, Any], Any], a: Any, b: Any, meter: Meter) -> Any:
    """An arithmetic operation on numbers and sizes; `symbol` is its operator."""
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        try:
            return bounded(compute(a, b))
        except ZeroDivisionError:
            raise Refused("this divides by zero", "division-by-zero") from None
        except OverflowError:
            raise Refused("the result is beyond the largest float", "expression-limit") from None
    for size, other in ((a, b), (b, a)):
        if isinstance(size, Dim) and isinstance(other, (int, float, Dim)):
            meter.step(SYMBOLIC)
            if symbol in ("/", "**") or isinstance(other, float):
                raise Undecided(size)
            if symbol in ("//", "%") and isinstance(b, int) and b == 0:
                raise Refused("this divides by zero", "division-by-zero")
            return compute(int(a) if isinstance(a, bool) else a, int(b) if isinstance(b, bool) else b)
    if isinstance(a, (Value, Family)) or isinstance(b, (Value, Family)):
        return combined(symbol, a, b)
    _mismatch(symbol, a, b)


def add(a: Any, b: Any, meter: Meter) -> Any:
    """The sum of numbers; lists and strings are concatenated."""
    if is_list(a) and is_list(b):
        meter.make(len(a) + len(b))
        return [*a, *b]
    if isinstance(a, str) and isinstance(b, str):
        meter.step(len(a) + len(b))
        if len(a) + len(b) > MAX_TEXT:
            raise Refused(f"this text has more than {MAX_TEXT:,} characters, the limit", "expression-limit")
        return a + b
    return _numeric("+", operator.add, a, b, meter)


def subtract(a: Any, b: Any, meter: Meter) -> Any:
    """The difference."""
    return _numeric("-", operator.sub, a, b, meter)


def multiply(a: Any, b: Any, meter: Meter) -> Any:
    """The product of numbers; a list times an integer is repeated."""
    for items, times in ((a, b), (b, a)):
        if is_list(items) and times is not UNKNOWN and (len(items) > 0 or not isinstance(times, Value)):
            count = max(whole(times, "how often a list is repeated"), 0)
            meter.make(len(items) * count)
            return list(items) * count
    return _numeric("*", operator.mul, a, b, meter)


def divide(a: Any, b: Any, meter: Meter) -> Any:
    """The true quotient, a float."""
    return _numeric("/", lambda a, b: a / b, a, b, meter)


def floor_divide(a: Any, b: Any, meter: Meter) -> Any:
    """The quotient rounded down."""
    return _numeric("//", lambda a, b: a // b, a, b, meter)


def modulo(a: Any, b: Any, meter: Meter) -> Any:
    """The remainder."""
    return _numeric("%", operator.mod, a, b, meter)


def power(a: Any, b: Any, meter: Meter) -> Any:
    """a to the power of b. A huge result is refused before it is computed."""
    if isinstance(a, int) and isinstance(b, int) and b > 63 and abs(a) > 1:
        raise Refused("the result is 2**63 or more, which no size or count can be", "expression-limit")
    return _numeric("**", lambda a, b: a**b, a, b, meter)


def negative(a: Any, meter: Meter) -> Any:
    """-a."""
    if isinstance(a, Value):
        return combined("-", None, a)
    return subtract(0, a, meter) if not isinstance(a, float) else -a


def positive(a: Any, meter: Meter) -> Any:
    """+a."""
    if isinstance(a, Value):
        return a
    return add(0, a, meter) if not isinstance(a, float) else a


# ---- comparison


def _decide(condition: bool | Condition, size: object) -> bool:
    if isinstance(condition, bool):
        return condition
    if condition.decided is None:
        raise Undecided(size)
    return condition.decided


def equal(a: Any, b: Any, meter: Meter, depth: int = 0, symbol: str = "==") -> Any:
    """`a == b`: True, False or UNKNOWN. Lists are compared item by item; `symbol` is the operator for messages."""
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if is_list(a) and is_list(b):
        if depth > MAX_NESTING:
            raise Refused(f"these lists are nested more than {MAX_NESTING} deep, the limit", "expression-limit")
        if len(a) != len(b):
            return False
        meter.step(len(a))
        results = [equal(x, y, meter, depth + 1, symbol) for x, y in zip(a, b, strict=True)]
        return False if False in results else UNKNOWN if UNKNOWN in results else True
    undecided_by_tensors(symbol, a, b)
    if isinstance(a, Dim) or isinstance(b, Dim):
        if not isinstance(a, (int, Dim)) or not isinstance(b, (int, Dim)):
            return False
        meter.step(SYMBOLIC)
        return _decide(same(a, b), a if isinstance(a, Dim) else b)
    return bool(a == b)


def unequal(a: Any, b: Any, meter: Meter) -> Any:
    """`a != b`: True, False or UNKNOWN."""
    result = equal(a, b, meter, symbol="!=")
    return result if result is UNKNOWN else not result


def _order(symbol: str, compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any, Meter], Any]:
    def ordered(a: Any, b: Any, meter: Meter) -> Any:
        if a is UNKNOWN or b is UNKNOWN:
            return UNKNOWN
        undecided_by_tensors(symbol, a, b)
        if isinstance(a, Dim) or isinstance(b, Dim):
            size = a if isinstance(a, Dim) else b
            meter.step(SYMBOLIC)
            if isinstance(a, float) or isinstance(b, float):
                raise Undecided(size)
            if isinstance(a, (int, Dim)) and isinstance(b, (int, Dim)):
                return _decide(compare(a, b), size)
            _mismatch(symbol, a, b)
        if (is_number(a) and is_number(b)) or (isinstance(a, str) and isinstance(b, str)):
            return compare(a, b)
        _mismatch(symbol, a, b)

    return ordered


def contains(a: Any, b: Any, meter: Meter) -> Any:
    """`a in b`: True, False or UNKNOWN."""
    if a is UNKNOWN or b is UNKNOWN:
        return UNKNOWN
    if isinstance(b, str) and isinstance(a, str):
        meter.step(len(b))
        return a in b
    found: Any = False
    values = listed(b, "`in`")
    meter.step(len(values))
    for item in values:
        result = equal(a, item, meter)
        if result is True:
            return True
        found = UNKNOWN if result is UNKNOWN else found
    return found


def absent(a: Any, b: Any, meter: Meter) -> Any:
    """`a not in b`: True, False or UNKNOWN."""
    result = contains(a, b, meter)
    return result if result is UNKNOWN else not result


less, less_or_equal = _order("<", operator.lt), _order("<=", operator.le)
greater, greater_or_equal = _order(">", operator.gt), _order(">=", operator.ge)


# ---- lists

PART: Final = (
    "`as: p[0]` names one of a family; a layer takes a part of a tensor: `Slice: {dim: 1, end: 16}`, or "
    "`Select: {dim: 1, index: 0}`, as an item behind `use`"
)
"""What to write for brackets behind a tensor."""


def item(values: Any, index: Any, meter: Meter) -> Any:
    """`values[index]`."""
    if values is UNKNOWN or index is UNKNOWN:
        return UNKNOWN
    if isinstance(values, Family):
        return values.item(index)
    if isinstance(values, Value):
        raise Refused(f"`{values!r}` is one value of the network, without indices", "expression-type", PART)
    if not isinstance(values, str):
        listed(values, "an index in brackets")
    place = whole(index, "an index")
    if -len(values) <= place < len(values):
        return values[place]
    length = len(values)
    raise Refused(f"index {place} is beyond the {length} item{'' if length == 1 else 's'} of {shown(values)}")


def part(values: Any, start: Any, stop: Any, step: Any, meter: Meter) -> Any:
    """`values[start:stop:step]`."""
    if any(v is UNKNOWN for v in (values, start, stop, step)):
        return UNKNOWN
    if isinstance(values, Family):
        raise Refused(f"a family has no slices: `[{values.name}[i] for i in …]` takes several of its values")
    if isinstance(values, Value):
        raise Refused(f"`{values!r}` is a value of the network: it has no slices", "expression-type", PART)
    if not isinstance(values, str):
        listed(values, "a slice in brackets")
    bounds = [None if v is None else whole(v, "a bound of a slice") for v in (start, stop, step)]
    if bounds[2] == 0:
        raise Refused("the step of a slice cannot be 0")
    result = values[slice(*bounds)]
    meter.make(len(result))
    return result
