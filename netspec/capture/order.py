"""What a value goes through stands behind the layer that makes it, as far as nothing else reads it.

A program that runs through lists one after the other computes side by side; a spec says one chain after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, is_numbered


def chained(items: list[PlacedItem], outputs: Iterable[Traced]) -> list[PlacedItem]:
    """The items of a network in an order in which chains stand together. What has weights stays where it is."""
    counts = Counter(value for item in _all(items) for value in _read(item))
    counts.update(outputs)
    return _ordered(items, counts, "")


def _ordered(items: list[PlacedItem], counts: Counter[Traced], path: str) -> list[PlacedItem]:
    done: list[PlacedItem] = []
    makers: dict[Traced, PlacedItem] = {}
    keeps = is_numbered(items, path)  # their places are their numbers
    for item in items:
        if item.body is not None:
            item.body = _ordered(item.body, counts, item.path)
        maker = makers.get(item.takes) if item.takes is not None else None
        if maker is not None and not keeps and _is_plain(item) and counts[maker.gives[0]] == 1:
            done.insert(done.index(maker) + 1, item)
        else:
            done.append(item)
        if item.gives:
            makers[item.gives[0]] = item
    return done


def _is_plain(item: PlacedItem) -> bool:
    """Whether an item is a layer without weights of one tensor."""
    return item.body is None and not item.keys and not any(item.values()) and bool(item.gives)


def _read(item: PlacedItem) -> Iterator[Traced]:
    """The values that an item reads; a nested list those of its items, and what it gives it reads from them."""
    if item.body is None:
        if item.takes is not None:
            yield item.takes
        yield from (value for value in item.values() if value is not item.takes)


def _all(items: Iterable[PlacedItem]) -> Iterator[PlacedItem]:
    for item in items:
        yield item
        yield from _all(item.body or ())
