"""Pools that few networks use: power averages and fractional max pools."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import model_validator

from netspec.arguments import Count, Counts1, Counts2, Counts3, Fractions2, Fractions3, NonZero, invalid, spread
from netspec.dims import Shape, Size, need, product
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.pooling import SlidingWindow
from netspec.layers.resampling import scaled
from netspec.layers.windows import AXES, RANKS


class PowerPooling(SlidingWindow):
    """Base of the power-average pools."""

    norm_type: NonZero
    kernel_size: Any
    stride: Any = None
    ceil_mode: bool = False

    def saved(self, x: TensorType) -> Saved:
        # the powers, and four steps from their averages to the result
        return Saved(input=True, extra=product(x.shape) + 4 * product(self.output(x).shape))

    def _windows(self) -> list[tuple[int, int, int, int]]:
        n = self.axes
        kernel = spread(self.kernel_size, n)
        stride = kernel if self.stride is None else spread(self.stride, n)
        return [(k, s, 0, 1) for k, s in zip(kernel, stride, strict=True)]

    def _rounds_up(self) -> bool:
        return self.ceil_mode


class LPPool1d(PowerPooling):
    """(C, L) → (C, L') with L' = ⌊(L − kernel_size) / stride⌋ + 1, each value (Σ xᵖ)^(1/p) over its window, where p is
    norm_type.

    `LPPool1d: {norm_type: 2, kernel_size: 4}` on 8 × 100 gives 8 × 25. norm_type 1 is the sum; the larger it is, the
    nearer to the maximum.
    """

    axes = 1
    examples = (
        Example({"norm_type": 2, "kernel_size": 4}, (8, 100), (8, 25)),
        Example({"norm_type": 1, "kernel_size": 3, "stride": 2, "ceil_mode": True}, (2, 8), (2, 4)),
    )

    kernel_size: Count
    stride: Counts1 | None = None


class LPPool2d(PowerPooling):
    """(C, H, W) → (C, H', W') with H' = ⌊(H − kernel_size) / stride⌋ + 1, W' likewise, each value (Σ xᵖ)^(1/p) over its
    window, where p is norm_type.

    `LPPool2d: {norm_type: 2, kernel_size: 2}` on 6 × 28 × 28 gives 6 × 14 × 14.
    """

    axes = 2
    examples = (
        Example({"norm_type": 2, "kernel_size": 2}, (6, 28, 28), (6, 14, 14)),
        Example({"norm_type": 1.5, "kernel_size": (3, 2), "stride": 2, "ceil_mode": True}, (2, 8, 7), (2, 4, 4)),
    )

    kernel_size: Counts2
    stride: Counts2 | None = None


class LPPool3d(PowerPooling):
    """(C, D, H, W) → (C, D', H', W') with D' = ⌊(D − kernel_size) / stride⌋ + 1, H' and W' likewise, each value
    (Σ xᵖ)^(1/p) over its window, where p is norm_type.

    `LPPool3d: {norm_type: 2, kernel_size: 2}` on 6 × 4 × 14 × 14 gives 6 × 2 × 7 × 7.
    """

    axes = 3
    examples = (
        Example({"norm_type": 2, "kernel_size": 2}, (6, 4, 14, 14), (6, 2, 7, 7)),
        Example({"norm_type": 3, "kernel_size": 2, "stride": (1, 2, 3), "ceil_mode": True}, (1, 3, 5, 6), (1, 2, 3, 2)),
    )

    kernel_size: Counts3
    stride: Counts3 | None = None

    def _need_window(self, n: Size, k: int, s: int, p: int, d: int, axis: int) -> None:
        need(
            n >= k,
            lambda: (
                f"`LPPool3d` wants every axis at least as large as its kernel, whatever `ceil_mode` says: "
                f"`kernel_size: {k}` is more than the {AXES[3][axis - 1]}, {{given}}"
            ),
            at="kernel_size",
            axis=axis,
        )


class FractionalMaxPooling(Layer):
    """Base of the fractional max pools, whose windows lie at random so as to give a wanted size."""

    axes: ClassVar[int]
    slack: ClassVar[int]
    """How much larger than `output + kernel − 1` the input must be: torch differs between 2d and 3d."""
    family = "pooling"
    omitted: ClassVar[dict[str, str]] = {
        "return_indices": "it would make the output a pair, and a chain hands on one tensor",
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

    `FractionalMaxPool2d: {kernel_size: 2, output_ratio: 0.7}` makes 16 × 22 × 22 of 16 × 32 × 32: ⌊32 · 0.7⌋ = 22.
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

    `FractionalMaxPool3d: {kernel_size: 2, output_ratio: 0.5}` makes 4 × 4 × 8 × 8 of 4 × 8 × 16 × 16.
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
