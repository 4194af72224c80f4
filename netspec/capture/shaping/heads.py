"""Outputs that a module gives only while it trains: auxiliary heads, `aux` in a spec."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from netspec.capture.graph import NotCaptured, Trace, Traced, without_unused
from netspec.capture.items import PlacedItem, all_of, leaves_of, lists_of
from netspec.combinators import HEADS


def own_output(train: Callable[[], Trace], wanted: str, count: int, text_of: Callable[[Trace], str]) -> int:
    """Which output of a module in training mode is the one that it gives in eval mode.

    Args:
        train: runs the module in training mode.
        wanted: the flat spec of its run in eval mode.
        count: how many outputs it gives while it trains.
        text_of: the flat spec of a trace.
    """
    for i in range(count):
        trace = train()
        trace.root.result = trace.root.outputs[i]
        without_unused(trace)
        try:
            if text_of(trace) == wanted:
                return i
        except NotCaptured:
            continue
    return 0  # dropout that a function does is seen in training mode alone: the proof is the judge


def with_heads(trace: Trace, own: int) -> Trace:
    """A trace in training mode whose outputs but one are those of heads."""
    outputs = trace.root.outputs
    trace.root.result = (outputs[own], *(value for i, value in enumerate(outputs) if i != own))
    trace.heads = {value: i for i, value in enumerate(outputs) if i != own}
    return trace


def set_aside(items: list[PlacedItem], own: Traced, heads: Sequence[Traced]) -> list[Traced]:
    """Put what only heads need into `aux`, in the list where it stands, and give the heads in the order of their items.

    Raises:
        NotCaptured: a head is no more than a value that the network computes anyway.
    """
    makers = {value: leaf for leaf in leaves_of(items) for value in leaf.gives}
    needed = _behind([own], makers)
    shared = Counter(leaf for head in heads for leaf in _behind([head], makers))
    places: dict[Traced, PlacedItem] = {}
    for head in heads:
        alone = {leaf for leaf in _behind([head], makers) - needed if shared[leaf] == 1}
        maker = makers.get(head)
        if maker not in alone:
            raise NotCaptured(
                "in training mode the module gives a tensor more that it computes in eval mode, too: a spec's `aux` is "
                "what a network computes only while it trains"
            )
        for body in reversed([*lists_of(items)]):
            group = [item for item in body if all(leaf in alone for leaf in leaves_of([item]))]
            if any(maker is leaf for leaf in leaves_of(group)):
                places[head] = _aside(body, group)
                break
    for item in all_of(items):
        item.gives = tuple(value for value in item.gives if value not in places or places[value] not in all_of([item]))
    order = [item for item in all_of(items) if item.word == HEADS]
    return sorted(places, key=lambda head: order.index(places[head]))


def _aside(body: list[PlacedItem], group: list[PlacedItem]) -> PlacedItem:
    """Put a group of the items of a list into `aux`, where the last of them stands."""
    whole = group[0] if len(group) == 1 else None
    inner = whole.body[0] if whole is not None and whole.body is not None and len(whole.body) == 1 else None
    if whole is None or inner is None or inner.body is None or inner.path != f"{whole.path}.body":
        inner = whole
    inside = group if inner is None else [inner]
    item = PlacedItem(HEADS, body=inside, path="" if whole is None else whole.path, place=group[-1].place)
    if inner is not None and inner.body is not None:
        inner.is_inline = True
    body[body.index(group[-1])] = item
    body[:] = [each for each in body if each not in group]
    return item


def _behind(values: Sequence[Traced], makers: dict[Traced, PlacedItem]) -> set[PlacedItem]:
    """The items that values come from."""
    found: set[PlacedItem] = set()
    waiting = list(values)
    while waiting:
        maker = makers.get(waiting.pop())
        if maker is None or maker in found:
            continue
        found.add(maker)
        waiting += maker.read_values()
    return found
