"""What differs between equal parts, as few parameters: one may follow from another, or from what stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from netspec.capture.shaping.meanings import WIDTH, kinds, likeness, may_mean, may_say
from netspec.emit.naming import FreeNames

_WIDE: Final = 8
"""From where on numbers are hardly multiples of others by chance."""

W = TypeVar("W")
I = TypeVar("I")  # noqa: E741  # items


@dataclass
class Columns(Generic[W]):
    """The numbers of a block that differ: for each place a column, one value for each occurrence."""

    values: Mapping[W, list[Any]]
    channels: Mapping[W, list[tuple[int, int] | None]]
    """`in_channels` and `in_features` where the item of the place stands."""
    names: Mapping[W, str]
    owners: Mapping[W, Any]
    """The item that the place is in."""
    flags: Mapping[Any, str]
    """What a parameter is called that says whether an item is there."""
    missing: Any
    """In the place of a value that is not needed."""
    arguments: Mapping[str, list[Any]]
    """What the source has names for, and has other values in other occurrences."""
    meanings: Mapping[W, str]
    """The names of the layers' arguments."""


@dataclass
class Solved(Generic[W, I]):
    """The parameters of a block, and what stands in its places."""

    parameters: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    texts: dict[W, str] = field(default_factory=dict[W, str])
    conditions: dict[I, str] = field(default_factory=dict[I, str])


def formulas(
    columns: Columns[W],
    flags: Mapping[I, list[bool]],
    channels: Mapping[I, list[tuple[int, int] | None]],
    taken: Iterable[str] = (),
) -> Solved[W, I]:
    """Parameters for columns and flags: a column that equals another, or follows from it, is none; none has a name that
    is taken."""
    solved: Solved[W, I] = Solved()
    told = _told(columns)
    free = FreeNames({*taken, *(name for name, _ in told.values())})
    for where, values in columns.values.items():
        text = _follows(values, solved.parameters, columns.channels[where], columns.missing)
        own = None if text is not None else told.get(where) or _named_elsewhere(values, told, columns)
        if own is not None:
            name, text = own
            if name not in solved.parameters:
                free.take(name)
                solved.parameters[name] = list(columns.arguments[name])
        elif text is None:
            text = free(columns.names[where])
            solved.parameters[text] = list(values)
        elif text in solved.parameters:
            column = solved.parameters[text]
            solved.parameters[text] = [b if a is columns.missing else a for a, b in zip(column, values, strict=True)]
        solved.texts[where] = text
    for item, there in flags.items():
        name = _none_is_zero(item, there, solved, columns)
        if name is not None:
            zero = type(next(value for value in solved.parameters[name] if value is not columns.missing))(0)
            solved.parameters[name] = [zero if value is columns.missing else value for value in solved.parameters[name]]
            solved.conditions[item] = f"{name} > 0"
    for column in solved.parameters.values():
        known = next(value for value in column if value is not columns.missing)
        column[:] = [known if value is columns.missing else value for value in column]
    for item, there in flags.items():
        if item in solved.conditions:
            continue
        text = next(_conditions(there, solved.parameters, channels[item]), None)
        if text is None:
            text = next((name for name, column in solved.parameters.items() if column == there), None)
        if text is None:
            base = columns.flags.get(item, "present")
            told = (
                name for name, column in columns.arguments.items()
                if column == there and may_say(name, [base]) and name not in solved.parameters
            )  # fmt: skip
            text = free(next(told, base))
            solved.parameters[text] = list(there)
        solved.conditions[item] = text
    if solved.parameters.keys() <= columns.arguments.keys():
        solved.parameters = {name: solved.parameters[name] for name in columns.arguments if name in solved.parameters}
    return solved


def _named_elsewhere(
    values: Sequence[Any], told: Mapping[W, tuple[str, str]], columns: Columns[W]
) -> tuple[str, str] | None:
    """The argument that another place is called as, and that has these values, too: a padding that is the dilation."""
    return next((own for own in told.values() if own[0] == own[1] and columns.arguments[own[0]] == values), None)


def _told(columns: Columns[W]) -> dict[W, tuple[str, str]]:
    """For places, the argument of the source that has its values, or of which they are multiples; and what gives them.

    What the source calls as the layer does is called as here, where that is short: `out`, not `out_features`.
    """
    equal = {where: name for where in columns.values if (name := _equal_argument(where, columns)) is not None}
    found: dict[W, tuple[str, str]] = {}
    for where, values in columns.values.items():
        meaning, plain = columns.meanings[where], columns.names[where]
        if where in equal:
            if equal[where] == plain or equal[where] != meaning:
                found[where] = (equal[where], equal[where])
        elif WIDTH in kinds(meaning):
            widths = [name for name in columns.arguments if WIDTH in kinds(name)]
            sure = [name for name in widths if name in equal.values() or min(columns.arguments[name]) >= _WIDE]
            texts = ((name, _part_or_multiple(name, columns.arguments[name], values, columns.missing)) for name in sure)
            first = next(((name, text) for name, text in texts if text is not None), None)
            found.update({} if first is None else {where: first})
    return found


def _equal_argument(where: W, columns: Columns[W]) -> str | None:
    """The argument of the source that has the values of a place: of several that which is called most as it is here."""
    values, meaning = columns.values[where], columns.meanings[where]
    names = [
        name for name, column in columns.arguments.items()
        if may_mean(name, meaning) and _equals(values, column, columns.missing)
    ]  # fmt: skip
    return max(names, key=lambda name: (name in (meaning, columns.names[where]), likeness(name, meaning)), default=None)


def _none_is_zero(item: Any, there: Sequence[bool], solved: Solved[W, Any], columns: Columns[W]) -> str | None:
    """A parameter that says of a layer how much, and 0 where it is not there: the share of a dropout. It has no value
    where it is not there then, whatever the source has."""
    mine = [where for where in solved.texts if columns.owners[where] is item]
    name = solved.texts[mine[0]] if len(mine) == 1 else ""
    if name not in solved.parameters or sum(name in text.split() for text in solved.texts.values()) != 1:
        return None
    column = columns.values[mine[0]]
    known = [value for value in column if value is not columns.missing]
    fits = [value is not columns.missing for value in column] == list(there)
    if not fits or not all(type(value) in (int, float) and value > 0 for value in known):
        return None
    solved.parameters[name] = list(column)
    return name


def _follows(
    values: Sequence[Any],
    parameters: Mapping[str, list[Any]],
    channels: Sequence[tuple[int, int] | None],
    missing: Any,
) -> str | None:
    """What gives these values: a parameter, what stands there, or a multiple of either."""

    if any(isinstance(value, (bool, str)) for value in values):
        return next((name for name, column in parameters.items() if _equals(values, column, missing)), None)
    here = [missing if pair is None else pair[0] for pair in channels]
    known = [*parameters.items(), *([("in_channels", here)] if missing not in here else [])]
    for name, column in known:
        if _equals(values, column, missing) and (
            name != "in_channels" or _changed(column, values, missing, lambda value: value)
        ):
            return name
    texts = (_part_or_multiple(name, column, values, missing) for name, column in known)
    return next((text for text in texts if text is not None), None)


def _equals(values: Sequence[Any], other: Sequence[Any], missing: Any) -> bool:
    pairs = list(zip(values, other, strict=True))
    same = all(a is missing or b is missing or (type(a) is type(b) and a == b) for a, b in pairs)
    return same and any(a is not missing and b is not missing for a, b in pairs)


def _changed(column: Sequence[Any], values: Sequence[Any], missing: Any, change: Callable[[int], int | None]) -> bool:
    """Whether integers become these values, wherever one is needed."""
    pairs = [(a, b) for a, b in zip(values, column, strict=True) if a is not missing]
    return all(type(a) is type(b) is int and a == change(b) for a, b in pairs)


def _part_or_multiple(name: str, column: Sequence[Any], values: Sequence[Any], missing: Any) -> str | None:
    """The multiple of what has a name, or the part of it, that these values are."""
    for factor in (2, 3, 4, 6, 8):
        if _changed(column, values, missing, lambda value, factor=factor: value * factor):
            return f"{factor} * {name}"
        if _changed(column, values, missing, lambda value, factor=factor: _part(value, factor)):
            return f"{name} // {factor}"
    return None


def _part(value: int, factor: int) -> int | None:
    """A part of a number; half of a kernel is rounded down."""
    return value // factor if factor == 2 or value % factor == 0 else None


def _conditions(
    there: Sequence[bool], parameters: Mapping[str, list[Any]], channels: Sequence[tuple[int, int] | None]
) -> Iterator[str]:
    """Conditions that hold where the item is there: `stride != 1 or in_channels != out`."""
    tests: dict[str, list[bool]] = {}
    for name, column in parameters.items():
        if all(type(value) is int for value in column):
            tests[f"{name} != 1"] = [value != 1 for value in column]
            if not all(pair is not None for pair in channels):
                continue
            for factor in (1, 4, 2):
                pairs = zip(column, channels, strict=True)
                text = f"in_channels != {name}" if factor == 1 else f"in_channels != {factor} * {name}"
                tests[text] = [pair is not None and pair[0] != factor * value for value, pair in pairs]
    for text, result in tests.items():
        if result == list(there):
            yield text
    for a, first in tests.items():
        for b, second in tests.items():
            if a != b and [x or y for x, y in zip(first, second, strict=True)] == list(there):
                yield f"{a} or {b}"
