"""Layers that read a map along another axis than is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netspec.dims import product
from netspec.layers.base import TensorType, shape_text
from netspec.net import Combinator, Leaf, Net
from netspec.remarks.walk import Telling

_MAPPING: Final = frozenset({"convolution", "pooling"})
"""Families that make maps."""
_COLORS: Final = (1, 3, 4)
"""Channels of images: grey, red, green and blue, and transparency."""
_SMALLEST: Final = 5
"""The height and width from which an axis looks like that of an image."""


class Maps:
    """Follows maps whose channels come first."""

    def __init__(self, net: Net, tell: Telling, deciding: Sequence[Combinator] = ()) -> None:
        self._net: Final = net
        self._tell: Final = tell
        self._deciding: Final = deciding
        """The combinators met so far of which one branch decides on the others."""
        shape = net.input.shape
        image = len(shape) == 3 and shape[0] in (1, 3) and net.input.dtype == "float32"
        self._map = shape if image else None
        """The shape of the last map."""

    def lose(self) -> None:
        """Go on behind something of which nothing is known."""
        self._map = None

    def look(self, leaf: Leaf) -> None:
        """Look at the next layer that may turn maps into others."""
        layer, shape = leaf.layer, leaf.input.shape
        family = layer.family
        if family == "convolution":
            if shape == self._net.input.shape and len(shape) == 3:
                self._channels_last(leaf)
        elif layer.by_position and len(shape) > 2 and shape == self._map:
            self._linear(leaf)
        if family in _MAPPING or (family == "padding" and self._map is not None):
            self._map = leaf.output.shape
        else:
            self._map = None

    def _linear(self, leaf: Leaf) -> None:
        shape = leaf.input.shape
        if leaf is self._net.layers[-1] and self._net.recipe is not None:
            return  # the recipe was held against what it gives
        count = product(shape)
        flat = f"a `Flatten` in front gives it all {count}" if isinstance(count, int) else "put `Flatten` in front"
        advice = flat + ("; `Rearrange: n c h w -> n h w c` gives it the channels of each pixel" * (len(shape) == 3))
        around = next((c for c in self._deciding if leaf.path.startswith(f"{c.path}.{c.joining.decides}.")), None)
        if around is not None:  # a router gives scores for each position, and is given what the experts are
            advice = (
                f"`Rearrange: n c h w -> n h w c` in front of the `{around.kind}`, and its inverse behind it, give "
                "the router and the experts the channels of each pixel"
            )
        self._tell(
            "linear-on-map",
            f"`{leaf.type}` works on the last axis alone, the width of a map: it turns {shape_text(shape)} into "
            f"{shape_text(leaf.output.shape)}, each value of which is made of {shape[-1]} of the {count} values",
            leaf,
            advice,
        )

    def _channels_last(self, leaf: Leaf) -> None:
        high, wide, last = leaf.input.shape
        if last not in _COLORS or not isinstance(high, int) or not isinstance(wide, int) or leaf.input.constant:
            return
        if min(high, wide) < _SMALLEST:
            return
        has = leaf.layer.params(leaf.input)
        would = leaf.layer.params(TensorType((last, high, wide)))
        self._tell(
            "channels-last",
            f"`{leaf.type}` reads {shape_text(leaf.input.shape)} as {high} channels of {wide} × {last}, and has "
            f"{has:,} parameters; torch has the channels first, and for {last} channels of {high} × {wide} it would "
            f"have {would:,}",
            leaf,
            f"write `input: [{last}, {high}, {wide}]`, or put `Rearrange: n h w c -> n c h w` in front",
        )
