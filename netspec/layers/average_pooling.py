"""Average pooling over one, two and three spatial axes."""

from __future__ import annotations

from typing import Annotated, Any

from netspec.arguments import Counts1, Counts2, Counts3, Naturals1, Naturals2, Naturals3
from netspec.dims import Size, need
from netspec.kinds import number
from netspec.layers.base import Example
from netspec.layers.pooling import Pooling
from netspec.layers.windows import AXES

Divisor = Annotated[int, number("an integer other than 0", apart=0, whole=True)]


class AvgPooling(Pooling):
    """Base of the three average pools."""

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def _rounds_up(self) -> bool:
        return self.ceil_mode


class AvgPool1d(AvgPooling):
    """(C, L) → (C, L') with L' = ⌊(L + 2·padding − kernel_size) / stride⌋ + 1, each value the mean of its window.

    `AvgPool1d: 4` on 8 × 100 gives 8 × 25: `stride` is `kernel_size` unless it is given. `count_include_pad: false`
    leaves the padding out of the mean.
    """

    axes = 1
    examples = (
        Example({"kernel_size": 4}, (8, 100), (8, 25)),
        Example({"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}, (4, 10), (4, 6)),
    )

    kernel_size: Counts1
    stride: Counts1 | None = None
    padding: Naturals1 = 0


class AvgPool2d(AvgPooling):
    """(C, H, W) → (C, H', W') with H' = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1, W' likewise, each value the mean
    of its window.

    LeNet's `AvgPool2d: {kernel_size: 2, stride: 2}` on 6 × 28 × 28 gives 6 × 14 × 14: (28 − 2) // 2 + 1 = 14. `stride`
    is `kernel_size` unless it is given. `count_include_pad: false` leaves the padding out of the mean;
    `divisor_override` divides the sum by a number of its own.
    """

    axes = 2
    examples = (
        Example({"kernel_size": 2, "stride": 2}, (6, 28, 28), (6, 14, 14)),
        Example({"kernel_size": (3, 2), "stride": 2, "padding": (1, 0), "ceil_mode": True}, (2, 7, 7), (2, 4, 4)),
    )

    kernel_size: Counts2
    stride: Counts2 | None = None
    padding: Naturals2 = 0
    divisor_override: Divisor | None = None


class AvgPool3d(AvgPooling):
    """(C, D, H, W) → (C, D', H', W') with D' = ⌊(D + 2·padding − kernel_size) / stride⌋ + 1, H' and W' likewise, each
    value the mean of its window.

    `AvgPool3d: 2` on 8 × 4 × 14 × 14 gives 8 × 2 × 7 × 7. Torch wants every axis to be at least as large as the kernel
    before padding, which it asks of no other average.
    """

    axes = 3
    examples = (
        Example({"kernel_size": 2}, (8, 4, 14, 14), (8, 2, 7, 7)),
        Example({"kernel_size": 3, "stride": 2, "padding": 1}, (2, 5, 6, 7), (2, 3, 3, 4)),
    )

    kernel_size: Counts3
    stride: Counts3 | None = None
    padding: Naturals3 = 0
    divisor_override: Divisor | None = None

    def _need_window(self, n: Size, k: int, s: int, p: int, d: int, axis: int) -> None:
        need(
            n >= k,
            lambda: (
                f"`AvgPool3d` wants every axis at least as large as its kernel, and padding does not help: "
                f"`kernel_size: {k}` is more than the {AXES[3][axis - 1]}, {{given}}"
            ),
            at="kernel_size",
            axis=axis,
        )
