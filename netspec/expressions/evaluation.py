"""The runtime of compiled expressions: name lookup, operations with their place, and errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from netspec.diagnostics import Code
from netspec.dims import UNKNOWN, Unmet
from netspec.expressions.operations import LARGEST, Meter, listed, shown
from netspec.expressions.refusals import Refused, Undecided


class Called(NamedTuple):
    """What the language does not call, or not with values of the network: `softmax(h)`, `F.relu(h)`, `h.mean(1)`."""

    name: str
    """The last part of what is called."""
    owner: str | None
    """What stands in front of the dot, as written."""
    argument: str | None
    """The first argument, as written."""
    further: tuple[str, ...] = ()
    """The arguments behind it, likewise."""


class ExpressionError(Exception):
    """An expression cannot be parsed or evaluated.

    `message` says why; `start` and `end` are offsets into the expression's text, in code points; `code` is the code of
    the diagnostic; `name` is the name that is not in scope, if that is the reason; `called` is what cannot be called,
    or not of values of the network; `help` is what to write instead.
    """

    def __init__(
        self,
        message: str,
        start: int,
        end: int,
        code: Code = "expression-syntax",
        name: str | None = None,
        *,
        called: Called | None = None,
        help: str | None = None,
    ) -> None:
        super().__init__(message if help is None else f"{message}; {help}")
        self.message = message
        self.start = start
        self.end = end
        self.code: Code = code
        self.name = name
        self.called = called
        self.help = help


class NeedsNumber(ExpressionError):  # part of the public vocabulary
    """The value depends on a symbol that has no number."""


class Meanings(Protocol):
    """A scope: maps names to values, and raises `KeyError` for other names. Any mapping is one."""

    def __getitem__(self, name: str, /) -> object: ...


Run = Callable[[Meanings, list[Any]], Any]
"""A compiled node: a function of the scope and the state (the meter, then the slots of comprehension variables)."""


Place = tuple[int, int]
"""Start and end offset in the expression's text."""

Target = int | list[Any]
"""What a `for` assigns to: a slot, or a list of targets for unpacking."""


def nothing(scope: Meanings, state: list[Any]) -> None:
    """The compiled form of an omitted bound of a slice."""


def meter_of(state: list[Any]) -> Meter:
    """The meter of this evaluation, created at the first call."""
    if state[0] is None:
        state[0] = Meter()
    return state[0]


def do(place: Place, operation: Callable[..., Any], *arguments: Any) -> Any:
    """Call an operation, and convert its exceptions to an `ExpressionError` with a place.

    Raises:
        NeedsNumber: the result depends on a symbol, or its formula exceeds the limits.
        ExpressionError: the operation refuses its operands.
    """
    try:
        return operation(*arguments)
    except Refused as error:
        raise ExpressionError(error.message, *place, error.code, help=error.help) from None
    except Unmet as error:  # a formula that grew too long
        raise NeedsNumber(error.problem.message, *place, error.problem.code) from None
    except Undecided as error:
        message = f"this cannot be decided while `{error.size}` stands for a number that is not given"
        raise NeedsNumber(message, *place, "needs-number") from None


def bind(target: Target, value: Any, state: list[Any], place: Place) -> None:
    """Assign an item to the variables of a `for`, unpacking it where they are several."""
    if isinstance(target, int):
        state[target] = value
        return
    if value is UNKNOWN:
        for part in target:
            bind(part, UNKNOWN, state, place)
        return
    items = do(place, listed, value, "unpacking")
    if len(items) != len(target):
        message = f"{shown(value)} has {len(items)} items, but {len(target)} names are to take them"
        raise ExpressionError(message, *place, "expression-value")
    for part, item in zip(target, items, strict=True):
        bind(part, item, state, place)


def named(name: str, start: int, end: int) -> Run:
    """The compiled form of a name: a lookup in the scope."""

    def run(scope: Meanings, state: list[Any]) -> Any:
        try:
            return scope[name]
        except KeyError:
            raise ExpressionError(f"there is no `{name}` here", start, end, "unknown-name", name) from None

    return run


def uncalled(name: str, start: int, end: int) -> Run:
    """The compiled form of a function's name that is not called. Nothing may have that name; where something was
    refused it, the scope knows of it, and that has been reported."""

    def run(scope: Meanings, state: list[Any]) -> Any:
        try:
            return scope[name]
        except KeyError:
            raise ExpressionError(f"`{name}` is a function: write `{name}(…)`", start, end) from None

    return run


def quick(compute: Callable[[int, int], int], operation: Any) -> Callable[[Run, Run, Place], Run]:
    """A binary operation with a fast path for two integers, the most frequent operands.

    It is not taken for `b == 0`, so that `//` can report it, or for a result that exceeds the limit.
    """

    def make(left: Run, right: Run, place: Place) -> Run:
        def run(scope: Meanings, state: list[Any]) -> Any:
            a, b = left(scope, state), right(scope, state)
            if a.__class__ is int and b.__class__ is int and b and -LARGEST < (result := compute(a, b)) < LARGEST:
                return result
            return do(place, operation, a, b, meter_of(state))

        return run

    return make


def equality(wanted: bool, operation: Any) -> Callable[[Run, Run, Place], Run]:
    """`==` (`wanted` is True) or `!=` (False), with a fast path for two integers."""

    def make(left: Run, right: Run, place: Place) -> Run:
        def run(scope: Meanings, state: list[Any]) -> Any:
            a, b = left(scope, state), right(scope, state)
            if a.__class__ is int and b.__class__ is int:
                return (a == b) is wanted
            return do(place, operation, a, b, meter_of(state))

        return run

    return make
