"""What the values at a place are in the file: a number that all have, the name of a loop, or a variable of variants.

A column has one value for each time that its place is met: at the top once in each member of the family, in a loop once
in each of its rounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final, cast

from netspec.emit.naming import FreeNames
from netspec.language.reserved import RESERVED, reserved

Value = str | tuple["Value", ...] | None
"""A number or a word as it is written, several of them, or None where its item is not there."""
Column = Sequence[Value]

_LONGEST: Final = 100
"""Characters of values that stand where they are used; longer ones are a variable."""
_MANY: Final = 4
"""Columns that a variant gives as the rows of one table."""
_SIZE: Final = 16
"""From where on equal numbers are no chance."""
_HOLE: Final = re.compile(r"\x02(\d+)\x02")
_WIDE: Final = 8
"""From where on a number is no count."""
_OPPOSITE: Final[dict[Value, Value]] = {"true": "false", "false": "true"}
_FACTORS: Final = (2, 3, 4, 6, 8)
_OF_FILE: Final = {"out": "width", "outs": "widths", "all_outs": "all_widths", "n": "size", "ns": "sizes"}


def known(column: Iterable[Value]) -> list[Value]:
    """The values that there are, each once."""
    return list(dict.fromkeys(value for value in column if value is not None))


def value_text(value: Value) -> str:
    """A value as it is written."""
    return value or "" if not isinstance(value, tuple) else f"[{', '.join(map(value_text, value))}]"


def is_alone(front: str, behind: str) -> bool:
    """Whether a value is no part of an expression, by what stands in front of it and behind it."""
    return bool(re.search(r"(: |[\[,(] ?|in )$", front) and re.match(r"$|\n|[\],)}]", behind))


def plural(name: str) -> str:
    """What several of a name are called.

    >>> plural("depth"), plural("out_2"), plural("heads"), plural("all_heads")
    ('depths', 'outs_2', 'all_heads', 'heads_lists')
    """
    base, number = cast("re.Match[str]", re.fullmatch(r"(.*?)(_\d+)?", name)).groups(default="")
    if base.startswith("all_"):
        return f"{base.removeprefix('all_')}_lists{number}"
    return f"all_{base}{number}" if base.endswith("s") else f"{base}s{number}"


def of_file(name: str) -> str:
    """What a number of a layer is called as one of the whole file."""
    base, number = cast("re.Match[str]", re.fullmatch(r"(.*?)(_\d+)?", name)).groups(default="")
    return f"{_OF_FILE.get(base, base)}{number}"


@dataclass(eq=False)
class Variable:
    """A name of the file with a value for each member, or one for all."""

    base: str
    values: list[Value]
    name: str = ""
    """As it stands where it is used: a name, or a formula with the name of another."""
    is_own: bool = True
    """Whether it is no formula."""


class Members:
    """The whole file, in which each place is met once in each member.

    Args:
        taken: names that no variable may have.
    """

    def __init__(self, count: int, taken: Iterable[str]) -> None:
        self.count = count
        self.variables: list[Variable] = []
        self.taken = {*taken}
        self.looped: set[str] = set()
        """Names of loops."""

    def text(self, column: Column, name: str) -> str:
        """What stands at a place: a value that all have, or a variable."""
        values = known(column)
        if len(values) == 1 and len(value_text(values[0])) <= _LONGEST:
            return value_text(values[0])
        for number, variable in reversed([*enumerate(self.variables)]):
            if _fits(column, variable.values) and (variable.base == of_file(name) or not _by_chance(values)):
                return f"\2{number}\2"
            if [*map(_OPPOSITE.get, column)] == variable.values:
                return f"not \2{number}\2"
        self.variables.append(Variable(of_file(name), [values[0] if value is None else value for value in column]))
        return f"\2{len(self.variables) - 1}\2"

    def finished(self, lines: Sequence[str]) -> list[str]:
        """Lines with the names of variables."""
        self._name()

        def put(match: re.Match[str]) -> str:
            variable = self.variables[int(match[1])]
            front, behind = match.string[: match.start()], match.string[match.end() :]
            return variable.name if variable.is_own or is_alone(front, behind) else f"({variable.name})"

        return [_HOLE.sub(put, line) for line in lines]

    def told(self) -> list[str]:
        """The values of the variables, as they are written."""
        return [value_text(value) for each in self.variables if each.is_own for value in each.values]

    def _name(self) -> None:
        """Name the variables; one that is a multiple of another is a formula."""
        free = FreeNames(self.taken | self.looped)
        for variable in self.variables:
            usable = reserved(variable.base) is None and variable.base not in RESERVED
            variable.name = free(variable.base if usable else f"{variable.base}_")
        for variable in self.variables:
            others = [other for other in self.variables if other.is_own and other is not variable]
            found = next(filter(None, (_formula(variable, other) for other in others)), "")
            if found:
                variable.name, variable.is_own = found, False


def _formula(variable: Variable, other: Variable) -> str:
    """A variable as multiples of another; empty if it is none."""
    if not any(isinstance(value, tuple) for value in variable.values):
        return _multiple(other.name, variable.values, other.values)
    lists = [value for value in variable.values if isinstance(value, tuple)]
    base = whole(other.values)
    if base is None or min(base) < _WIDE or len({len(each) for each in lists}) > 1 or len(lists) < len(base):
        return ""
    found: list[str] = []
    for column in zip(*lists, strict=True):
        mine = whole(column)
        factor = mine[0] // base[0] if mine is not None and base[0] else 0
        if mine is None or mine != [factor * value for value in base]:
            return ""
        found.append(other.name if factor == 1 else f"{factor} * {other.name}")
    text = f"[{', '.join(found)}]"
    return text if len(text) <= _LONGEST else ""


def _fits(column: Column, values: Column) -> bool:
    """Whether values stand for a column, of which some may not be needed."""
    return all(a is None or a == b for a, b in zip(column, values, strict=True))


def _by_chance(values: Sequence[Value]) -> bool:
    """Whether two columns may have these values without meaning the same."""
    return not all(isinstance(value, str) and value.isdigit() and int(value) >= _SIZE for value in values)


def _multiple(name: str, values: Sequence[Value], others: Sequence[Value]) -> str:
    """Values as a multiple of those that have a name; empty if they are none."""
    if _by_chance(values) or _by_chance(others):
        return ""
    mine, theirs = whole(values), whole(others)
    assert mine is not None
    assert theirs is not None
    return next((f"{factor} * {name}" for factor in _FACTORS if mine == [factor * value for value in theirs]), "")


@dataclass(eq=False)
class LoopScope:
    """A loop, in which each place is met once in each of its rounds.

    Args:
        outer: what the loop stands in.
        counts: how many rounds it has, each time that it is met there.
    """

    outer: Scope
    counts: list[int]
    columns: dict[str, tuple[Value, ...]] = field(default_factory=dict[str, tuple[Value, ...]])
    """What differs in its rounds, by the names that it has there."""

    def __post_init__(self) -> None:
        self.names: set[str] = set() if isinstance(self.outer, Members) else self.outer.names
        self.members: Members = self.outer if isinstance(self.outer, Members) else self.outer.members

    @property
    def count(self) -> int:
        """How often a place in it is met."""
        return sum(self.counts)

    def parts(self, column: Column) -> list[tuple[Value, ...]]:
        """A column, for each time that the loop is met."""
        ends = [0, *accumulate(self.counts)]
        return [tuple(column[a:b]) for a, b in pairwise(ends)]

    def text(self, column: Column, name: str) -> str:
        """What stands at a place: a value that all have, what stands for it outside of the loop, or an own name."""
        parts = self.parts(column)
        if all(len(known(part)) <= 1 for part in parts):
            return self.outer.text([next(iter(known(part)), None) for part in parts], name)
        for own, values in self.columns.items():
            if _fits(column, values):
                return own
        filled = tuple(value for part in parts for value in _filled(part, parts))
        for own, values in self.columns.items():
            found = _shifted(own, filled, values) or _multiple(own, filled, values)
            if found:
                return found
        own = self._free(name)
        self.columns[own] = filled
        return own

    def _free(self, name: str) -> str:
        """A name that no loop around this one or in it has."""
        letters = ("i", "j", "k") if name == "i" else ()
        own = FreeNames(self.names | self.members.taken)(next((x for x in letters if x not in self.names), name))
        self.names.add(own)
        self.members.looped.add(own)
        return own


Scope = Members | LoopScope


def _filled(part: tuple[Value, ...], parts: Sequence[tuple[Value, ...]]) -> list[Value]:
    """A part of a column with a value in the place of each that is not needed: what another part has there."""
    some = next(iter(known(value for each in (part, *parts) for value in each)))
    return [
        next((each[at] for each in (part, *parts) if at < len(each) and each[at] is not None), some)
        for at in range(len(part))
    ]


def _shifted(name: str, values: Sequence[Value], others: Sequence[Value]) -> str:
    """Values that count up with those of a name: `i - 1`, `i + 2`; empty where they do not."""
    mine, theirs = whole(values), whole(others)
    if mine is None or theirs is None or len({a - b for a, b in zip(mine, theirs, strict=True)}) != 1:
        return ""
    if any(b - a != 1 for a, b in pairwise(sorted({*mine}))):
        return ""
    shift = mine[0] - theirs[0]
    return f"{name} {'-' if shift < 0 else '+'} {abs(shift)}"


def whole(values: Sequence[Value]) -> list[int] | None:
    """Whole numbers; None if they are none."""
    if not all(isinstance(value, str) and value.isdigit() for value in values):
        return None
    return [int(cast("str", value)) for value in values]


def head(rounds: LoopScope, done: int = 0) -> str:
    """The head of a loop: `for: i, depth in enumerate(depths)`; `repeat: depth - 1` where its rounds are equal.

    Args:
        rounds: the loop.
        done: how many more there are, which stand in front of it.
    """
    outer = rounds.outer

    def count() -> str:
        text = outer.text([str(n + done) for n in rounds.counts], "depth")
        return str(int(text) - done) if text.isdigit() else f"{text} - {done}" if done else text

    parts = {name: rounds.parts(column) for name, column in rounds.columns.items()}
    starts = {name: start for name, part in parts.items() if (start := _start(part)) is not None}
    rest = {name: list(part) for name, part in parts.items() if name not in starts}
    if not parts:
        return f"repeat: {count()}"
    is_counted = [*starts.values()] == [0] and len(rest) == 1
    differing = sum(len(set(part)) > 1 for part in rest.values())
    if len(parts) > 1 and not is_counted and (differing == 0 == len({*rounds.counts}) - 1 or differing >= _MANY):
        rows = [tuple(zip(*column, strict=True)) for column in zip(*parts.values(), strict=True)]
        return f"for: {', '.join(parts)} in {outer.text(rows, 'rows')}"
    sources = {name: outer.text(part, plural(name)) for name, part in rest.items()}
    if is_counted:
        return f"for: {', '.join((*starts, *rest))} in enumerate({', '.join(sources.values())})"
    long = f"len({next(iter(sources.values()))})" if sources and len({*rounds.counts}) > 1 else count()
    sources.update({name: _range(start, long) for name, start in starts.items()})
    texts = [sources[name] for name in parts]
    source = texts[0] if len(texts) == 1 else f"zip({', '.join(texts)})"
    return f"for: {', '.join(parts)} in {source}"


def _start(parts: Sequence[tuple[Value, ...]]) -> int | None:
    """From where columns count up; None where they do not."""
    numbers = [whole(part) for part in parts]
    start = next((each[0] for each in numbers if each), 0)
    if any(each is None or each != [*range(start, start + len(each))] for each in numbers):
        return None
    return start


def _range(start: int, count: str) -> str:
    """So many numbers from one on."""
    if start == 0:
        return f"range({count})"
    return f"range({start}, {int(count) + start if count.isdigit() else f'{count} + {start}'})"
