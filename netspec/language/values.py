"""Named values: what a name stands for, and where it is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from netspec.diagnostics import Span
from netspec.expressions.values import Family, Index, Value, member
from netspec.language.flow import Flow


class NamedValue(Value):
    """A value that `as` has named, with what is known of the place where it stood."""

    __slots__ = ("flow", "name", "slot", "span")

    def __init__(self, name: str, slot: int, flow: Flow, span: Span) -> None:
        self.name: Final = name
        self.slot: Final = slot
        self.flow: Final = flow
        self.span: Final = span

    def __repr__(self) -> str:
        return self.name


Bound = NamedValue | Family | object
"""What a name of a value stands for; UNKNOWN where its value was reported."""


class Asked:
    """Where values were named that something has read. One for each walk."""

    __slots__ = ("_families", "_spans")

    def __init__(self) -> None:
        self._spans: set[Span] = set()
        self._families: dict[int, Family] = {}
        """Whoever reads one value of a family has read the family, with those that are named later."""

    def add(self, bound: Bound) -> None:
        """A value, or a family, is read."""
        if isinstance(bound, NamedValue):
            self._spans.add(bound.span)
        elif isinstance(bound, Family):
            self._families[id(bound)] = bound

    def rebind(self, family: Family, index: Index, value: NamedValue) -> None:
        """Name another value under an index of a family; what had it before counts as read if the family was."""
        if id(family) in self._families:
            self._spans.update(spans_of(family.values.get(index)))
        family.values[index] = value

    def spans(self) -> set[Span]:
        """All of these places."""
        return self._spans.union(*map(spans_of, self._families.values()))


class ValueNames:
    """The names of values in one list: a net's, a block's or a branch's. A branch also reads those around it."""

    __slots__ = ("asked", "names", "outer")

    def __init__(self, asked: Asked, outer: ValueNames | None = None) -> None:
        self.names: dict[str, Bound] = {}
        self.outer = outer
        self.asked = asked

    def branch(self) -> ValueNames:
        """The names of a branch of this list."""
        return ValueNames(self.asked, self)

    def find(self, name: str) -> Bound | None:
        """What a name stands for, or None; counts as reading it."""
        here: ValueNames | None = self
        while here is not None:
            found = here.names.get(name)
            if found is not None:
                self.asked.add(found)
                return found
            here = here.outer
        return None

    def here(self, name: str) -> Bound | None:
        """What a name stands for, or None; does not count as reading it."""
        return self.names[name] if name in self.names else self.around(name)

    def around(self, name: str) -> Bound | None:
        """What a name stands for in the lists around this one, or None."""
        here = self.outer
        while here is not None:
            if name in here.names:
                return here.names[name]
            here = here.outer
        return None

    def is_family(self, name: str) -> bool:
        """Whether a name in sight stands for a family; does not count as reading it."""
        here: ValueNames | None = self
        while here is not None and name not in here.names:
            here = here.outer
        return here is not None and isinstance(here.names[name], Family)

    def known(self) -> Iterator[str]:
        """Every name in sight."""
        here: ValueNames | None = self
        while here is not None:
            yield from here.names
            here = here.outer


def spans_of(bound: Bound) -> Iterable[Span]:
    """Where a value, or each of a family, was named."""
    if isinstance(bound, NamedValue):
        return (bound.span,)
    return [value.span for value in bound if isinstance(value, NamedValue)] if isinstance(bound, Family) else ()


def member_name(name: str, family: Family, index: Index) -> str:
    """A member under the family's name, or, where a list of values has none, under its own."""
    return member(name, index) if name.isidentifier() else repr(family.values[index])


def members(name: str, family: Family) -> str:
    """`p[3]`, `p[4]`, …"""
    shown = [f"`{member_name(name, family, index)}`" for index in sorted(family.values)[:4]]
    return ", ".join([*shown, *(["…"] if len(family) > 4 else [])])
