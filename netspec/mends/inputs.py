"""The sizes of the only input as they are written, and pictures whose channels stand last in it."""

from __future__ import annotations

import re
from typing import Final

from netspec.diagnostics import Edit, Fix
from netspec.language.items import Item
from netspec.language.spec import Spec
from netspec.text.source import ListNode, MapNode, Node, ScalarNode, Source

CHANNELS: Final = (1, 3, 4)
"""The numbers of channels that pictures have."""


def input_sizes(spec: Spec) -> list[Node] | None:
    """The nodes of the sizes of the only input, each a number."""
    node = spec.input
    if isinstance(node, MapNode):
        node = node.get("shape")
    if not isinstance(node, ListNode):
        return None
    numbers = [size for size in node.items if isinstance(size, ScalarNode) and isinstance(size.value, int)]
    return list(numbers) if numbers and len(numbers) == len(node.items) else None


def channels_first(sizes: list[Node], source: Source, *, certain: bool = True) -> Fix:
    """The sizes of the input with the last one in front."""
    texts = [source.text[size.start : size.end] for size in (sizes[-1], *sizes[:-1])]
    edit = Edit(source.between(sizes[0].start, sizes[-1].end), ", ".join(texts))
    return Fix(f"write `input: [{', '.join(texts)}]`: the channels come first", (edit,), certain)


def sizes_of_first(item: Item, value: Node, source: Source, spec: Spec) -> tuple[list[Edit], str] | None:
    """What becomes of Keras's `input_shape` at the first layer: the `input` at the top says it, or is written there.

    Returns:
        Edits beside that of leaving it out, and what they do; None where the input is another, or the item not first.
    """
    first = spec.layers.items[:1] if isinstance(spec.layers, ListNode) else []
    given = [size.value for size in value.items if isinstance(size, ScalarNode)] if isinstance(value, ListNode) else []
    if first != [item.node] or not given or not all(type(size) is int and size > 0 for size in given):
        return None
    moved = given
    if len(given) > 2 and given[-1] in CHANNELS and given[0] not in CHANNELS:
        moved = [given[-1], *given[:-1]]
    if spec.input is not None:
        sizes = input_sizes(spec)
        said = None if sizes is None else [size.value for size in sizes if isinstance(size, ScalarNode)]
        return ([], "no `input_shape`, which `input` says") if said in (given, moved) else None
    text = ", ".join(map(str, moved))
    node = spec.layers
    begin = -1 if node is None else source.text.rfind("\nlayers:", 0, node.start) + 1
    if begin == 0 and not source.text.startswith("layers:"):
        return None
    return [Edit(source.between(begin, begin), f"input: [{text}]\n")], f"`input: [{text}]` at the top"


def channels_last_input(source: Source, spec: Spec) -> Fix | None:
    """An input such as `[32, 32, 3]` that a convolution reads first; None where it is no picture of that kind."""
    sizes = input_sizes(spec)
    first = spec.layers.items[0] if isinstance(spec.layers, ListNode) and spec.layers.items else None
    head = first.entries[0][0] if isinstance(first, MapNode) and first.entries else first
    if sizes is None or len(sizes) != 3 or not isinstance(head, ScalarNode):
        return None
    if re.match(r"(?:\w+\.)*Conv(?:olution)?2d\b", head.text, re.IGNORECASE) is None:
        return None
    high, wide, last = (size.value for size in sizes if isinstance(size, ScalarNode))
    if last not in CHANNELS or high in CHANNELS or wide in CHANNELS:
        return None
    return channels_first(sizes, source)
