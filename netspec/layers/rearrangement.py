"""Layers that move values between channels, pixels and patches: pixel and channel shuffles, unfold and fold."""

from __future__ import annotations

from netspec.arguments import Count, Counts2, Naturals2, spread
from netspec.dims import Shape, Size, need, product, same
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.windows import AXES, RANKS, need_window, window_formula, window_size


class PixelShuffle(Layer):
    """(*, C·r², H, W) → (*, C, H·r, W·r) with r = upscale_factor: channels become pixels.

    `PixelShuffle: 2` on 12 × 32 × 32 gives 3 × 64 × 64.
    """

    family = "shape"
    scalar = "upscale_factor"
    examples = (
        Example({"upscale_factor": 2}, (12, 32, 32), (3, 64, 64)),
        Example({"upscale_factor": 3}, (2, 9, 1, 2), (2, 1, 3, 6)),
    )

    upscale_factor: Count

    def output(self, x: TensorType) -> TensorType:
        self.need_rank_from(x, 3, RANKS[2])
        r = self.upscale_factor
        *lead, channels, height, width = x.shape
        need(
            same(channels % (r * r), 0),
            lambda: (
                f"`upscale_factor: {r}` makes one channel of {r * r}, which does not divide the channels: {{given}}"
            ),
            at="upscale_factor",
            axis=-3,
        )
        return TensorType((*lead, channels // (r * r), height * r, width * r), x.dtype)

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def derivation(self, x: TensorType, axis: int) -> str | None:
        axis -= len(x.shape) if axis >= 0 else 0
        r = self.upscale_factor
        if axis == -3:
            return f"{x.shape[axis]} // {r}²"
        return f"{x.shape[axis]} · {r}" if axis > -3 else None


class PixelUnshuffle(Layer):
    """(*, C, H·r, W·r) → (*, C·r², H, W) with r = downscale_factor: pixels become channels.

    `PixelUnshuffle: 2` on 3 × 64 × 64 gives 12 × 32 × 32.
    """

    family = "shape"
    scalar = "downscale_factor"
    examples = (
        Example({"downscale_factor": 2}, (3, 64, 64), (12, 32, 32)),
        Example({"downscale_factor": 3}, (2, 1, 3, 6), (2, 9, 1, 2)),
    )

    downscale_factor: Count

    def output(self, x: TensorType) -> TensorType:
        self.need_rank_from(x, 3, RANKS[2])
        r = self.downscale_factor
        *lead, channels, height, width = x.shape
        for name, size, axis in (("height", height, -2), ("width", width, -1)):
            need(
                same(size % r, 0),
                lambda name=name: f"`downscale_factor: {r}` does not divide the {name}: {{given}}",
                at="downscale_factor",
                axis=axis,
            )
        return TensorType((*lead, channels * r * r, height // r, width // r), x.dtype)

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def derivation(self, x: TensorType, axis: int) -> str | None:
        axis -= len(x.shape) if axis >= 0 else 0
        r = self.downscale_factor
        if axis == -3:
            return f"{x.shape[axis]} · {r}²"
        return f"{x.shape[axis]} // {r}" if axis > -3 else None


class ChannelShuffle(Layer):
    """(C, *) → (C, *): the channels, seen as groups × C / groups, are transposed, so that groups mix.

    `ChannelShuffle: 2` on 116 × 28 × 28 puts the channels in the order 0, 58, 1, 59, ….
    """

    family = "shape"
    scalar = "groups"
    examples = (
        Example({"groups": 2}, (116, 28, 28), (116, 28, 28)),
        Example({"groups": 3}, (6, 5), (6, 5)),
    )

    groups: Count

    def output(self, x: TensorType) -> TensorType:
        self.need_rank_from(x, 2, "(channels, …)")
        need(
            same(x.shape[0] % self.groups, 0),
            lambda: f"`groups: {self.groups}` does not divide the channels: {{given}}",
            at="groups",
            axis=0,
        )
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved()


class Unfold(Layer):
    """(C, H, W) → (C · kernel area, L): every window becomes a column, L is their number, the product over both axes of
    ⌊(n + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1.

    `Unfold: {kernel_size: 16, stride: 16}` on 3 × 224 × 224 gives 768 × 196: 14 · 14 patches of 3 · 16 · 16 values.
    """

    family = "shape"
    scalar = "kernel_size"
    examples = (
        Example({"kernel_size": 16, "stride": 16}, (3, 224, 224), (768, 196)),
        Example({"kernel_size": (2, 3), "dilation": 2, "padding": 1, "stride": (1, 2)}, (4, 5, 8), (24, 15)),
    )

    kernel_size: Counts2
    dilation: Counts2 = 1
    padding: Naturals2 = 0
    stride: Counts2 = 1

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, 3, RANKS[2])
        windows = _windows(self)
        for axis, (k, _, p, d) in enumerate(windows, 1):
            need_window(AXES[2][axis - 1], x.shape[axis], k, p, d, axis)
        columns = product(window_size(n, *window) for n, window in zip(x.shape[1:], windows, strict=True))
        return TensorType((x.shape[0] * product(spread(self.kernel_size, 2)), columns))

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def derivation(self, x: TensorType, axis: int) -> str | None:
        if axis % 2 == 0:
            return " × ".join(str(size) for size in (x.shape[0], *spread(self.kernel_size, 2)))
        counts = zip(x.shape[1:], _windows(self), strict=True)
        return " × ".join(f"({window_formula(n, *window)})" for n, window in counts)


class Fold(Layer):
    """(C · kernel area, L) → (C, *output_size): columns are put back as windows, and where windows overlap their values
    are added. L must be the number of windows that `Unfold` would cut from the output.

    `Fold: {output_size: 224, kernel_size: 16, stride: 16}` on 768 × 196 gives 3 × 224 × 224.
    """

    family = "shape"
    examples = (
        Example({"output_size": 224, "kernel_size": 16, "stride": 16}, (768, 196), (3, 224, 224)),
        Example(
            {"output_size": (5, 8), "kernel_size": (2, 3), "dilation": 2, "padding": 1, "stride": (1, 2)},
            (24, 15),
            (4, 5, 8),
        ),
    )

    output_size: Counts2
    kernel_size: Counts2
    dilation: Counts2 = 1
    padding: Naturals2 = 0
    stride: Counts2 = 1

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, 2, "(values of a window, windows)")
        area = product(spread(self.kernel_size, 2))
        need(
            same(x.shape[0] % area, 0),
            lambda: f"`kernel_size` has {area} places, which does not divide the values of a window: {{given}}",
            at="kernel_size",
            axis=0,
        )
        columns = self._columns()
        need(
            same(x.shape[1], columns),
            lambda: (
                f"an output of {' × '.join(map(str, spread(self.output_size, 2)))} has {columns} windows, but {{given}}"
            ),
            at="output_size",
            axis=1,
        )
        return TensorType((x.shape[0] // area, *spread(self.output_size, 2)))

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def derivation(self, x: TensorType, axis: int) -> str | None:
        return f"{x.shape[0]} // {product(spread(self.kernel_size, 2))}" if axis % 3 == 0 else None

    def _columns(self) -> Size:
        """The number of windows of the output.

        Raises:
            Unmet: no window fits.
        """
        sizes: Shape = spread(self.output_size, 2)
        windows = _windows(self)
        for name, size, (k, _, p, d) in zip(AXES[2], sizes, windows, strict=True):
            need(
                size + 2 * p >= d * (k - 1) + 1,
                lambda name=name, size=size, k=k: (
                    f"`kernel_size: {k}` does not fit into the {name} {size} of `output_size`"
                ),
                at="kernel_size",
            )
        return product(window_size(n, *window) for n, window in zip(sizes, windows, strict=True))


def _windows(layer: Unfold | Fold) -> list[tuple[int, int, int, int]]:
    """Kernel, stride, padding and dilation of both axes."""
    settings = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
    k, s, p, d = (spread(value, 2) for value in settings)
    return list(zip(k, s, p, d, strict=True))
