"""Which value stands where: `use` in front of what takes another one, and names for what is read again."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable
from typing import Final

from netspec.capture.graph import Place, Traced
from netspec.capture.items import PlacedItem
from netspec.emit.naming import FreeNames
from netspec.language.reserved import RESERVED, reserved

JOINS: Final = frozenset(("add", "mul", "concat", "stack", "einsum", "attend"))


class BodyNames:
    """The names of one body: that of the network, or of a block.

    Args:
        known: values that have names from the beginning.
        taken: names that no value may have.
    """

    def __init__(self, known: dict[Traced, str], taken: Iterable[str] = ()) -> None:
        self.names = dict(known)
        self._free = FreeNames({*known.values(), *taken})
        self._makers: dict[Traced, PlacedItem] = {}
        self._heads: dict[Traced, list[PlacedItem]] = {}

    def scheduled(self, items: list[PlacedItem], current: Traced | None) -> tuple[list[PlacedItem], Traced | None]:
        """The items of a list with `use` where another value is needed, and the value that stands at its end."""
        done: list[PlacedItem] = []
        if current is not None and current not in self._makers and current not in self._heads:
            self._heads[current] = done
        for item in items:
            if item.word not in JOINS and item.takes is not None and item.takes is not current:
                self.use(item.takes, done)
                current = item.takes
            for value in item.values():
                if value is not current or item.word not in JOINS:
                    self.need(value)
            item.takes = current
            if item.body is not None and item.call is None:
                item.body, last = self.scheduled(item.body, current)
                if item.gives and last is not item.gives[0]:
                    self.use(item.gives[0], item.body)
            done.append(item)
            nested = item.body is not None and item.call is None
            for value in item.gives[:1] if nested else item.gives:  # what else a nested list gives has its names inside
                self._makers[value] = item
            current = item.gives[0] if item.gives else current
        return done, current

    def use(self, value: Traced, done: list[PlacedItem]) -> None:
        """Put another value in the place of the one that stands there."""
        self.need(value)
        done.append(PlacedItem("use", None, (value,), terms=(value,)))

    def need(self, value: Traced) -> str:
        """The name of a value."""
        if value in self.names:
            return self.names[value]
        maker = self._makers.get(value)
        base = _name_of(value, maker.place if maker is not None else None) or "x"
        name = self._free(base if reserved(base) is None and base not in RESERVED else f"{base}_value")
        self.names[value] = name
        if maker is not None:
            if not maker.labels:
                maker.labels = [None] * len(maker.gives)
            maker.labels[maker.gives.index(value)] = name
        elif value in self._heads:
            self._heads[value].insert(0, PlacedItem("as", value, (value,), labels=[name]))
        else:
            raise AssertionError(f"a value of the shape {value.shape} is read before it is made")
        return name


_ASSIGNED: Final = re.compile(r"\s*([A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?::[^=]+)?[-+*/@|&]?=(?!=)")


def _name_of(value: Traced, place: Place | None) -> str | None:
    """The name that the program gives to what is made in a line."""
    place = value.maker.place if value.maker is not None and value.maker.place is not None else place
    found = _ASSIGNED.match(linecache.getline(place.file, place.line)) if place is not None else None
    if found is None:
        return None
    names = [name.strip().strip("_").lower() for name in found[1].split(",")]
    at = value.maker.results.index(value) if value.maker is not None and value in value.maker.results else 0
    return names[at] if at < len(names) else None
