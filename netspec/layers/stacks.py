"""What transformer layers keep behind their attention, and stacks of them."""

from __future__ import annotations

from typing import Literal, Protocol

from netspec.dims import Size
from netspec.layers.base import Saved


class Feeding(Protocol):
    """A layer with a feed-forward network."""

    @property
    def dim_feedforward(self) -> int: ...
    @property
    def dropout(self) -> float: ...
    @property
    def activation(self) -> Literal["relu", "gelu"]: ...


def behind_attention(layer: Feeding, seen: Saved, values: Size, dropped: Size, length: Size) -> Saved:
    """What a layer keeps whose attention keeps `seen`.

    Args:
        layer: the layer.
        seen: of its attention, or of both.
        values: elements of sums, results of norms and of attention, and what norms keep beside their input.
        dropped: elements that dropout goes over, those of the feed-forward network excepted.
        length: positions.
    """
    hidden, drops = length * layer.dim_feedforward, 0 < layer.dropout < 1
    inner = hidden if layer.activation == "relu" and not drops else hidden * 2
    masks = dropped + hidden if drops else 0
    return seen._replace(input=True, extra=seen.extra + values + inner, mask=masks)


def stacked(one: Saved, count: int, between: Size) -> Saved:
    """What equal layers in a row keep, each of which keeps `one`; `between` are the elements that flow."""
    flowing = between * (count - 1) if one.input else 0
    return one._replace(
        extra=one.extra * count + flowing, mask=one.mask * count, cpu=one.cpu * count, statistics=one.statistics * count
    )
