"""What flows while a Keras model is written as a spec: a shape in torch's order, and where Keras's axes lie in it.

Keras has the channels last, torch first. A map lies with its channels first here, and what is made flat of it stands in
another order than in Keras: the layers behind have the columns of their weights in that order, and nothing is turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product as pairs
from typing import Final

from netspec.dims import Shape, Size
from netspec.layers.base import TensorType

Parts = tuple[tuple[int, ...], ...]
"""Of a flat vector: the shapes, in Keras's order, that were made flat with the channels first, side by side."""
_NAMES: Final = {2: "l", 3: "h w", 4: "d h w"}
"""Names of the axes beside the channels."""


@dataclass(frozen=True, eq=False)
class KerasValue:
    """A tensor of the spec."""

    type: TensorType
    first: bool = False
    """Whether the channels, which Keras has last, are first."""
    parts: Parts = ()
    """How a flat vector is made up, where that is not Keras's order."""

    @property
    def shape(self) -> Shape:
        """Of one example, in the spec."""
        return self.type.shape

    @property
    def rank(self) -> int:
        """How many axes an example has."""
        return len(self.shape)

    @property
    def in_keras(self) -> Shape:
        """The shape of one example in Keras's order."""
        return (*self.shape[1:], self.shape[0]) if self.first else self.shape

    def dim(self, axis: int) -> int | None:
        """The axis of the spec for one of Keras's, both with the batch as 0; None if there is none."""
        axis = axis + self.rank + 1 if axis < 0 else axis
        if not 1 <= axis <= self.rank:
            return None
        if not self.first:
            return axis
        return 1 if axis == self.rank else axis + 1

    @property
    def is_plain(self) -> bool:
        """Whether it is in Keras's order."""
        return not self.first and not self.parts


def to_first(rank: int) -> str:
    """The pattern that puts the channels first."""
    return f"n {_NAMES[rank]} c -> n c {_NAMES[rank]}"


def to_last(rank: int) -> str:
    """The pattern that puts the channels last."""
    return f"n c {_NAMES[rank]} -> n {_NAMES[rank]} c"


def flat_parts(shape: Sequence[Size]) -> Parts | None:
    """How a map with its channels first is made up when it is flat, `shape` in Keras's order; empty if that is Keras's
    order, too, and None if that hangs on a size that is not known."""
    sizes = [size for size in shape if isinstance(size, int)]
    if len(sizes) < len(shape):
        return None
    around = 1
    for size in sizes[:-1]:
        around *= size
    return () if around == 1 or sizes[-1] == 1 else (tuple(sizes),)


def order_of(parts: Parts) -> list[int]:
    """For each place of a flat vector the place in Keras's order.

    >>> order_of(((2, 2), (1,)))
    [0, 2, 1, 3, 4]
    """
    found: list[int] = []
    for shape in parts:
        offset, channels = len(found), shape[-1]
        places = [0]
        for size in shape[:-1]:
            places = [place * size + step for place, step in pairs(places, range(size))]
        found += [offset + place * channels + channel for channel in range(channels) for place in places]
    return found
