"""Layers that torch.nn lacks: selected axes and slices, stochastic depth, learned tokens, positions and scales."""

from __future__ import annotations

from functools import reduce
from typing import Any, ClassVar, Literal

from netspec.arguments import Count, Integer, Probability, Real
from netspec.dims import UNKNOWN, Shape, Size, maximum, minimum, need
from netspec.layers.base import Example, Family, Layer, Saved, TensorType, TorchCall
from netspec.layers.shape import axis_of

_OWN = "netspec.torch.extra"


class Select(Layer):
    """One slice along an axis, which disappears: x[:, index] for `dim: 1`.

    `Select: {dim: 1, index: 0}` on 197 × 768 gives 768: the class token of a vision transformer. `dim` counts the
    batch axis, as in `torch.select`, and may not be the batch axis itself. A negative index counts from the end.

    Parameters: none.
    """

    family: ClassVar[Family] = "shape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "index": 0}, (197, 768), (768,)),
        Example({"dim": -1, "index": -1}, (5, 3), (5,)),
    )

    dim: Integer
    index: Integer

    def output(self, x: TensorType) -> TensorType:
        rank = len(x.shape) + 1
        need(
            -rank <= self.dim < rank and self.dim % rank != 0,
            lambda: (
                f"`dim: {self.dim}` is none of the axes behind the batch: {{given}}, so dim is from 1 to {rank - 1}"
            ),
            code="wrong-rank",
            at="dim",
            axis="every",
        )
        axis = self.dim % rank - 1
        size = x.shape[axis]
        need(
            size > self.index if self.index >= 0 else size >= -self.index,
            lambda: f"`index: {self.index}` lies outside the axis: {{given}}",
            at="index",
            axis=axis,
        )
        return TensorType((*x.shape[:axis], *x.shape[axis + 1 :]), x.dtype)

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return True

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Select", self.arguments(x), _OWN)


class Slice(Layer):
    """(*, n, *) → (*, m, *): part of an axis, as a Python slice: x[:, start:end:step] for `dim: 1`.

    `Slice: {dim: 1, end: 64}` on 96 × 28 × 28 gives the first 64 channels, `Slice: {dim: -1, start: -1}` on 5 × 3 the
    last column, 5 × 1. `dim` counts the batch axis and may not be the batch axis itself. Negative numbers count from
    the end, what lies outside is cut off, and something must be left.

    Parameters: none.
    """

    family: ClassVar[Family] = "shape"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"dim": 1, "end": 64}, (96, 28, 28), (64, 28, 28)),
        Example({"dim": -1, "start": 1, "end": -1, "step": 2}, (3, 10), (3, 4)),
        Example({"dim": 1, "start": 1}, (9,), (8,), "int64"),
    )

    dim: Integer
    start: Integer | None = None
    end: Integer | None = None
    step: Count = 1

    def output(self, x: TensorType) -> TensorType:
        axis = axis_of(x, self.dim, "dim")
        size = x.shape[axis]
        lengths = [last - first for last in self._lasts(size) for first in self._firsts(size)]
        for length in lengths:
            need(
                length >= 1,
                lambda: f"`{self._written()}` leaves nothing of the axis: {{given}}",
                code="invalid-argument",
                at="end" if self.start is None else "start",
                axis=axis,
            )
        length = reduce(minimum, lengths)
        return TensorType((*x.shape[:axis], (length + self.step - 1) // self.step, *x.shape[axis + 1 :]), x.dtype)

    def _firsts(self, size: Size) -> tuple[Size, ...]:
        """Indices of which the largest is the first of the slice."""
        start = self.start or 0
        return (start,) if start >= 0 else (size + start, 0)

    def _lasts(self, size: Size) -> tuple[Size, ...]:
        """Indices of which the smallest lies behind the slice."""
        if self.end is None:
            return (size,)
        return (self.end, size) if self.end >= 0 else (size + self.end,)

    def _written(self) -> str:
        ends = [f"{name}: {end}" for name, end in (("start", self.start), ("end", self.end)) if end is not None]
        return ", ".join(ends)

    def derivation(self, x: TensorType, axis: int) -> str | None:
        cut = axis_of(x, self.dim, "dim")
        if axis % len(x.shape) != cut:
            return None
        first, last = reduce(maximum, self._firsts(x.shape[cut])), reduce(minimum, self._lasts(x.shape[cut]))
        if self.step > 1:
            return f"⌈({last} − {first}) / {self.step}⌉"
        return None if first == 0 else f"{last} − {first}"

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return True

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Slice", self.arguments(x), _OWN)


class StochasticDepth(Layer):
    """x → x, or zero for whole examples with probability `p` while training, the others scaled by 1 / (1 − p).

    `StochasticDepth: 0.2` at the end of a residual's body drops that body for one example in five. `mode: batch` drops
    it for all examples of a batch or none. Source: Huang et al. 2016, "Deep Networks with Stochastic Depth";
    torchvision's own module.

    Parameters: none.
    """

    family: ClassVar[Family] = "dropout"
    scalar: ClassVar[str | None] = "p"
    examples: ClassVar[tuple[Example, ...]] = (Example({"p": 0.2}, (96, 56, 56), (96, 56, 56)),)

    p: Probability
    mode: Literal["row", "batch"] = "row"

    def output(self, x: TensorType) -> TensorType:
        need(
            x.dtype == "float32",
            lambda: f"`StochasticDepth` scales float32 values, but its input is {x.dtype}",
            code="wrong-dtype",
        )
        return x

    def saved(self, x: TensorType) -> Saved:
        if self.p == 0:
            return Saved()
        return Saved(extra=1) if self.mode == "row" else Saved(statistics=1)

    def shares(self, x: TensorType) -> bool:
        return self.p == 0

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("StochasticDepth", self.arguments(x), "torchvision.ops")


class LayerScale(Layer):
    """x → weight · x, one learned factor for each channel; the shape stays.

    `LayerScale: 1e-6` on 96 × 56 × 56 has 96 factors that begin as 10⁻⁶, so that a deep residual network begins as the
    identity. `dim` is the axis of the channels, batch included: 1 for images, −1 for channels last. Source: Touvron et
    al. 2021, "Going deeper with Image Transformers".

    Parameters: one for each channel.
    """

    family: ClassVar[Family] = "normalization"
    scalar: ClassVar[str | None] = "init_value"
    examples: ClassVar[tuple[Example, ...]] = (
        Example({"init_value": 1e-6}, (96, 56, 56), (96, 56, 56)),
        Example({"init_value": 0.1, "dim": -1}, (196, 384), (196, 384)),
    )

    init_value: Real = 1e-6
    dim: Integer = 1

    def output(self, x: TensorType) -> TensorType:
        rank = len(x.shape) + 1
        need(
            x.dtype == "float32",
            lambda: f"`LayerScale` multiplies float32 values, but its input is {x.dtype}",
            code="wrong-dtype",
        )
        need(
            -rank <= self.dim < rank and self.dim % rank != 0,
            lambda: (
                f"`dim: {self.dim}` is none of the axes behind the batch: {{given}}, so dim is from 1 to {rank - 1}"
            ),
            code="wrong-rank",
            at="dim",
            axis="every",
        )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        axis = self.dim % (len(x.shape) + 1) - 1
        return {"weight": (x.shape[axis], *(1 for _ in x.shape[axis + 1 :]))}

    def call(self, x: TensorType) -> TorchCall:
        arguments: dict[str, Any] = {"shape": self.parameters(x)["weight"], "init_value": self.init_value}
        return TorchCall("LayerScale", arguments, _OWN)


def _sequence(layer: Layer, x: TensorType) -> None:
    """Require a sequence of float32 vectors, (length, embed_dim)."""
    layer.need_rank(x, 2, "(length, embed_dim)")
    need(
        x.dtype == "float32",
        lambda: f"`{type(layer).__name__}` wants float32 vectors, but its input is {x.dtype}",
        code="wrong-dtype",
        help="an `Embedding` in front of it turns integers into vectors",
    )


class ClassToken(Layer):
    """(L, embed_dim) → (L + 1, embed_dim): one learned vector, the same for every example, stands before the sequence.

    `ClassToken` on 196 × 768 gives 197 × 768; `Select: {dim: 1, index: 0}` reads the token again at the end. It begins
    as zeros. Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words".

    Parameters: embed_dim.
    """

    family: ClassVar[Family] = "embedding"
    width: ClassVar[str | None] = "embed_dim"
    width_axis: ClassVar[int] = -1
    sets_axis: ClassVar[int | None] = 0
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (196, 768), (197, 768)),)

    embed_dim: Count | None = None

    def output(self, x: TensorType) -> TensorType:
        _sequence(self, x)
        self.check_width(x)
        return TensorType((x.shape[0] + 1, x.shape[1]), x.dtype)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (1, 1, x.shape[-1])}

    def derivation(self, x: TensorType, axis: int) -> str | None:
        return f"{x.shape[0]} + 1" if axis == 0 else None

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("ClassToken", self.arguments(x), _OWN)


class PositionEmbedding(Layer):
    """x → x + weight: a learned vector for each position; the shape stays.

    `PositionEmbedding` on 197 × 768 adds 197 learned vectors of 768, which begin normally distributed with a standard
    deviation of 0.02. The net then takes this length only. Source: Dosovitskiy et al. 2021, "An Image is Worth 16x16
    Words".

    Parameters: L · embed_dim.
    """

    family: ClassVar[Family] = "embedding"
    width: ClassVar[str | None] = "embed_dim"
    width_axis: ClassVar[int] = -1
    examples: ClassVar[tuple[Example, ...]] = (Example({}, (197, 768), (197, 768)),)

    embed_dim: Count | None = None

    def output(self, x: TensorType) -> TensorType:
        _sequence(self, x)
        self.check_width(x)
        need(
            isinstance(x.shape[0], int) or x.shape[0] is UNKNOWN,
            lambda: "`PositionEmbedding` learns one vector for each position and needs a number of them, but {given}",
            code="needs-number",
            axis=0,
            help="give the input's sizes as numbers, in the spec or with `--set`",
        )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (1, *x.shape)}

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("PositionEmbedding", {"length": x.shape[0], "embed_dim": x.shape[1]}, _OWN)
