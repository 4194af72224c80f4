"""What the variables of a family are called: as an argument of the members, else as what they are and where."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from netspec.capture.families.values import Column, Value, fits, is_alone, multiple, root, whole
from netspec.capture.shaping.meanings import WIDTH, WORDS, is_usable, kinds, may_mean, may_say
from netspec.emit.naming import FreeNames
from netspec.language.reserved import reserved

_LONGEST: Final = 100
_HOLE: Final = re.compile(r"\x02(\d+)\x02")
_LESS: Final = re.compile(r"\((\w+) - (\d+)\) - (\d+)")
_WIDE: Final = 8
"""From where on a number is no count."""
_OPPOSITE: Final[dict[Value, Value]] = {"true": "false", "false": "true"}
_TRUTHS: Final = frozenset(_OPPOSITE)


class Site(NamedTuple):
    """Where a value stands."""

    home: str = ""
    """What its item, or the list around that, is called in the module."""
    item: int = 0
    """Equal for the values of one item."""
    kin: frozenset[str] = frozenset()
    """Of an item that may be there or not: what else is in its place has one of these."""


NOWHERE: Final = Site()


@dataclass(eq=False)
class Variable:
    """A name of the file with a value for each member, or one for all."""

    base: str
    values: list[Value]
    column: list[Value]
    """The same, but None where no value is needed."""
    sites: list[Site]
    """Where it is used."""
    name: str = ""
    """As it stands where it is used: a name, or a formula with marks of others."""
    is_own: bool = True
    """Whether it is no formula."""

    def used(self, column: Column, site: Site) -> None:
        """Note that it stands for a column, too."""
        self.column = [own if value is None else value for own, value in zip(self.column, column, strict=True)]
        self.sites.append(site)

    def is_flag(self) -> bool:
        """Whether it says yes or no."""
        return {*self.values} <= _TRUTHS


# ---- marks, which stand for variables until all have their names


def hole(number: int) -> str:
    """The mark of a variable."""
    return f"\2{number}\2"


def holes(text: str) -> list[int]:
    """The variables of which there are marks in a text."""
    return [int(match[1]) for match in _HOLE.finditer(text)]


def filled(text: str, variables: Sequence[Variable]) -> str:
    """A text with names and formulas in the place of marks."""

    def put(match: re.Match[str]) -> str:
        variable = variables[int(match[1])]
        name = variable.name if variable.is_own else filled(variable.name, variables)
        front, behind = match.string[: match.start()], match.string[match.end() :]
        return name if name.isidentifier() or is_alone(front, behind) else f"({name})"

    return _LESS.sub(lambda match: f"{match[1]} - {int(match[2]) + int(match[3])}", _HOLE.sub(put, text))


def is_opposite(column: Column, site: Site, variable: Variable) -> bool:
    """Whether a column says that something is in the place of what a variable says to be there."""
    is_other = [*map(_OPPOSITE.get, column)] == variable.values
    return is_other and any(site.kin & other.kin for other in variable.sites)


# ---- names


def name_variables(variables: list[Variable], taken: set[str], columns: Mapping[str, list[Value]]) -> None:
    """Give each variable its name, or a formula with the mark of another.

    Args:
        variables: of the file; one may be added, of which others are formulas.
        taken: names that none may have.
        columns: the arguments that differ, each with the values that the members were made with.
    """
    for variable in variables:
        others = [(n, other) for n, other in enumerate(variables) if other.is_own and other is not variable]
        for number, other in others:
            found = _formula(variable, other, hole(number))
            if found:
                variable.name, variable.is_own = found, False
                other.sites += variable.sites
                break
    free = FreeNames(taken)
    _named_by_arguments(variables, {name: each for name, each in columns.items() if is_usable(name, taken)})
    _counted_from_one(variables, columns)
    for variable in variables:
        if variable.name and variable.is_own:
            free.take(variable.name)
    rest = [variable for variable in variables if not variable.name]
    chosen = taken | {variable.name for variable in variables if variable.is_own}
    bases = [variable.base for variable in rest]
    for variable in rest:
        base = variable.base
        if base in chosen or bases.count(base) > 1:
            base = _at_home(variable)
        usable = reserved(base) is None and base not in WORDS
        variable.name = free(base if usable else f"{base}_")


def differing_arguments(arguments: Sequence[Mapping[str, Value]]) -> dict[str, list[Value]]:
    """The arguments that all members have, and that differ, with the values of each."""
    if not arguments:
        return {}
    columns = {
        name: [each[name] for each in arguments] for name in arguments[0] if all(name in each for each in arguments)
    }
    return {name: column for name, column in columns.items() if len({*column}) > 1}


def _at_home(variable: Variable) -> str:
    """The name of a variable with that of the only place where it is used."""
    homes = {site.home for site in variable.sites}
    home = homes.pop() if len(homes) == 1 else ""
    if not home or home in variable.base:
        return variable.base
    if variable.base.startswith("has_"):
        return f"has_{home}_{variable.base.removeprefix('has_')}"
    return f"{home}_{variable.base}"


# ---- arguments


def _named_by_arguments(variables: Sequence[Variable], columns: Mapping[str, list[Value]]) -> None:
    """Name the variables that have the values of one argument each, by it."""
    claims: dict[str, list[Variable]] = {}
    for variable in variables:
        if variable.is_own:
            names = [name for name, each in columns.items() if fits(variable.column, each) and _suits(variable, name)]
            names = [name for name in names if name == variable.base] or names
            if len(names) == 1:
                claims.setdefault(names[0], []).append(variable)
    for name, claimed in claims.items():
        first, *more = claimed
        places = [{site.item for site in each.sites if site.item} for each in claimed]
        if more and not places[0].intersection(*places[1:]):
            alike = [each for each in claimed if name in each.base or each.base in name]
            if len(alike) != 1:
                continue  # equal by chance, perhaps
            first, more = alike[0], []
        first.name = name
        for variable in more:
            if fits(variable.column, first.values):
                variable.name, variable.is_own = hole(variables.index(first)), False


def _suits(variable: Variable, argument: str) -> bool:
    """Whether an argument may mean a variable, by the words in their names."""
    if variable.is_flag():
        texts = [variable.base, *(word for site in variable.sites for word in (site.home, *site.kin))]
        return may_say(argument, texts)
    return may_mean(argument, variable.base)


def _counted_from_one(variables: list[Variable], columns: Mapping[str, list[Value]]) -> None:
    """Say how often something repeats that stands once more beside its loop: `depth - 1`."""
    for variable in [each for each in variables if each.is_own and not each.name and each.base in ("depth", "i")]:
        mine = whole(variable.values)
        for name, column in columns.items():
            theirs = whole(column)
            if mine is None or theirs is None or theirs != [n + 1 for n in mine] or not _suits(variable, name):
                continue
            known = next((n for n, each in enumerate(variables) if each.is_own and each.values == column), None)
            if known is None:
                known = len(variables)
                named = name if is_usable(name, {each.name for each in variables}) else ""
                variables.append(Variable("depth", column, column, [], named))
            variable.name, variable.is_own = f"{hole(known)} - 1", False
            break


# ---- formulas


def _formula(variable: Variable, other: Variable, name: str) -> str:
    """A variable as multiples of another, or as a root; empty if it is none."""
    if not any(isinstance(value, tuple) for value in variable.values):
        scaled = multiple(name, variable.values, other.values)
        return scaled or (root(name, variable.values, other.values) if WIDTH in kinds(other.base) else "")
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
        found.append(name if factor == 1 else f"{factor} * {name}")
    text = f"[{', '.join(found)}]"
    return text if len(text) <= _LONGEST else ""
