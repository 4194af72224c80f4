"""What the values at a place are in the file: a number that all have, the name of a loop, or a variable of variants.

A column has one value for each time that its place is met: at the top once in each member of the family, in a loop once
in each of its rounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final

from netspec.capture.families.naming import (
    NOWHERE,
    Site,
    Variable,
    differing_arguments,
    filled,
    hole,
    holes,
    is_opposite,
    name_variables,
)
from netspec.capture.families.values import (
    Column,
    Value,
    by_chance,
    fits,
    known,
    multiple,
    of_file,
    plural,
    value_text,
    whole,
)
from netspec.capture.shaping.meanings import WIDTH, is_one_thing, kinds
from netspec.emit.naming import FreeNames

_LONGEST: Final = 100
"""Characters of values that stand where they are used; longer ones are a variable."""
_MANY: Final = 4
"""Columns that a variant gives as the rows of one table."""


class Members:
    """The whole file, in which each place is met once in each member.

    Args:
        count: how many members there are.
        taken: names that no variable may have.
        arguments: with which each member was made, by name.
    """

    def __init__(self, count: int, taken: Iterable[str], arguments: Sequence[Mapping[str, Value]] = ()) -> None:
        self.count = count
        self.variables: list[Variable] = []
        self.taken = {*taken}
        self.looped: set[str] = set()
        """Names of loops."""
        self.differing = differing_arguments(arguments)
        """The arguments of the members that differ: what variables will be called, and no loop is."""

    def text(self, column: Column, name: str, site: Site = NOWHERE) -> str:
        """What stands at a place: a value that all have, or a variable."""
        values = known(column)
        if len(values) == 1 and len(value_text(values[0])) <= _LONGEST:
            return value_text(values[0])
        for number, variable in reversed([*enumerate(self.variables)]):
            if fits(column, variable.values) and (is_one_thing(variable.base, of_file(name)) or not by_chance(values)):
                variable.used(column, site)
                return hole(number)
            if is_opposite(column, site, variable):
                return f"not {hole(number)}"
        if name == "i" and (found := self._count(column)):
            return found
        filled = [values[0] if value is None else value for value in column]
        self.variables.append(Variable(of_file(name), filled, [*column], [site]))
        return hole(len(self.variables) - 1)

    def _count(self, column: Column) -> str:
        """A number in a name as how many there are of what stands in front; empty where it is not that."""
        for number, variable in reversed([*enumerate(self.variables)]):
            if variable.base == "depth" and fits(column, variable.values):
                return hole(number)
            lengths = [str(len(value)) if isinstance(value, tuple) else None for value in variable.values]
            if None not in lengths and fits(column, lengths):
                return f"len({hole(number)})"
        return ""

    def presence(self, column: Column, inside: str) -> str:
        """Whether something is there, by how often what is in it repeats: `depth > 0`; empty where that is not it.

        Args:
            column: `true` and `false`.
            inside: the text of it.
        """
        for number in holes(inside):
            variable = self.variables[number]
            if variable.base == "depth" and [*column] == ["false" if n == "0" else "true" for n in variable.values]:
                return f"{hole(number)} > 0"
        return ""

    def finished(self, lines: Sequence[str]) -> list[str]:
        """Lines with the names of variables."""
        name_variables(self.variables, self.taken | self.looped, self.differing)
        return [filled(line, self.variables) for line in lines]

    def told(self) -> list[str]:
        """The values of the variables, as they are written."""
        return [value_text(value) for each in self.variables if each.is_own for value in each.values]


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

    def presence(self, column: Column, inside: str) -> str:
        """As `Members.presence`; what is there in all rounds or in none is asked outside."""
        parts = self.parts(column)
        if any(len(known(part)) > 1 for part in parts):
            return ""
        return self.outer.presence([next(iter(known(part)), None) for part in parts], inside)

    @property
    def count(self) -> int:
        """How often a place in it is met."""
        return sum(self.counts)

    def parts(self, column: Column) -> list[tuple[Value, ...]]:
        """A column, for each time that the loop is met."""
        ends = [0, *accumulate(self.counts)]
        return [tuple(column[a:b]) for a, b in pairwise(ends)]

    def text(self, column: Column, name: str, site: Site = NOWHERE) -> str:
        """What stands at a place: a value that all have, what stands for it outside of the loop, or an own name."""
        parts = self.parts(column)
        if all(len(known(part)) <= 1 for part in parts):
            return self.outer.text([next(iter(known(part)), None) for part in parts], name, site)
        return self._own(parts, column, name)

    def number(self, column: Column, site: Site) -> str:
        """The number in the name of an item of the loop, which two rounds may not share."""
        return self.text(column, "i", site) if max(self.counts) > 1 else self._own(self.parts(column), column, "i")

    def _own(self, parts: Sequence[tuple[Value, ...]], column: Column, name: str) -> str:
        """A name of the loop for a column, or a formula with one."""
        for own, values in self.columns.items():
            if fits(column, values):
                return own
        filled = tuple(value for part in parts for value in _filled(part, parts))
        for own, values in self.columns.items():
            found = _shifted(own, filled, values) or multiple(own, filled, values)
            if found:
                return found
        own = self._free(name)
        self.columns[own] = filled
        return own

    def _free(self, name: str) -> str:
        """A name that no loop around this one or in it has; of what a variable is called, a plain one."""
        if name in self.members.differing and WIDTH in kinds(name):
            name = "out"
        letters = ("i", "j", "k") if name == "i" else ()
        taken = self.names.union(self.members.taken, self.members.differing)
        own = FreeNames(taken)(next((x for x in letters if x not in self.names), name))
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


def head(rounds: LoopScope, site: Site, done: int = 0) -> str:
    """The head of a loop: `for: i, depth in enumerate(depths)`; `repeat: depth - 1` where its rounds are equal.

    Args:
        rounds: the loop.
        site: where it stands.
        done: how many more there are, which stand in front of it.
    """
    outer = rounds.outer

    def count() -> str:
        text = outer.text([str(n + done) for n in rounds.counts], "depth", site)
        return str(int(text) - done) if text.isdigit() else f"{text} - {done}" if done else text

    parts = {name: rounds.parts(column) for name, column in rounds.columns.items()}
    starts = {name: start for name, part in parts.items() if (start := _start(part)) is not None}
    down = [name for name, part in parts.items() if name not in starts and _counts_down(part)]
    rest = {name: list(part) for name, part in parts.items() if name not in starts and name not in down}
    if not parts:
        return f"repeat: {count()}"
    is_counted = [*starts.values()] == [0] and len(rest) == 1 and not down
    differing = sum(len(set(part)) > 1 for part in rest.values())
    if len(parts) > 1 and not is_counted and (differing == 0 == len({*rounds.counts}) - 1 or differing >= _MANY):
        rows = [tuple(zip(*column, strict=True)) for column in zip(*parts.values(), strict=True)]
        return f"for: {', '.join(parts)} in {outer.text(rows, 'rows', site)}"
    sources = {name: outer.text(part, plural(name), site) for name, part in rest.items()}
    if is_counted:
        return f"for: {', '.join((*starts, *rest))} in enumerate({', '.join(sources.values())})"
    long = f"len({next(iter(sources.values()))})" if sources and len({*rounds.counts}) > 1 else count()
    sources.update({name: _range(start, long) for name, start in starts.items()})
    sources.update({name: f"range({_plus(long, -1)}, -1, -1)" for name in down})
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


def _counts_down(parts: Sequence[tuple[Value, ...]]) -> bool:
    """Whether columns of which one has several values count down to zero."""
    return max(map(len, parts)) > 1 and all(whole(part) == [*range(len(part))][::-1] for part in parts)


def _range(start: int, count: str) -> str:
    """So many numbers from one on."""
    if start == 0:
        return f"range({count})"
    return f"range({start}, {_plus(count, start)})"


def _plus(count: str, number: int) -> str:
    """A count and a number more."""
    if count.isdigit():
        return str(int(count) + number)
    name, _, done = count.partition(" - ")
    more = number - int(done or 0)
    return f"{name} {'+' if more > 0 else '-'} {abs(more)}" if more else name
