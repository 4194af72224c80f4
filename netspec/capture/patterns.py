"""What a program writes out in several steps and a spec has a word for: looked for in lists of items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, leaves_of

ShapeOf = Callable[[Traced], tuple[int, ...]]


def lists_of(items: list[PlacedItem]) -> Iterator[list[PlacedItem]]:
    """A list of items, and those in it before it."""
    for item in items:
        if item.body is not None:
            yield from lists_of(item.body)
    yield items


class ItemGraph:
    """Who gives and who reads each value of a network's items."""

    def __init__(self, items: list[PlacedItem], outputs: Sequence[Traced]) -> None:
        self.counts: Counter[Traced] = Counter(outputs)
        self.makers: dict[Traced, PlacedItem] = {}
        for item in leaves_of(items):
            self.counts.update(item.values())
            self.counts.update([] if item.takes is None else [item.takes])
            self.makers.update(dict.fromkeys(item.gives, item))

    def maker(self, value: Traced) -> PlacedItem | None:
        """The layer that gives a value."""
        return self.makers.get(value)

    def used_once(self, value: Traced) -> PlacedItem | None:
        """The layer that gives a value, if one other reads it."""
        return self.makers.get(value) if self.counts[value] == 1 else None

    def dropped(self, items: list[PlacedItem], value: Traced) -> None:
        """Take away what gives a value that nobody reads any more, and so on upwards."""
        self.counts[value] -= 1
        maker = self.makers.get(value)
        if maker is None or any(self.counts[each] > 0 for each in maker.gives):
            return
        for body in lists_of(items):
            if maker in body:
                body.remove(maker)
        for each in (*maker.values(), *([] if maker.takes is None else [maker.takes])):
            self.dropped(items, each)


def without_unread(items: list[PlacedItem], outputs: Sequence[Traced]) -> None:
    """Take away what is computed of parameters alone and read by nothing, with the parameters that nothing else reads:
    they are those of a layer, which computes the same of them by itself."""
    graph = ItemGraph(items, outputs)
    for item in list(leaves_of(items)):
        is_of_parameters = item.gives and not item.keys and not any(value.varies for value in item.gives)
        if is_of_parameters and not any(graph.counts[value] for value in item.gives):
            graph.dropped(items, item.gives[0])
