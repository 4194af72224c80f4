"""Mends of pairs without brackets among arguments: `{size: 100,100}`, which YAML reads as a number and a key."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netspec.diagnostics import Diagnostic, Edit, Fix
from netspec.kinds import kinds_of
from netspec.language.items import Item
from netspec.layers.base import Layer
from netspec.meant import argument_meant
from netspec.mends.edits import offset
from netspec.text.source import MapNode, ScalarNode, Source


def mends_of_pairs(d: Diagnostic, item: Item, layer: type[Layer], source: Source) -> Iterator[Fix]:
    """The pair in brackets; not certain where the argument takes what the comma may make of it as one number, too."""
    node = item.value
    if not isinstance(node, MapNode) or not node.flow:
        return
    at = offset(source, *d.span[1:3])
    for i, (key, value) in enumerate(node.entries):
        more = [stray for stray, nothing in node.entries[i + 1 :] if _is_stray(stray, nothing)]
        rest = node.entries[i + 1 : i + 1 + len(more)]
        if not more or [stray for stray, _ in rest] != more or not any(stray.start == at for stray in more):
            continue
        argument = argument_meant(key.text, layer.model_fields)
        kind = None if argument is None else kinds_of(layer).get(argument)
        numbers = [value.value if isinstance(value, ScalarNode) else None, *(int(stray.text) for stray in more)]
        if kind is None or not isinstance(value, ScalarNode) or not all(type(n) is int for n in numbers):
            return
        if not kind.takes([*numbers]) and not kind.takes(tuple(numbers)):
            return
        texts = [source.text[value.start : value.end], *(stray.text for stray in more)]
        one = len(texts) == 2 and ((len(texts[1]) == 3 and kind.takes(int("".join(texts)))) or kind.takes(
            float(".".join(texts))))  # fmt: skip
        written = f"[{', '.join(texts)}]"
        edit = Edit(source.between(value.start, more[-1].end), written)
        yield Fix(f"write `{key.text}: {written}`", (edit,), certain=not one)
        return


def _is_stray(key: ScalarNode, value: object) -> bool:
    """Whether a key is a number without a value."""
    nothing = isinstance(value, ScalarNode) and value.value is None and not value.text
    return nothing and re.fullmatch(r"\d+", key.text) is not None


def is_pair(d: Diagnostic, source: Source) -> bool:
    """Whether a comma that flow style reads stands in a pair of numbers, `(5, 5)`, and in no call."""
    if d.code != "flow-split":
        return False
    start, end = source.offset(*d.span[1:3]), source.offset(*d.span[3:5])
    return not re.search(r"\w\(", source.text[start:end])
