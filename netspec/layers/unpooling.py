"""Max unpooling over one, two and three spatial axes: the values go back to where a max pool found them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from netspec.arguments import Counts1, Counts2, Counts3, Naturals1, Naturals2, Naturals3, spread
from netspec.dims import Size, need, product, same
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall, shape_text
from netspec.layers.windows import AXES, RANKS


class MaxUnpooling(Layer):
    """Base of the three."""

    axes: ClassVar[int]
    family = "pooling"
    scalar = "kernel_size"
    several = True
    tensors = ("indices",)

    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    output_size: Any = None

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, self.axes + 1, RANKS[self.axes])
        default = self._default_sizes(x)
        for axis, size in enumerate(default, 1):
            if self.output_size is None:
                name = AXES[self.axes][axis - 1]
                need(
                    size >= 1,
                    lambda name=name: f"`{type(self).__name__}` leaves nothing of the {name}: {{given}}",
                    at="padding", axis=axis, help="leave out the `padding`, or let it be less",
                )  # fmt: skip
        if self.output_size is None:
            return TensorType((x.shape[0], *default))
        wanted = spread(self.output_size, self.axes)
        strides = self._strides()
        for axis, (size, want, s) in enumerate(zip(default, wanted, strides, strict=True), 1):
            for fits in (size - s + 1 <= want, want <= size + s - 1):
                need(
                    fits,
                    lambda size=size, want=want, s=s, axis=axis: (
                        f"`output_size` of the {AXES[self.axes][axis - 1]} is {want}, but it is from "
                        f"{size - s + 1} to {size + s - 1} here: {{given}}"
                    ),
                    at="output_size", axis=axis, help=f"leave it out for {size}",
                )  # fmt: skip
        return TensorType((x.shape[0], *wanted))

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        name = type(self).__name__
        given = others.get("indices", ())
        need(
            len(given) == 1,
            lambda: f"`{name}` wants the indices of a max pool" + (f", not {len(given)} values" if given else ""),
            code="missing-argument" if not given else "value-kind",
            help=f"for example `{name}: {{kernel_size: 2, indices: i}}`, where `as: [y, i]` behind a "
            f"`{name.replace('Unpool', 'Pool')}` with `return_indices: true` has named them",
        )
        found = given[0]
        need(
            found.dtype == "int64",
            lambda: f"`indices` are int64, but what is given is {found.dtype}",
            code="wrong-dtype", at="indices",
            help="give it the second result of a max pool: `as: [y, i]` and `return_indices: true`",
        )  # fmt: skip
        pairs = list(zip(found.shape, x.shape, strict=False))
        for fits in (len(found.shape) == len(x.shape), *(same(ours, theirs) for ours, theirs in pairs)):
            need(
                fits,
                lambda: f"`indices` have the shape of the input: they are {shape_text(found.shape)}, but {{given}}",
                code="shape-mismatch", at="indices", axis="every",
                help="give it the indices of the pool that made a map of this shape",
            )  # fmt: skip
        return (self.output(x),)

    def saved(self, x: TensorType) -> Saved:
        return Saved(indices=product(x.shape))

    def call(self, x: TensorType) -> TorchCall:
        arguments = self.arguments(x)
        if self.output_size is not None:
            return TorchCall(f"Sized{type(self).__name__}", arguments, "netspec.torch.extra")
        del arguments["output_size"]
        return TorchCall(type(self).__name__, arguments)

    def _strides(self) -> tuple[int, ...]:
        return spread(self.kernel_size if self.stride is None else self.stride, self.axes)

    def _default_sizes(self, x: TensorType) -> list[Size]:
        kernel, padding = spread(self.kernel_size, self.axes), spread(self.padding, self.axes)
        windows = zip(x.shape[1:], kernel, self._strides(), padding, strict=True)
        return [(n - 1) * s - 2 * p + k for n, k, s, p in windows]


class MaxUnpool1d(MaxUnpooling):
    """(C, L) → (C, L') with L' = (L − 1)·stride − 2·padding + kernel_size, or `output_size`:
    each value goes to where a max pool found it, and zeros fill the rest.

    `MaxUnpool1d: {kernel_size: 2, indices: i}` on 16 × 49 gives 16 × 98, where `MaxPool1d` with
    `return_indices: true` and `as: [y, i]` has named the places. `stride` is `kernel_size` unless it is given.
    `output_size`, of the spatial axes, is less than a stride away from the sizes above.
    """

    axes = 1
    examples = (
        Example({"kernel_size": 2}, (16, 49), (16, 98), others={"indices": (16, 49)}, others_dtype="int64"),
        Example(
            {"kernel_size": 2, "output_size": 99},
            (16, 49),
            (16, 99),
            others={"indices": (16, 49)},
            others_dtype="int64",
        ),
    )

    kernel_size: Counts1
    stride: Counts1 | None = None
    padding: Naturals1 = 0
    output_size: Counts1 | None = None


class MaxUnpool2d(MaxUnpooling):
    """(C, H, W) → (C, H', W') with H' = (H − 1)·stride − 2·padding + kernel_size, W' likewise, or `output_size`:
    each value goes to where a max pool found it, and zeros fill the rest.

    `MaxUnpool2d: {kernel_size: 2, indices: i}` on 64 × 16 × 16 gives 64 × 32 × 32, where `MaxPool2d` with
    `return_indices: true` and `as: [y, i]` has named the places. `stride` is `kernel_size` unless it is given.
    `output_size`, of the spatial axes, is less than a stride away from the sizes above.
    """

    axes = 2
    examples = (
        Example({"kernel_size": 2}, (64, 16, 16), (64, 32, 32), others={"indices": (64, 16, 16)}, others_dtype="int64"),
        Example(
            {"kernel_size": 2, "output_size": (33, 32)},
            (64, 16, 16),
            (64, 33, 32),
            others={"indices": (64, 16, 16)},
            others_dtype="int64",
        ),
    )

    kernel_size: Counts2
    stride: Counts2 | None = None
    padding: Naturals2 = 0
    output_size: Counts2 | None = None


class MaxUnpool3d(MaxUnpooling):
    """(C, D, H, W) → (C, D', H', W') with D' = (D − 1)·stride − 2·padding + kernel_size, H' and W'
    likewise, or `output_size`:
    each value goes to where a max pool found it, and zeros fill the rest.

    `MaxUnpool3d: {kernel_size: 2, indices: i}` on 4 × 2 × 3 × 3 gives 4 × 4 × 6 × 6, where `MaxPool3d` with
    `return_indices: true` and `as: [y, i]` has named the places. `stride` is `kernel_size` unless it is given.
    `output_size`, of the spatial axes, is less than a stride away from the sizes above.
    """

    axes = 3
    examples = (
        Example({"kernel_size": 2}, (4, 2, 3, 3), (4, 4, 6, 6), others={"indices": (4, 2, 3, 3)}, others_dtype="int64"),
        Example(
            {"kernel_size": 2, "output_size": (5, 6, 6)},
            (4, 2, 3, 3),
            (4, 5, 6, 6),
            others={"indices": (4, 2, 3, 3)},
            others_dtype="int64",
        ),
    )

    kernel_size: Counts3
    stride: Counts3 | None = None
    padding: Naturals3 = 0
    output_size: Counts3 | None = None
