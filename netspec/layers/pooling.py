"""Max pooling over one, two and three spatial axes, and the base class of all pools with a sliding window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import model_validator

from netspec.arguments import (
    Counts1,
    Counts2,
    Counts3,
    Naturals1,
    Naturals2,
    Naturals3,
    invalid,
    spread,
)
from netspec.dims import Size, need, product
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall
from netspec.layers.windows import AXES, RANKS, ceil_size, need_window, window_formula, window_size
from netspec.writing import shown


class SlidingWindow(Layer):
    """Base of the layers that reduce each position of a sliding window to one value, per channel.

    The order of the arguments differs between torch's signatures, so the fields are defined in subclasses, which
    implement `_windows` and `_rounds_up` for them.
    """

    axes: ClassVar[int]
    family = "pooling"

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, self.axes + 1, RANKS[self.axes])
        size = ceil_size if self._rounds_up() else window_size
        sizes = [x.shape[0]]
        for axis, (k, s, p, d) in enumerate(self._windows(), 1):
            n = x.shape[axis]
            self._need_window(n, k, s, p, d, axis)
            sizes.append(size(n, k, s, p, d))
        return TensorType(tuple(sizes))

    def derivation(self, x: TensorType, axis: int) -> str | None:
        axis %= len(x.shape)
        if axis == 0:
            return None
        return window_formula(x.shape[axis], *self._windows()[axis - 1], ceil=self._rounds_up())

    def sliding(self) -> list[tuple[int, int, int, int]]:
        return self._windows()

    def _need_window(self, n: Size, k: int, s: int, p: int, d: int, axis: int) -> None:
        """Require that at least one window fits. With `ceil_mode`, it may exceed the end by less than a stride."""
        name = AXES[self.axes][axis - 1]
        if s > 1 and self._rounds_up():
            need(
                n + 2 * p + s - 1 >= d * (k - 1) + 1,
                lambda: (
                    f"`kernel_size: {k}` does not fit into the {name}, even with `ceil_mode`: {{given}}, "
                    f"padding adds {2 * p}, and a window may hang over by {s - 1}"
                ),
                at="kernel_size",
                axis=axis,
            )
        else:
            need_window(name, n, k, p, d, axis)

    def _windows(self) -> list[tuple[int, int, int, int]]:
        """Kernel, stride, padding and dilation of each axis."""
        raise NotImplementedError

    def _rounds_up(self) -> bool:
        """Whether `ceil_mode` is on."""
        raise NotImplementedError


class Pooling(SlidingWindow):
    """Base of the max and average pools."""

    scalar = "kernel_size"

    kernel_size: Any
    stride: Any = None
    padding: Any = 0

    @model_validator(mode="after")
    def _padding_is_at_most_half(self) -> Pooling:
        pairs = zip(spread(self.kernel_size, self.axes), spread(self.padding, self.axes), strict=True)
        if any(2 * p > k for k, p in pairs):
            raise invalid(
                f"`padding: {shown(self.padding)}` is more than half of `kernel_size: {shown(self.kernel_size)}`: "
                "a window could lie outside the input altogether"
            )
        return self

    def _windows(self) -> list[tuple[int, int, int, int]]:
        n = self.axes
        kernel = spread(self.kernel_size, n)
        stride = kernel if self.stride is None else spread(self.stride, n)
        return list(zip(kernel, stride, spread(self.padding, n), self._dilations(), strict=True))

    def _dilations(self) -> tuple[int, ...]:
        return (1,) * self.axes


class MaxPooling(Pooling):
    """Base of the three max pools."""

    several_if_asked = True
    more_results = "with `return_indices: true` the indices of the largest values are a second result"

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    return_indices: bool = False
    ceil_mode: bool = False

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        y = self.output(x)
        return (y, TensorType(y.shape, "int64")) if self.return_indices else (y,)

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall(type(self).__name__, self.arguments(x) | {"return_indices": False})

    def call_of_all(self, x: TensorType) -> TorchCall:
        return TorchCall(type(self).__name__, self.arguments(x))

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, indices=product(self.output(x).shape))

    def _rounds_up(self) -> bool:
        return self.ceil_mode

    def _dilations(self) -> tuple[int, ...]:
        return spread(self.dilation, self.axes)


class MaxPool1d(MaxPooling):
    """(C, L) → (C, L') with L' = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, each value the
    largest in its window.

    `MaxPool1d: 2` on 16 × 98 gives 16 × 49: `stride` is `kernel_size` unless it is given. With `ceil_mode: true` the
    quotient is rounded up, and a last window that would start beyond the input is dropped.

    With `return_indices: true`, `as: [y, i]` names the places of the largest values, int64, which `MaxUnpool1d` takes.
    """

    axes = 1
    examples = (
        Example({"kernel_size": 2}, (16, 98), (16, 49)),
        Example({"kernel_size": 3, "stride": 2, "ceil_mode": True}, (4, 10), (4, 5)),
    )

    kernel_size: Counts1
    stride: Counts1 | None = None
    padding: Naturals1 = 0
    dilation: Counts1 = 1


class MaxPool2d(MaxPooling):
    """(C, H, W) → (C, H', W') with H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, W' likewise,
    each value the largest in its window.

    `MaxPool2d: {kernel_size: 3, stride: 2}` on 96 × 54 × 54 gives 96 × 26 × 26: (54 − 3) // 2 + 1 = 26. `stride` is
    `kernel_size` unless it is given. With `ceil_mode: true` the quotient is rounded up, here to 27, and a last window
    that would start beyond the input is dropped.

    With `return_indices: true`, `as: [y, i]` names the places of the largest values, int64, which `MaxUnpool2d` takes.
    """

    axes = 2
    examples = (
        Example({"kernel_size": 3, "stride": 2}, (96, 54, 54), (96, 26, 26)),
        Example({"kernel_size": 3, "stride": 2, "ceil_mode": True}, (96, 54, 54), (96, 27, 27)),
        Example({"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}, (1, 3, 4), (1, 2, 3)),
    )

    kernel_size: Counts2
    stride: Counts2 | None = None
    padding: Naturals2 = 0
    dilation: Counts2 = 1


class MaxPool3d(MaxPooling):
    """(C, D, H, W) → (C, D', H', W') with D' = ⌊(D + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, H' and
    W' likewise, each value the largest in its window.

    `MaxPool3d: {kernel_size: [1, 2, 2]}` on 64 × 16 × 112 × 112 gives 64 × 16 × 56 × 56. `stride` is `kernel_size`
    unless it is given. With `ceil_mode: true` the quotient is rounded up, and a last window that would start beyond
    the input is dropped.

    With `return_indices: true`, `as: [y, i]` names the places of the largest values, int64, which `MaxUnpool3d` takes.
    """

    axes = 3
    examples = (
        Example({"kernel_size": (1, 2, 2)}, (4, 16, 12, 12), (4, 16, 6, 6)),
        Example({"kernel_size": 3, "stride": 2, "padding": 1}, (2, 5, 6, 7), (2, 3, 3, 4)),
    )

    kernel_size: Counts3
    stride: Counts3 | None = None
    padding: Naturals3 = 0
    dilation: Counts3 = 1
