"""Arguments that a layer has in some members of a family, and that others have left to its default: `bias: false`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from netspec.capture.items import PlacedItem
from netspec.capture.modules.offered import is_known, layer_class


def stated(members: Sequence[list[PlacedItem]]) -> None:
    """Write the defaults of arguments that the same layers of other members have.

    Layers are the same that are of one type and stand in one place, whatever numbers are in its path.
    """
    alike: defaultdict[tuple[str, str], list[list[PlacedItem]]] = defaultdict(lambda: [[] for _ in members])
    for number, items in enumerate(members):
        for item in _layers(items):
            alike[item.word, re.sub(r"\d+", "#", item.path)][number].append(item)
    for (word, _), groups in alike.items():
        given = [{frozenset(item.arguments) for item in group} for group in groups if group]
        if all(each == given[0] for each in given):
            continue
        fields = layer_class(word).model_fields
        names = {name for each in given for one in each for name in one}
        for item in (item for group in groups for item in group):
            own = {name: field.default for name, field in fields.items() if name in names and not field.is_required()}
            own |= item.arguments
            item.arguments = {name: own[name] for name in dict.fromkeys((*fields, *own)) if name in own}


def _layers(items: Sequence[PlacedItem]) -> Iterator[PlacedItem]:
    """The layers that stand in no block."""
    for item in items:
        if item.body is not None and item.call is None:
            yield from _layers(item.body)
        elif item.body is None and item.path and is_known(item.word):
            yield item
