"""Power-average pooling: the p-norm of the values in each window."""

from __future__ import annotations

from typing import Any

from netspec.arguments import Count, Counts1, Counts2, Counts3, NonZero, spread
from netspec.dims import Size, need, product
from netspec.layers.base import Example, Saved, TensorType
from netspec.layers.pooling import SlidingWindow
from netspec.layers.windows import AXES


class PowerPooling(SlidingWindow):
    """Base of the power-average pools."""

    norm_type: NonZero
    kernel_size: Any
    stride: Any = None
    ceil_mode: bool = False

    def saved(self, x: TensorType) -> Saved:
        # the powers, and four intermediate results from their averages to the output
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
