"""Layers that give several results, or are given a second tensor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import model_validator

from netspec.arguments import Count, Integer, PartSizes, invalid
from netspec.dims import Size, need, product, same
from netspec.layers.base import Example, Family, Layer, Saved, TensorType, TorchCall, shape_text
from netspec.layers.shape import axis_of


class _Parts(Layer):
    """An axis cut into pieces, which are views."""

    family: ClassVar[Family] = "shape"
    several: ClassVar[bool] = True
    gives_family: ClassVar[bool] = True
    keeps_values: ClassVar[bool] = True

    def sizes_of(self, size: Size) -> list[Size]:
        """The sizes of the pieces of an axis of this size."""
        raise NotImplementedError

    def along(self) -> int:
        """The axis, as torch counts it."""
        raise NotImplementedError

    def output(self, x: TensorType) -> TensorType:
        return self.results(x, {})[0]

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        axis = axis_of(x, self.along(), "dim")
        return tuple(
            TensorType((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype) for size in self.sizes_of(x.shape[axis])
        )

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return True

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall(type(self).__name__, self.arguments(x), "netspec.torch.extra")


class Chunk(_Parts):
    """(*, n, *) → a family of (*, n / chunks, *): an axis in equal parts, as `torch.chunk`.

    `Chunk: 2` on 64 × 8 × 8 gives 32 × 8 × 8 twice. `dim` counts the batch axis, which is 0, and is 1 by default. A
    size that `chunks` does not divide leaves the last part smaller, as in torch; there are always so many parts.
    """

    scalar: ClassVar[str | None] = "chunks"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"chunks": 2}, (64, 8, 8), (32, 8, 8)),
        Example({"chunks": 3, "dim": -1}, (4, 7), (4, 3)),
    )

    chunks: Count
    dim: Integer = 1

    def along(self) -> int:
        return self.dim

    def call(self, x: TensorType) -> TorchCall:
        if self.chunks == 1:  # a family of one is the value itself, for which torch has a tuple
            return TorchCall("Identity", {})
        return super().call(x)

    def sizes_of(self, size: Size) -> list[Size]:
        each = (size + self.chunks - 1) // self.chunks
        last = size - each * (self.chunks - 1)
        need(
            last >= 1,
            lambda: f"{_fewer(size, each, self.chunks)}: {{given}}",
            code="invalid-argument", at="chunks", axis=_axis(self.dim),
            help=f"write `chunks: {-(-size // each)}`" if isinstance(size, int) and isinstance(each, int) else None,
        )  # fmt: skip
        return [*[each] * (self.chunks - 1), last]


def _fewer(size: Size, each: Size, chunks: int) -> str:
    """What is wrong where torch makes fewer parts than were asked for."""
    if not isinstance(size, int) or not isinstance(each, int):
        return f"`chunks: {chunks}` gives fewer parts here, as in torch"
    parts = -(-size // each)
    return f"`chunks: {chunks}` gives {parts} part{'s' * (parts > 1)} of {each} here, as in torch"


class Split(_Parts):
    """(*, n, *) → a family of (*, m, *): an axis in parts of these sizes, as `torch.split`.

    `Split: {sizes: [64, 32]}` on 96 × 8 × 8 gives 64 × 8 × 8 and 32 × 8 × 8. `dim` counts the batch axis, which is 0,
    and is 1 by default. The sizes add up to that of the axis.
    """

    examples: ClassVar[tuple[Example, ...]] = (
        Example({"sizes": (64, 32)}, (96, 8, 8), (64, 8, 8)),
        Example({"sizes": (1, 2, 3), "dim": 2}, (4, 6), (4, 1)),
    )

    sizes: PartSizes
    dim: Integer = 1

    @model_validator(mode="after")
    def _parts(self) -> Split:
        if len(self.sizes) < 2:
            raise invalid("`sizes` has one size for each part, at least two")
        return self

    def along(self) -> int:
        return self.dim

    def sizes_of(self, size: Size) -> list[Size]:
        total = sum(self.sizes)
        need(
            same(size, total),
            lambda: f"the `sizes` add up to {total}, not to the size of axis {self.dim}: {{given}}",
            code="shape-mismatch", at="sizes", axis=_axis(self.dim),
        )  # fmt: skip
        return list(self.sizes)


def _axis(dim: int) -> int:
    """The axis of an example that a dim of torch's means, for a message."""
    return dim - 1 if dim > 0 else dim


class GaussianSample(Layer):
    """(*) → (*): x + exp(logvar / 2) · ε with ε ~ N(0, 1), a sample of a Gaussian with mean x; in eval mode the mean.

    `GaussianSample: {logvar: v}` on 16 gives 16. The value `v`, which has the shape of the input, is the logarithm of
    the variance. This is the reparametrisation of Kingma & Welling 2014 (arXiv 1312.6114), section 2.4.
    """

    family: ClassVar[Family] = "shape"
    several: ClassVar[bool] = True
    tensors: ClassVar[tuple[str, ...]] = ("logvar",)
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (16,), (16,), others={"logvar": (16,)}),)

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        return x

    def results(self, x: TensorType, others: Mapping[str, tuple[TensorType, ...]]) -> tuple[TensorType, ...]:
        self.need_float(x)
        given = others.get("logvar", ())
        need(
            len(given) == 1,
            lambda: (
                "`GaussianSample` wants a value as `logvar`, the logarithm of the variance"
                + (f", not {len(given)} of them" if given else "")
            ),
            code="missing-argument" if not given else "value-kind",
            help="for example `GaussianSample: {logvar: v}`, where `as: v` has named it",
        )
        other = given[0].shape
        pairs = zip(other, x.shape, strict=False)
        for fits in (given[0].dtype == x.dtype, len(other) == len(x.shape), *(same(a, b) for a, b in pairs)):
            need(
                fits,
                lambda: (
                    f"`logvar` has the shape and dtype of the mean: it is {shape_text(given[0].shape)}, but {{given}}"
                ),
                code="shape-mismatch", at="logvar", axis="every",
            )  # fmt: skip
        return (x,)

    def saved(self, x: TensorType) -> Saved:
        return Saved(extra=2 * product(x.shape))

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("GaussianSample", {}, "netspec.torch.extra")
