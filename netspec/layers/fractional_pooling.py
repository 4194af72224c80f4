"""Fractional max pooling: windows at random positions, so that sizes can be reduced by any factor."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import model_validator

from netspec.arguments import Counts2, Counts3, invalid, spread
from netspec.dims import Shape, Size, need, product
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.fields import Fractions2, Fractions3
from netspec.layers.resampling import scaled
from netspec.layers.windows import AXES, RANKS


class FractionalMaxPooling(Layer):
    """Base of the fractional max pools."""

    axes: ClassVar[int]
    slack: ClassVar[int]
    """By how much the input must exceed `output + kernel − 1`: torch requires 0 in 2d and 1 in 3d."""
    family = "pooling"
    omitted: ClassVar[dict[str, str]] = {
        "return_indices": "it would make the output a pair, whose second serves unpooling alone",
        "_random_samples": "it is private to torch",
    }

    kernel_size: Any
    output_size: Any = None
    output_ratio: Any = None

    @model_validator(mode="after")
    def _one_target(self) -> FractionalMaxPooling:
        if (self.output_size is None) == (self.output_ratio is None):
            how = "neither is given" if self.output_size is None else "both are given"
            raise invalid(f"exactly one of `output_size` and `output_ratio` says how large the output is, and {how}")
        return self

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, self.axes + 1, RANKS[self.axes])
        sizes = self._sizes(x)
        for axis, (k, size) in enumerate(zip(spread(self.kernel_size, self.axes), sizes, strict=True), 1):
            self._need_room(x.shape[axis], k, size, axis)
        return TensorType((x.shape[0], *sizes))

    def derivation(self, x: TensorType, axis: int) -> str | None:
        axis %= len(x.shape)
        if axis == 0 or self.output_ratio is None:
            return None
        return f"⌊{x.shape[axis]} · {spread(self.output_ratio, self.axes)[axis - 1]}⌋"

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, indices=product(self.output(x).shape))

    def _sizes(self, x: TensorType) -> Shape:
        if self.output_ratio is None:
            return spread(self.output_size, self.axes)
        ratios = spread(self.output_ratio, self.axes)
        return tuple(
            scaled(n, ratio, type(self).__name__, axis)
            for axis, (n, ratio) in enumerate(zip(x.shape[1:], ratios, strict=True), 1)
        )

    def _need_room(self, n: Size, k: int, size: Size, axis: int) -> None:
        name = AXES[self.axes][axis - 1]
        need(size >= 1, lambda: f"`output_ratio` leaves nothing of the {name}: {{given}}", at="output_ratio", axis=axis)
        need(
            n >= size + k - 1 + self.slack,
            lambda: (
                f"{size} windows of `kernel_size: {k}` need a {name} of at least {size + k - 1 + self.slack}, "
                "but {given}"
            ),
            at="kernel_size",
            axis=axis,
        )


class FractionalMaxPool2d(FractionalMaxPooling):
    """(C, H, W) → (C, *output_size), or (C, ⌊H · ratio⌋, ⌊W · ratio⌋) with output_ratio; each value the largest of a
    window, and the windows lie at random.

    `FractionalMaxPool2d: {kernel_size: 2, output_ratio: 0.7}` on 16 × 32 × 32 gives 16 × 22 × 22: ⌊32 · 0.7⌋ = 22.
    """

    axes = 2
    slack = 0
    examples = (
        Example({"kernel_size": 2, "output_ratio": 0.7}, (16, 32, 32), (16, 22, 22)),
        Example({"kernel_size": (2, 3), "output_size": (7, 5)}, (3, 8, 9), (3, 7, 5)),
    )

    kernel_size: Counts2
    output_size: Counts2 | None = None
    output_ratio: Fractions2 | None = None


class FractionalMaxPool3d(FractionalMaxPooling):
    """(C, D, H, W) → (C, *output_size), or ⌊size · ratio⌋ per axis with output_ratio; each value the largest of a
    window, and the windows lie at random.

    `FractionalMaxPool3d: {kernel_size: 2, output_ratio: 0.5}` on 4 × 8 × 16 × 16 gives 4 × 4 × 8 × 8.
    """

    axes = 3
    slack = 1
    examples = (
        Example({"kernel_size": 2, "output_ratio": 0.5}, (4, 8, 16, 16), (4, 4, 8, 8)),
        Example({"kernel_size": 2, "output_size": (3, 4, 5)}, (2, 5, 7, 8), (2, 3, 4, 5)),
    )

    kernel_size: Counts3
    output_size: Counts3 | None = None
    output_ratio: Fractions3 | None = None
