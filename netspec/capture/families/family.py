"""The layers of a family's members as those of one spec, with the variables that a variant sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from netspec.capture.families.aligning import Row, aligned, difference
from netspec.capture.families.columns import Members
from netspec.capture.families.progressions import progression, told
from netspec.capture.families.tree import ListRecorder, read
from netspec.capture.families.values import Value, value_text
from netspec.capture.families.writing import entries
from netspec.capture.graph import NotCaptured
from netspec.writing import written

DIFFERENT: Final = (
    "the members are too different to be variants of one file, which say other numbers, counts and blocks of one list "
    "of layers: {}; import each by itself"
)
_LONGEST: Final = 116


class FamilyLayers:
    """Members of a family, side by side.

    Args:
        parameters: of each block, the names of what it is given.
        taken: names that no variable may have.
        arguments: with which each member was made, by name.
    """

    def __init__(
        self, parameters: Mapping[str, Sequence[str]], taken: set[str], arguments: Sequence[Mapping[str, Value]] = ()
    ) -> None:
        self.parameters = parameters
        self._arguments = arguments
        self._taken = {*taken, *parameters}
        self._members = Members(0, ())

    def lines(self, recorders: Sequence[ListRecorder], names: Sequence[str]) -> list[str]:
        """The lines of the layers.

        Args:
            recorders: of each member the lists of its layers, that of the network last.
            names: of the members.

        Raises:
            NotCaptured: the members are not the same but for what variables say.
        """
        lists = [read(each, len(each.lists) - 1, number, self.parameters) for number, each in enumerate(recorders)]
        found = [
            self._written(*aligned(lists, from_end=from_end, is_behind=is_behind))
            for is_behind in (False, True)
            for from_end in (False, True)
        ]
        known = [each for each in found if each is not None]
        if not known:
            raise NotCaptured(DIFFERENT.format(_difference(*aligned(lists), names)))
        self._members, text = min(known, key=lambda each: sum(map(len, (*each[1], *each[0].told()))))
        return text

    def _written(self, classes: Sequence[int], rows: Sequence[Row]) -> tuple[Members, list[str]] | None:
        """The variables and the lines of members side by side; None where they are not the same."""
        if len({*classes}) > 1:
            return None
        members = Members(len(rows), self._taken, self._arguments)
        found = entries(rows, members)
        return members, members.finished([f"  {line}" for entry in found for line in entry])

    def tables(self) -> dict[str, list[str]]:
        """Variables that are the same in all members: lists that are too long for the place where they are used."""
        return {
            variable.name: [f"- {value_text(value)}" for value in variable.values[0] or ()]
            for variable in self._members.variables
            if variable.is_own and len(set(variable.values)) == 1
        }

    def variants(self, names: Sequence[str]) -> list[str]:
        """The lines of the variants."""
        found = ["variants:"]
        longest = max(len(written(name)) for name in names)
        for number, name in enumerate(names):
            given = self._given(number)
            key = f"{written(name)}:".ljust(longest + 1)
            line = f"  {key} {{{', '.join(f'{own}: {value}' for own, (value, _) in given.items())}}}"
            if len(line) <= _LONGEST:
                found.append(line)
            else:
                found.append(f"  {written(name)}:")
                found += [line for own, value in given.items() for line in _lines(own, *value)]
        return [*found, ""]

    def _given(self, number: int) -> dict[str, tuple[str, list[str]]]:
        """What a variant sets: each value as it is written, and the values in it."""
        steps = progression(variable.values[number] for variable in self._members.variables)
        found: dict[str, tuple[str, list[str]]] = {}
        for variable in self._members.variables:
            value = variable.values[number]
            if variable.is_own and len(set(variable.values)) > 1:
                inner = value if isinstance(value, tuple) else ()
                found[variable.name] = told(value, steps), [told(each, steps) for each in inner]
        return found


def _lines(name: str, value: str, values: Sequence[str]) -> list[str]:
    """A value under the name of a variant; a long list over several lines."""
    line = f"    {name}: {value}"
    if len(line) <= _LONGEST or not values or value.startswith('"'):
        return [line]
    return [f"    {name}:", *(f"      - {each}" for each in values)]


def _told(line: str) -> str:
    return f"`{line}`" if line else "nothing more"


def _difference(classes: Sequence[int], rows: Sequence[Row], names: Sequence[str]) -> str:
    """Where a member is another than the first."""
    number = next(number for number, each in enumerate(classes) if each != classes[0])
    mine, theirs, place = difference(rows[0], rows[number])
    where = f"in `{place}`, where" if place else "where"
    return f"{where} `{names[0]}` has {_told(mine)}, `{names[number]}` has {_told(theirs)}"
