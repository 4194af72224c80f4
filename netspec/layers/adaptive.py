"""Adaptive pooling: the size of the output is given, and the windows follow from it."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.arguments import Counts1
from netspec.dims import Shape, minimum, product, warn
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.fields import Sizes2, Sizes3, spread_sizes
from netspec.layers.windows import RANKS


class AdaptivePooling(Layer):
    """Base of the adaptive pools over `axes` spatial axes."""

    axes: ClassVar[int]
    family = "pooling"
    scalar = "output_size"

    output_size: Any

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, self.axes + 1, RANKS[self.axes])
        sizes = spread_sizes(self.output_size, self.axes)
        y = TensorType((x.shape[0], *(n if size is None else size for n, size in zip(x.shape[1:], sizes, strict=True))))
        pairs = list(zip(x.shape[1:], y.shape[1:], strict=True))
        if any(isinstance(n, int) and isinstance(size, int) and size > n for n, size in pairs):
            self._warn_of_copies(x, y, tuple(minimum(n, size) for n, size in pairs))
        return y

    def _warn_of_copies(self, x: TensorType, y: TensorType, least: Shape) -> None:
        sizes = ", ".join(map(str, least))
        warn(
            False,
            lambda: (
                f"`{type(self).__name__}` makes {product(y.shape[1:])} values of {product(x.shape[1:])} in each "
                "channel, some of them several times: {given}"
            ),
            code="enlarging-pool",
            at="output_size",
            axis="every",
            help=f"weights behind it are for copies; `output_size: {sizes if len(least) == 1 else f'[{sizes}]'}` makes "
            "none, and a larger input has more values",
        )

    def saved(self, x: TensorType) -> Saved:
        # torch computes one value per channel as a mean, which saves no tensor
        return Saved(input=any(size != 1 for size in self.output(x).shape[1:]))


class AdaptiveMaxPooling(AdaptivePooling):
    """Base of the three adaptive max pools."""

    omitted: ClassVar[dict[str, str]] = {
        "return_indices": "it would make the output a pair, whose second serves unpooling alone"
    }

    output_size: Any

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, indices=product(self.output(x).shape))


class AdaptiveAvgPool1d(AdaptivePooling):
    """(C, L) → (C, output_size), each value the mean of the stretch from ⌊i·L / L'⌋ to ⌈(i + 1)·L / L'⌉.

    `AdaptiveAvgPool1d: 1` on 64 × 100 gives 64 × 1, the mean of every channel.
    """

    axes = 1
    examples = (
        Example({"output_size": 1}, (64, 100), (64, 1)),
        Example({"output_size": (7,)}, (4, 5), (4, 7)),
    )

    output_size: Counts1


class AdaptiveAvgPool2d(AdaptivePooling):
    """(C, H, W) → (C, output_size[0], output_size[1]), each value the mean of its part of the input. Along an axis of n
    the part i of o goes from ⌊i·n / o⌋ to ⌈(i + 1)·n / o⌉.

    `AdaptiveAvgPool2d: 1` on 512 × 7 × 7 gives 512 × 1 × 1, the mean of every channel; `output_size: [6, null]` makes
    the height 6 and keeps the width.
    """

    axes = 2
    examples = (
        Example({"output_size": 1}, (512, 7, 7), (512, 1, 1)),
        Example({"output_size": (6, None)}, (256, 13, 11), (256, 6, 11)),
    )

    output_size: Sizes2


class AdaptiveAvgPool3d(AdaptivePooling):
    """(C, D, H, W) → (C, *output_size), each value the mean of its part of the input. Along an axis of n the part i of
    o goes from ⌊i·n / o⌋ to ⌈(i + 1)·n / o⌉.

    `AdaptiveAvgPool3d: 1` on 512 × 2 × 7 × 7 gives 512 × 1 × 1 × 1; null keeps an axis.
    """

    axes = 3
    examples = (
        Example({"output_size": 1}, (16, 2, 7, 7), (16, 1, 1, 1)),
        Example({"output_size": (None, 3, 3)}, (4, 5, 7, 7), (4, 5, 3, 3)),
    )

    output_size: Sizes3


class AdaptiveMaxPool1d(AdaptiveMaxPooling):
    """(C, L) → (C, output_size), each value the largest in the stretch from ⌊i·L / L'⌋ to ⌈(i + 1)·L / L'⌉.

    `AdaptiveMaxPool1d: 1` on 64 × 100 gives 64 × 1, the maximum of every channel.
    """

    axes = 1
    examples = (
        Example({"output_size": 1}, (64, 100), (64, 1)),
        Example({"output_size": (7,)}, (4, 5), (4, 7)),
    )

    output_size: Counts1


class AdaptiveMaxPool2d(AdaptiveMaxPooling):
    """(C, H, W) → (C, output_size[0], output_size[1]), each value the largest in its part of the input. Along an axis
    of n the part i of o goes from ⌊i·n / o⌋ to ⌈(i + 1)·n / o⌉.

    `AdaptiveMaxPool2d: 1` on 512 × 7 × 7 gives 512 × 1 × 1; `output_size: [6, null]` makes the height 6 and keeps the
    width.
    """

    axes = 2
    examples = (
        Example({"output_size": 1}, (512, 7, 7), (512, 1, 1)),
        Example({"output_size": (6, None)}, (16, 13, 11), (16, 6, 11)),
    )

    output_size: Sizes2


class AdaptiveMaxPool3d(AdaptiveMaxPooling):
    """(C, D, H, W) → (C, *output_size), each value the largest in its part of the input. Along an axis of n the part i
    of o goes from ⌊i·n / o⌋ to ⌈(i + 1)·n / o⌉.

    `AdaptiveMaxPool3d: 1` on 512 × 2 × 7 × 7 gives 512 × 1 × 1 × 1; null keeps an axis.
    """

    axes = 3
    examples = (
        Example({"output_size": 1}, (16, 2, 7, 7), (16, 1, 1, 1)),
        Example({"output_size": (None, 3, 3)}, (4, 5, 7, 7), (4, 5, 3, 3)),
    )

    output_size: Sizes3
