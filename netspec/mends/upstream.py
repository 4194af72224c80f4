"""What in front of a layer would make its stated width right: a padding that was forgotten, or is one short."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from netspec.diagnostics import Edit
from netspec.language.clues import LayerClue
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.mends.edits import applied, set_argument
from netspec.mends.finding import items
from netspec.mends.fitting import Conditions
from netspec.text.source import MapNode, ScalarNode, Source

_MOST: Final = 8
"""So many changes are tried, each by a check of the whole spec."""


class ChangeInFront(NamedTuple):
    """One argument of an item in front, written otherwise."""

    words: str
    line: int
    edit: Edit


def told_of_what_stands_in_front(
    clue: LayerClue, stated: int, source: Source, spec: Spec, conditions: Conditions
) -> str | None:
    """Which one change further up makes the stated width right, and all else with it; None if none that is tried."""
    for change in islice(_changes(clue, source, spec), _MOST):
        changed = applied(source, [change.edit])
        if changed is not None and conditions(changed.text) is not None:
            return f"{stated} is also right with {change.words} (line {change.line})"
    return None


def _changes(clue: LayerClue, source: Source, spec: Spec) -> Iterator[ChangeInFront]:
    """Paddings that keep the size, where none are stated, then those that are one more than what is."""
    convolutions = [
        (item, item.value, kernel)
        for item in items(spec)
        if item.head.start < clue.item.head.start
        and isinstance(item.value, MapNode)
        and (kernel := _kernel(item, item.value)) is not None
    ]
    for item, value, kernel in convolutions:
        if kernel % 2 and kernel > 1 and value.get("padding") is None:
            yield from _change(item, kernel // 2, source)
    for item, value, kernel in convolutions:
        padding = value.get("padding")
        if isinstance(padding, ScalarNode) and isinstance(padding.value, int) and 2 * padding.value + 2 <= kernel:
            yield from _change(item, padding.value + 1, source)


def _kernel(item: Item, value: MapNode) -> int | None:
    """The kernel of a convolution, where it is one number that is written."""
    kernel = value.get("kernel_size") if re.fullmatch(r"Conv[123]d", item.head.text) else None
    return kernel.value if isinstance(kernel, ScalarNode) and isinstance(kernel.value, int) else None


def _change(item: Item, padding: int, source: Source) -> Iterator[ChangeInFront]:
    edit = set_argument(source, item, "padding", str(padding), None)
    if edit is not None:
        line = source.between(item.head.start, item.head.end).line
        yield ChangeInFront(f"`padding: {padding}` in `{item.head.text}`", line, edit)
