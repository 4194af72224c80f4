"""What a value goes through stands behind the layer that makes it, as far as nothing else reads it.

A program that runs through lists one after the other computes side by side; a spec says one chain after the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, is_numbered, reader_counts


def chained(items: list[PlacedItem], outputs: Iterable[Traced]) -> list[PlacedItem]:
    """The items of a network in an order in which chains stand together. What has weights stays where it is."""
    return _ordered(items, reader_counts(items, outputs), "")


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
