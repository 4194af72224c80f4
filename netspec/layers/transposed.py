"""Transposed convolutions, which upsample: the gradients of convolutions, used as layers."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import model_validator

from netspec.arguments import Count, Counts1, Counts2, Counts3, Naturals1, Naturals2, Naturals3, invalid, spread
from netspec.dims import Shape, Size, expect, need, product, same
from netspec.layers.base import Example, Layer, TensorType
from netspec.layers.windows import AXES, RANKS
from netspec.writing import shown


class TransposedConvolution(Layer):
    """Base of the three transposed convolutions, over `axes` spatial axes."""

    axes: ClassVar[int]
    family = "convolution"
    outputs_axis = 1
    autocast = "low"
    width = "in_channels"
    sets_axis = 0

    in_channels: Count | None = None
    out_channels: Count
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    output_padding: Any = 0
    groups: Count = 1
    bias: bool = True
    dilation: Any = 1
    padding_mode: Literal["zeros"] = "zeros"

    @model_validator(mode="after")
    def _arguments_agree(self) -> TransposedConvolution:
        if any(op >= s and op >= d for _, s, _, op, d in self._windows()):
            raise invalid(
                f"`output_padding: {shown(self.output_padding)}` must be smaller than `stride: {shown(self.stride)}` "
                f"or `dilation: {shown(self.dilation)}` on every axis"
            )
        if self.out_channels % self.groups:
            raise invalid(
                f"`groups: {self.groups}` does not divide `out_channels: {self.out_channels}`: "
                "every group makes the same number of channels"
            )
        return self

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, self.axes + 1, RANKS[self.axes])
        channels = self.check_width(x)
        if self.groups != 1:
            self._need_groups(channels)
        sizes: list[Size] = [self.out_channels]
        for axis, window in enumerate(self._windows(), 1):
            size = transposed_size(x.shape[axis], *window)
            self._need_something_left(size, window[2], axis)
            sizes.append(size)
        return TensorType(tuple(sizes))

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        kernel = spread(self.kernel_size, self.axes)
        weight: dict[str, Shape] = {"weight": (x.shape[0], self.out_channels // self.groups, *kernel)}
        return weight | {"bias": (self.out_channels,)} if self.bias else weight

    def macs(self, x: TensorType) -> Size:
        return product(x.shape) * (self.out_channels // self.groups) * product(spread(self.kernel_size, self.axes))

    def derivation(self, x: TensorType, axis: int) -> str | None:
        axis %= len(x.shape)
        if axis == 0:
            return None
        k, s, p, op, d = self._windows()[axis - 1]
        kernel = f"{k - 1}" if d == 1 else f"{d}·({k} − 1)"
        padding = f" − 2·{p}" if p else ""
        return f"({x.shape[axis]} − 1)·{s}{padding} + {kernel}{f' + {op}' if op else ''} + 1"

    def _windows(self) -> list[tuple[int, int, int, int, int]]:
        """Kernel, stride, padding, output padding and dilation of each axis."""
        n = self.axes
        settings = (self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation)
        k, s, p, op, d = (spread(value, n) for value in settings)
        return list(zip(k, s, p, op, d, strict=True))

    def _need_groups(self, channels: Size) -> None:
        expect(
            same(channels % self.groups, 0),
            lambda: f"`groups: {self.groups}` does not divide the input's channels: {{given}}",
            code="shape-mismatch",
            at="groups",
            axis=0,
            help="every group reads the same number of channels: `groups` must divide both sides",
        )

    def _need_something_left(self, size: Size, padding: int, axis: int) -> None:
        need(
            size >= 1,
            lambda: (
                f"`padding: {padding}` cuts {2 * padding} off the {AXES[self.axes][axis - 1]}, which leaves {size}: "
                "{given}"
            ),
            at="padding",
            axis=axis,
            help="in a transposed convolution padding makes the output smaller",
        )


def transposed_size(n: Size, k: int, s: int, p: int, op: int, d: int) -> Size:
    """The output size along an axis: (n − 1)·s − 2p + d(k − 1) + op + 1."""
    return (n - 1) * s - 2 * p + d * (k - 1) + op + 1


class ConvTranspose1d(TransposedConvolution):
    """(in_channels, L) → (out_channels, L') with
    L' = (L − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1.

    `ConvTranspose1d: {out_channels: 8, kernel_size: 4, stride: 2, padding: 1}` doubles a length of 50:
    (50 − 1)·2 − 2·1 + 3 + 1 = 100. `in_channels` follows from the input.

    Parameters: in_channels · out_channels / groups · kernel_size, and out_channels for the bias.
    MACs: in_channels · L · out_channels / groups · kernel_size.
    """

    axes = 1
    examples = (
        Example({"out_channels": 8, "kernel_size": 4, "stride": 2, "padding": 1}, (16, 50), (8, 100)),
        Example({"out_channels": 4, "kernel_size": 3, "dilation": 2, "groups": 2}, (6, 7), (4, 11)),
    )

    kernel_size: Counts1
    stride: Counts1 = 1
    padding: Naturals1 = 0
    output_padding: Naturals1 = 0
    dilation: Counts1 = 1


class ConvTranspose2d(TransposedConvolution):
    """(in_channels, H, W) → (out_channels, H', W') with
    H' = (H − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1, and W' likewise.

    `ConvTranspose2d: {out_channels: 64, kernel_size: 2, stride: 2}` on 128 × 28 × 28 gives 64 × 56 × 56:
    (28 − 1)·2 + 1 + 1 = 56. A convolution of stride s maps s sizes to the same one; `output_padding` selects which of
    them is the output size. `in_channels` follows from the input.

    Parameters: in_channels · out_channels / groups · kernel area, and out_channels for the bias.
    MACs: in_channels · H · W · out_channels / groups · kernel area.
    """

    axes = 2
    examples = (
        Example({"out_channels": 64, "kernel_size": 2, "stride": 2}, (128, 28, 28), (64, 56, 56)),
        Example(
            {"out_channels": 3, "kernel_size": (3, 5), "stride": 2, "padding": (1, 2), "output_padding": 1},
            (4, 7, 8),
            (3, 14, 16),
        ),
    )

    kernel_size: Counts2
    stride: Counts2 = 1
    padding: Naturals2 = 0
    output_padding: Naturals2 = 0
    dilation: Counts2 = 1


class ConvTranspose3d(TransposedConvolution):
    """(in_channels, D, H, W) → (out_channels, D', H', W') with
    D' = (D − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1, H' and W' likewise.

    `ConvTranspose3d: {out_channels: 8, kernel_size: 2, stride: 2}` on 16 × 4 × 14 × 14 gives 8 × 8 × 28 × 28.
    `in_channels` follows from the input.

    Parameters: in_channels · out_channels / groups · kernel volume, and out_channels for the bias.
    MACs: in_channels · D · H · W · out_channels / groups · kernel volume.
    """

    axes = 3
    examples = (
        Example({"out_channels": 8, "kernel_size": 2, "stride": 2}, (16, 4, 14, 14), (8, 8, 28, 28)),
        Example({"out_channels": 2, "kernel_size": 3, "padding": 1, "bias": False}, (3, 2, 3, 4), (2, 2, 3, 4)),
    )

    kernel_size: Counts3
    stride: Counts3 = 1
    padding: Naturals3 = 0
    output_padding: Naturals3 = 0
    dilation: Counts3 = 1
