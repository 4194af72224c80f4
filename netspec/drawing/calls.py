"""The calls of a block: which of them are built alike, and what each part of them says in all of these.

Two calls are of one kind if they differ in numbers alone: the bottlenecks of a ResNet without a projection are one, and
those with a projection of stride 2 another. What stands for all calls of a kind names the numbers of all:
`1×1 Conv (64/128/256/512)`.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Final

from netspec.drawing.closing import crossing
from netspec.drawing.short import Voice
from netspec.net import As, Combinator, Leaf, Node, Read, Scope, Sequential, Use, children
from netspec.views.describe import container_text, term_text
from netspec.views.fold import LayerGroup
from netspec.wiring import Wiring

Call = tuple[Node, ...]
"""The nodes of a call: one, or those of one round of something that repeats."""

_NUMBER: Final = re.compile(r"(?<![A-Za-z_\d.])\d+(?:,\d{3})*(?:\.\d+)?(?:e-?\d+)?(?:×\d+)*")
_MOST: Final = 4
"""So many values of a number are named; of more the least and the greatest."""


def calls_of(group: LayerGroup) -> list[Call]:
    """The calls that a closed group stands for: rounds of a loop that hold nothing but calls of one block are those."""
    period = max(len(group.nodes) // max(group.count, 1), 1)
    if period == 1 or any(_block(node) for node in group.nodes):
        return [(call,) for node in group.nodes for call in _unwrapped(node)]
    return [tuple(group.nodes[at : at + period]) for at in range(0, len(group.nodes), period)]


def _unwrapped(node: Node) -> list[Node]:
    if not isinstance(node, Scope) or node.block is not None:
        return [node]
    inside = [call for child in children(node) if _holds(child) for call in _unwrapped(child)]
    names = {_block(call) for call in inside}
    return inside if len(names) == 1 and None not in names else [node]


def _holds(node: Node) -> bool:
    """Whether there is anything in a node: a block whose `when` is false has nothing."""
    return not isinstance(node, Scope | Sequential) or any(map(_holds, node.children))


def _block(node: Node) -> str | None:
    return node.block if isinstance(node, Scope | Sequential) else None


def by_kind(calls: Iterable[Call], voice: Voice) -> list[list[Call]]:
    """The calls, those of one kind together, the most frequent kind first."""
    kinds: dict[Hashable, list[Call]] = {}
    for call in calls:
        kinds.setdefault(tuple(_kind(part, voice) for part in _parts(call)), []).append(call)
    return sorted(kinds.values(), key=len, reverse=True)


def _parts(nodes: Iterable[Node]) -> Iterator[Node]:
    """What a call shows, in order: layers, joins, blocks with a name, values."""
    for node in nodes:
        match node:
            case Scope(block=None) | Sequential(block=None, name=None):
                yield from _parts(node.children)
            case Scope() | Sequential():
                if _holds(node):
                    yield node
                    yield from _parts(node.children)
            case Combinator():
                yield node
                for _, chain in node.branches:
                    yield from _parts((chain,))
            case _:
                yield node


def _kind(node: Node, voice: Voice) -> Hashable:
    match node:
        case Leaf():
            return node.layer.family, _NUMBER.sub("#", voice.layer(node))
        case As():
            return ("as",)
        case Use():
            return "use", isinstance(node.term, Read) or _NUMBER.sub("#", term_text(node.term))
        case Combinator():
            sizes = tuple(len(list(_parts(chain.children))) for _, chain in node.branches)
            return node.kind, _NUMBER.sub("#", node.joining.box_text()), sizes
        case _:
            return "block", node.block, len(list(_parts(node.children)))


def alike(shown: Call, calls: Sequence[Call]) -> dict[int, list[Node]]:
    """For each part of a call, by its `id`, the same part of all calls of its kind."""
    found: dict[int, list[Node]] = {id(part): [] for part in _parts(shown)}
    for call in calls:
        for part, same in zip(_parts(shown), _parts(call), strict=True):
            found[id(part)].append(same)
    return found


def layer_of_all(leaf: Leaf, same: Mapping[int, Sequence[Node]], voice: Voice) -> str:
    """A layer with the numbers that it has in all calls."""
    texts = [voice.layer(other) for other in same.get(id(leaf), ()) if isinstance(other, Leaf)]
    return several(texts) or voice.layer(leaf)


def label_of_all(node: Node, same: Mapping[int, Sequence[Node]]) -> str:
    """What a block inside of a call is called in all of them; only its name where that differs in more than numbers."""
    others = [other for other in same.get(id(node), ()) if isinstance(other, Scope | Sequential)]
    return several([container_text(other) for other in others]) or (_block(node) or "" if others else "")


def value_of_all(node: Use, same: Mapping[int, Sequence[Node]]) -> str:
    """The value that a call reads, by the names that it has in all calls."""
    names = [term_text(other.term) for other in same.get(id(node), ()) if isinstance(other, Use)]
    return _values(list(dict.fromkeys(names))) or term_text(node.term)


def crossing_of_all(group: LayerGroup, same: Mapping[int, Sequence[Node]], wiring: Wiring) -> list[str]:
    """What crosses the border of a closed group in all calls; see `closing.crossing`."""
    calls = list(zip(*(same.get(id(node), (node,)) for node in group.nodes), strict=False))
    texts = [crossing(call, wiring) for call in calls]
    return [several(column) or column[0] for column in zip(*texts, strict=False)]


def several(texts: Sequence[str]) -> str:
    """One text for those that differ in numbers alone, with all of them; empty for others."""
    distinct = list(dict.fromkeys(texts))
    if len({_NUMBER.sub("#", text) for text in distinct}) != 1:
        return ""
    columns = zip(*map(_NUMBER.findall, distinct), strict=True)
    numbers = [_values(list(dict.fromkeys(column))) for column in columns]
    words = _NUMBER.split(distinct[0])
    return "".join(part for pair in zip(words, [*numbers, ""], strict=True) for part in pair)


def _values(found: list[str]) -> str:
    if not found:
        return ""
    if len(found) <= _MOST:
        return "/".join(found)
    if all(re.fullmatch(r"[\d,.]+", number) for number in found):
        found.sort(key=lambda number: float(number.replace(",", "")))
    return f"{found[0]} … {found[-1]}"
