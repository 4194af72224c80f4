"""Scores that a program masks and a softmax reads that belongs to no attention a spec knows: what is hidden becomes so
small that its share is 0."""

from __future__ import annotations

import torch

from netspec.capture.functions.masks import FAR
from netspec.capture.graph import Traced
from netspec.capture.items import PlacedItem, leaves_of, lists_of
from netspec.capture.numbers.tables import told
from netspec.capture.patterns.patterns import ShapeOf


def biased(items: list[PlacedItem], shape_of: ShapeOf) -> None:
    """Let masks that are numbers be added to scores, where nothing but a softmax over the keys reads these.

    Args:
        items: those of the network.
        shape_of: the shape of a value in the spec.
    """
    leaves = list(leaves_of(items))
    for body in lists_of(items):
        for item in list(body):
            if item.word != "masked" or item.takes is None or "mask" in item.options:
                continue
            readers = [leaf for leaf in leaves if item.gives[0] in leaf.read_values()]
            if readers and all(_over_the_keys(leaf, item.gives[0]) for leaf in readers):
                added = _added(item, item.takes, len(shape_of(item.takes)))
                at = body.index(item)
                body[at : at + 1] = added


def _over_the_keys(item: PlacedItem, scores: Traced) -> bool:
    return item.word == "masked" or (
        item.word == "Softmax" and item.arguments.get("dim") in (-1, len(scores.shape) - 1)
    )


def _added(item: PlacedItem, scores: Traced, rank: int) -> list[PlacedItem]:
    """The mask as numbers, and the sum; the item itself where they are too many, or one for each example."""
    shown: torch.Tensor = item.options["numbers"]
    while shown.dim() > 2 and bool((shown == shown[:1]).all()):  # one for all examples, and for all heads
        shown = shown[0]
    if shown.dim() >= rank:
        return [item]
    table = torch.zeros(shown.shape).masked_fill(~shown, -FAR).reshape((1,) * (rank - 1 - shown.dim()) + shown.shape)
    numbers = told(table)
    if numbers is None:
        return [item]
    value = Traced("made", (1, *table.shape), "float32")
    return [
        PlacedItem("Buffer", None, (value,), {"value": numbers, "persistent": False}),
        PlacedItem("add", None, item.gives, branches=(scores, value), place=item.place),
    ]
