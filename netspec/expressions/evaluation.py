"""What the closures of an expression do when they run, and how it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from netspec.diagnostics import Code
from netspec.dims import UNKNOWN, Unmet
from netspec.expressions.operations import LARGEST, Meter, Refused, Undecided, listed, shown


class ExpressionError(Exception):
    """An expression cannot be read or evaluated.

    `message` says why; `start` and `end` are offsets into the expression's text, in code points; `code` is the
    diagnostic's; `name` is the name that is not in scope, if that is the reason.
    """

    def __init__(
        self, message: str, start: int, end: int, code: Code = "expression-syntax", name: str | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.code: Code = code
        self.name = name


class NeedsNumber(ExpressionError):  # part of the public vocabulary
    """The value hangs on a symbol that has no number yet."""


class Meanings(Protocol):
    """What names mean: any mapping. Raises `KeyError` for names that it does not have."""

    def __getitem__(self, name: str, /) -> object: ...


Run = Callable[[Meanings, list[Any]], Any]
"""A compiled node: takes the scope, and a list that holds the meter and the comprehensions' variables."""


Place = tuple[int, int]
"""Start and end in the expression's text."""

Target = int | list[Any]
"""A slot, or one target for each item of what is unpacked."""


def nothing(scope: Meanings, state: list[Any]) -> None:
    """A bound of a slice that is not written."""


def meter_of(state: list[Any]) -> Meter:
    """The meter of this evaluation, made when it is first needed."""
    if state[0] is None:
        state[0] = Meter()
    return state[0]


def do(place: Place, operation: Callable[..., Any], *arguments: Any) -> Any:
    """Do it, or say where it failed."""
    try:
        return operation(*arguments)
    except Refused as error:
        raise ExpressionError(error.message, *place, error.code) from None
    except Unmet as error:  # a formula that grew too long
        raise NeedsNumber(error.problem.message, *place, error.problem.code) from None
    except Undecided as error:
        message = f"this cannot be decided while `{error.size}` stands for a number that is not given"
        raise NeedsNumber(message, *place, "needs-number") from None


def bind(target: Target, value: Any, state: list[Any], place: Place) -> None:
    """Give the variables of a `for` their values."""
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
    """Look a name up."""

    def run(scope: Meanings, state: list[Any]) -> Any:
        try:
            return scope[name]
        except KeyError:
            raise ExpressionError(f"there is no `{name}` here", start, end, "unknown-name", name) from None

    return run


def quick(compute: Callable[[int, int], int], operation: Any) -> Callable[[Run, Run, Place], Run]:
    """An operation that has a short way for two integers: most of what specs compute."""

    def make(left: Run, right: Run, place: Place) -> Run:
        def run(scope: Meanings, state: list[Any]) -> Any:
            a, b = left(scope, state), right(scope, state)
            if a.__class__ is int and b.__class__ is int and b and -LARGEST < (result := compute(a, b)) < LARGEST:
                return result  # b is tested for the sake of division; a + 0 takes the long way
            return do(place, operation, a, b, meter_of(state))

        return run

    return make


def equality(wanted: bool, operation: Any) -> Callable[[Run, Run, Place], Run]:
    """`==` (wanted) or `!=`, with a short way for two integers."""

    def make(left: Run, right: Run, place: Place) -> Run:
        def run(scope: Meanings, state: list[Any]) -> Any:
            a, b = left(scope, state), right(scope, state)
            if a.__class__ is int and b.__class__ is int:
                return (a == b) is wanted
            return do(place, operation, a, b, meter_of(state))

        return run

    return make
