"""Tensors that grow: each layer is given all results so far, put one behind the other anew each time.

`cat([x, a])`, `cat([x, a, b])` and so on are one value that grows by a result: `concat: [x, []]` again and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, has_keys

_FEWEST: Final = 3
"""Joins that are worth it."""


class _Join(NamedTuple):
    item: PlacedItem
    part: PlacedItem | None
    """The nested list that it stands at the head of."""
    branches: tuple[Traced, ...]
    """As they were."""


def grown(items: list[PlacedItem]) -> None:
    """Write joins of all results so far as joins of the last one and what came since, in a list and those in it."""
    for item in items:
        if item.body is not None:
            grown(item.body)
    joins = list(_joins(items))
    longer: dict[PlacedItem, _Join] = {}
    for i, join in enumerate(joins):
        for before in reversed(joins[:i]):
            if _begins(join, before):
                longer[join.item] = before
                break
    if len(longer) + 1 < _FEWEST:
        return
    chained = {*longer, *(before.item for before in longer.values())}
    for join in joins:
        if join.item not in chained:
            continue
        before = longer.get(join.item)
        join.item.named_as = join.branches[0]
        if before is not None:
            join.item.branches = (before.item.gives[0], *join.branches[len(before.branches) :])
        if join.part is not None and join.part.body is not None:
            join.part.body.remove(join.item)
            join.part.takes = join.item.gives[0]
            items.insert(items.index(join.part), join.item)


def _begins(join: _Join, before: _Join) -> bool:
    """Whether a join has all of another in front."""
    count = len(before.branches)
    same = join.item.options == before.item.options
    return same and len(join.branches) > count and join.branches[:count] == before.branches


def _joins(items: list[PlacedItem]) -> Iterator[_Join]:
    for item in items:
        if item.word == "concat":
            yield _Join(item, None, item.branches)
        elif item.body is not None and len(item.body) > 1 and has_keys(item):
            first = item.body[0]
            if first.word == "concat" and first.gives[0] not in item.gives:
                yield _Join(first, item, first.branches)
