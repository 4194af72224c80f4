"""Convolutions over one, two and three spatial axes."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from netspec.arguments import Count, Counts1, Counts2, Counts3, Padding1, Padding2, Padding3, invalid, spread
from netspec.dims import Shape, Size, expect, need, product, same, warn
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.windows import AXES, RANKS, data_met, need_window, window_formula, window_size
from netspec.writing import shown

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


class Convolution(Layer):
    """Base of the three convolutions, over `axes` spatial axes."""

    axes: ClassVar[int]
    family = "convolution"
    width = "in_channels"
    autocast = "low"
    sets_axis = 0
    is_matrix = True

    in_channels: Count | None = None
    out_channels: Count
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: Count = 1
    bias: bool = True
    padding_mode: PaddingMode = "zeros"

    @model_validator(mode="after")
    def _arguments_agree(self) -> Convolution:
        if self.padding == "same" and any(s != 1 for s in spread(self.stride, self.axes)):
            raise invalid(
                f"`padding: same` keeps the size, which no stride but 1 can do, and this one has "
                f"`stride: {shown(self.stride)}`{self._half()}"
            )
        if self.out_channels % self.groups:
            raise invalid(
                f"`groups: {self.groups}` does not divide `out_channels: {self.out_channels}`: "
                f"every group makes as many channels, and there may be {_divisors(self.out_channels)}"
            )
        return self

    def _half(self) -> str:
        """What takes the place of `same` beside a stride, for a kernel that has a middle."""
        kernel, dilation = spread(self.kernel_size, self.axes), spread(self.dilation, self.axes)
        beside = [step * (size - 1) for size, step in zip(kernel, dilation, strict=True)]
        if any(both % 2 for both in beside):
            return ""
        half = tuple(both // 2 for both in beside)
        written = shown(half[0] if len(set(half)) == 1 else half)
        return f"; `padding: {written}`, half the kernel, gives the size divided by the stride, rounded up"

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, self.axes + 1, RANKS[self.axes])
        channels = self.check_width(x)
        if self.groups != 1:
            self._need_groups(channels)
        if self.padding_mode != "zeros":
            self._need_padding_fits(x)
        if self.padding == "same":
            return self._with_idle_weights(x, TensorType((self.out_channels, *x.shape[1:])))
        sizes: list[Size] = [self.out_channels]
        for axis, (k, s, p, d) in enumerate(self._windows(), 1):
            n = x.shape[axis]
            need_window(AXES[self.axes][axis - 1], n, k, p, d, axis)
            sizes.append(window_size(n, k, s, p, d))
        y = TensorType(tuple(sizes))
        return self._with_idle_weights(x, y) if self.padding else y

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        kernel = spread(self.kernel_size, self.axes)
        weight: dict[str, Shape] = {"weight": (self.out_channels, x.shape[0] // self.groups, *kernel)}
        return weight | {"bias": (self.out_channels,)} if self.bias else weight

    def macs(self, x: TensorType) -> Size:
        kernel = product(spread(self.kernel_size, self.axes))
        return product(self._map(x)) * self.out_channels * (x.shape[0] // self.groups) * kernel

    def saved(self, x: TensorType) -> Saved:
        padded = product((x.shape[0], *(n + extra for n, extra in zip(x.shape[1:], self._copied(), strict=True))))
        if padded == product(x.shape):
            return Saved(input=True)
        return Saved(input=self.padding_mode in ("reflect", "replicate"), extra=padded)

    def derivation(self, x: TensorType, axis: int) -> str | None:
        axis %= len(x.shape)
        if axis == 0 or self.padding == "same":
            return None
        k, s, p, d = self._windows()[axis - 1]
        return window_formula(x.shape[axis], k, s, p, d)

    def _windows(self) -> list[tuple[int, int, int, int]]:
        """Kernel, stride, padding and dilation of each axis. For `padding: same` the padding is 0 and not used."""
        n = self.axes
        kernel, stride, dilation = spread(self.kernel_size, n), spread(self.stride, n), spread(self.dilation, n)
        padding = (0,) * n if isinstance(self.padding, str) else spread(self.padding, n)
        return list(zip(kernel, stride, padding, dilation, strict=True))

    def _map(self, x: TensorType) -> Shape:
        """The spatial sizes of the output."""
        if self.padding == "same":
            return x.shape[1:]
        return tuple(window_size(n, *window) for n, window in zip(x.shape[1:], self._windows(), strict=True))

    def _copied(self) -> tuple[int, ...]:
        """By how much each axis is longer in the padded copy of the input that torch makes; 0 if it makes none.

        Zero padding is done inside the kernel without a copy, unless `same` needs different amounts on both sides.
        """
        if self.padding == "same":
            totals = tuple(d * (k - 1) for k, _, _, d in self._windows())
            return totals if self.padding_mode != "zeros" else tuple(total % 2 for total in totals)
        return tuple(2 * p if self.padding_mode != "zeros" else 0 for _, _, p, _ in self._windows())

    def _need_groups(self, channels: Size) -> None:
        expect(
            same(channels % self.groups, 0),
            lambda: f"`groups: {self.groups}` does not divide the input's channels: {{given}}",
            code="shape-mismatch",
            at="groups",
            axis=0,
            help="every group reads the same number of channels: `groups` must divide both sides",
        )

    def sliding(self) -> list[tuple[int, int, int, int]]:
        if self.padding != "same":
            return self._windows()
        return [(k, s, d * (k - 1) // 2, d) for k, s, _, d in self._windows()]

    def _with_idle_weights(self, x: TensorType, y: TensorType) -> TensorType:
        """The output, with a warning of weights that meet nothing but padding wherever the kernel stands."""
        if self.padding_mode != "zeros":
            return y
        for n, windows, (k, s, p, d) in zip(x.shape[1:], y.shape[1:], self.sliding(), strict=True):
            if isinstance(n, int) and isinstance(windows, int) and ((windows - 1) * s < p or d * (k - 1) - p >= n):
                break  # the first or the last element along this axis
        else:
            return y
        met = data_met(x.shape[1:], y.shape[1:], self.sliding())
        if met is not None:
            busy = product(tuple(sum(map(bool, row)) for row in met))
            area = product(tuple(map(len, met)))
            weights = product(self.parameters(x)["weight"])
            warn(
                busy == area,
                lambda: (
                    f"{area - busy} of the {area} weights of a kernel meet nothing but padding, as {{given}}: "
                    f"{weights // area * (area - busy):,} of {weights:,} weights do nothing"
                ),
                code="padding-only",
                at="kernel_size",
                axis="every",
                help="a smaller kernel computes the same; or let the layers in front shrink the map less",
            )
        return y

    def _need_padding_fits(self, x: TensorType) -> None:
        """Require that padding with values of the input is not wider than the input allows."""
        for axis, (k, _, p, d) in enumerate(self._windows(), 1):
            amount = (d * (k - 1) + 1) // 2 if self.padding == "same" else p
            if amount:
                need_source(self.padding_mode, x.shape[axis], amount, AXES[self.axes][axis - 1], axis)


def _divisors(number: int) -> str:
    """The numbers of groups that divide a number of channels."""
    found = [str(n) for n in range(1, min(number, 4096) + 1) if number % n == 0]
    return f"{', '.join(found[:-1])} or {found[-1]} groups" if len(found) > 1 else "one group"


def need_source(mode: str, n: Size, amount: int, name: str, axis: int) -> None:
    """Require that an axis with n values is long enough for `amount` values of padding: less than n for `reflect`, at
    most n for `circular`, any amount for the other modes.

    Raises:
        Unmet: it is not.
    """
    if mode == "reflect":
        need(
            amount < n,
            lambda: f"padding of {amount} that mirrors the {name} needs at least {amount + 1} values, but {{given}}",
            at="padding",
            axis=axis,
            help="the edge itself is not repeated, so an axis of n can be mirrored by at most n − 1",
        )
    elif mode == "circular":
        need(
            amount <= n,
            lambda: f"padding of {amount} that wraps around the {name} needs at least {amount} values, but {{given}}",
            at="padding",
            axis=axis,
        )


class Conv1d(Convolution):
    """(in_channels, L) → (out_channels, L') with
    L' = ⌊(L + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    With `kernel_size: 3`, a sequence of 100 steps has 98 = (100 − 3) // 1 + 1 positions for the kernel; `padding: same`
    keeps all 100. `in_channels` follows from the input.

    Parameters: out_channels · in_channels / groups · kernel_size, and out_channels for the bias.
    MACs: out_channels · L' · in_channels / groups · kernel_size.
    """

    axes = 1
    examples = (
        Example({"out_channels": 16, "kernel_size": 3}, (8, 100), (16, 98)),
        Example({"out_channels": 8, "kernel_size": 4, "padding": "same", "groups": 2}, (4, 50), (8, 50)),
    )

    kernel_size: Counts1
    stride: Counts1 = 1
    padding: Padding1 = 0
    dilation: Counts1 = 1


class Conv2d(Convolution):
    """(in_channels, H, W) → (out_channels, H', W') with
    H' = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, and W' likewise.

    AlexNet's first layer, `Conv2d: {out_channels: 96, kernel_size: 11, stride: 4, padding: 1}`, turns 1 × 224 × 224
    into 96 × 54 × 54: (224 + 2·1 − 11) // 4 + 1 = 54. `in_channels` follows from the input. `padding: same` keeps the
    size, for stride 1; `padding_mode` says which values the padding has.

    Parameters: out_channels · in_channels / groups · kernel area, and out_channels for the bias.
    MACs: out_channels · H' · W' · in_channels / groups · kernel area.
    """

    axes = 2
    examples = (
        Example({"out_channels": 96, "kernel_size": 11, "stride": 4, "padding": 1}, (1, 224, 224), (96, 54, 54)),
        Example({"out_channels": 32, "kernel_size": 3, "padding": "same", "groups": 32}, (32, 14, 14), (32, 14, 14)),
        Example(
            {"out_channels": 8, "kernel_size": (1, 7), "padding": (0, 3), "padding_mode": "reflect", "bias": False},
            (4, 17, 17),
            (8, 17, 17),
        ),
    )

    kernel_size: Counts2
    stride: Counts2 = 1
    padding: Padding2 = 0
    dilation: Counts2 = 1


class Conv3d(Convolution):
    """(in_channels, D, H, W) → (out_channels, D', H', W') with
    D' = ⌊(D + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1, H' and W' likewise.

    16 frames of 112 × 112 under `kernel_size: 3, padding: 1, stride: [1, 2, 2]` give 16 × 56 × 56:
    (16 + 2·1 − 3) // 1 + 1 = 16 and (112 + 2·1 − 3) // 2 + 1 = 56. `in_channels` follows from the input.

    Parameters: out_channels · in_channels / groups · kernel volume, and out_channels for the bias.
    MACs: out_channels · D' · H' · W' · in_channels / groups · kernel volume.
    """

    axes = 3
    examples = (
        Example(
            {"out_channels": 8, "kernel_size": 3, "stride": (1, 2, 2), "padding": 1}, (3, 16, 28, 28), (8, 16, 14, 14)
        ),
        Example({"out_channels": 4, "kernel_size": 2, "dilation": 2}, (2, 5, 6, 7), (4, 3, 4, 5)),
    )

    kernel_size: Counts3
    stride: Counts3 = 1
    padding: Padding3 = 0
    dilation: Counts3 = 1
