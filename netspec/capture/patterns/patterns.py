"""What a program writes out in several steps and a spec has a word for: looked for in lists of items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from torch import Tensor

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, all_of, leaves_of, lists_of, read_counts, rename

ShapeOf = Callable[[Traced], tuple[int, ...]]


_MOVES: Final = frozenset(("Rearrange", "Flatten", "Unflatten", "Slice", "Chunk"))


def once(items: list[PlacedItem], outputs: Sequence[Traced]) -> None:
    """Let what moves or cuts the same value in the same way, twice in one list of items, be there once."""
    given = {*outputs, *(value for item in all_of(items) if item.body is not None for value in item.gives)}
    for body in lists_of(items):
        known: dict[tuple[str, Traced | None, str], PlacedItem] = {}
        for item in list(body):
            if item.word not in _MOVES or item.path or item.body is not None or item.reads or item.options:
                continue
            first = known.setdefault((item.word, item.takes, repr(item.arguments)), item)
            if first is not item and len(first.gives) == len(item.gives) and given.isdisjoint(item.gives):
                body.remove(item)
                for old, new in zip(item.gives, first.gives, strict=True):
                    rename(items, old, new)


class ItemGraph:
    """Who gives and who reads each value of a network's items."""

    def __init__(self, items: list[PlacedItem], outputs: Sequence[Traced]) -> None:
        self.counts = read_counts(items, outputs)
        self.makers: dict[Traced, PlacedItem] = {}
        for item in leaves_of(items):
            self.makers.update(dict.fromkeys(item.gives, item))

    def maker(self, value: Traced) -> PlacedItem | None:
        """The layer that gives a value."""
        return self.makers.get(value)

    def used_once(self, value: Traced) -> PlacedItem | None:
        """The layer that gives a value, if one other reads it."""
        return self.makers.get(value) if self.counts[value] == 1 else None

    def product(self, item: PlacedItem | None) -> tuple[Traced, Tensor] | None:
        """Of a product with numbers that stand in the spec, the value and the numbers; None of what is none."""
        if item is None or item.word != "mul" or len(item.branches) != 2:
            return None
        for x, other in (item.branches, item.branches[::-1]):
            numbers = self.maker(other)
            if numbers is not None and numbers.word == "Buffer" and not numbers.keys and numbers.numbers is not None:
                return x, numbers.numbers
        return None

    def dropped(self, items: list[PlacedItem], value: Traced) -> None:
        """Take away what gives a value that nobody reads any more, and so on upwards."""
        self.counts[value] -= 1
        maker = self.makers.get(value)
        if maker is None or any(self.counts[each] > 0 for each in maker.gives):
            return
        for body in lists_of(items):
            if maker in body:
                body.remove(maker)
        for each in maker.read_values():
            self.dropped(items, each)
