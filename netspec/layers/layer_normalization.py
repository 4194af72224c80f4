"""Normalisation of each example over its last axes."""

from __future__ import annotations

from netspec.arguments import Counts, NonNegative
from netspec.dims import Shape, Size, expect, need, product, same
from netspec.layers.base import Example, Layer, Saved, TensorType


class TrailingNormalization(Layer):
    """Base of the norms over the last axes, as many as `normalized_shape` has sizes."""

    family = "normalization"
    autocast = "full"
    width = "normalized_shape"
    width_axis = -1

    normalized_shape: Counts | None = None

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 1, "(…, features)")
        stated = self.normalized_shape
        if stated is not None:
            self._check_shape(x, stated if isinstance(stated, tuple) else (stated,))
        return x

    def _check_shape(self, x: TensorType, stated: tuple[int, ...]) -> None:
        need(
            len(stated) <= len(x.shape),
            lambda: f"`normalized_shape` has {len(stated)} sizes, but {{given}}, which has {len(x.shape)} axes",
            code="wrong-rank",
            at="normalized_shape",
            axis="every",
        )
        tail = x.shape[len(x.shape) - len(stated) :]
        for axis, (size, wanted) in enumerate(zip(tail, stated, strict=True), -len(stated)):
            expect(
                same(size, wanted),
                lambda wanted=wanted: f"`normalized_shape` says {wanted}, but {{given}}",
                at="normalized_shape",
                axis=axis,
                value=tail if len(stated) > 1 else size,
                help="leave it out to normalise over the last axis: it follows from the input",
            )

    def _rows(self, x: TensorType) -> Size:
        """The number of vectors that are normalised."""
        return product(x.shape[: len(x.shape) - len(self._normalized(x))])

    def _normalized(self, x: TensorType) -> Shape:
        """The sizes of the axes that are normalised over."""
        count = len(self.normalized_shape) if isinstance(self.normalized_shape, tuple) else 1
        return x.shape[len(x.shape) - count :]

    def inferred(self, x: TensorType) -> dict[str, object]:
        shape = self._normalized(x)
        return {"normalized_shape": shape if isinstance(self.normalized_shape, tuple) else shape[0]}


class LayerNorm(TrailingNormalization):
    """(*, normalized_shape) → the same: y = (x − mean) / √(variance + eps) · weight + bias, with the mean and variance
    over the last axis, or over the last axes if `normalized_shape` lists several.

    `LayerNorm` on 197 × 768 normalises each of the 197 vectors. `normalized_shape` is the size of the last axis and
    need not be written.

    Parameters: 2 · the product of normalized_shape; half of it with `bias: false`, none with
    `elementwise_affine: false`.
    """

    examples = (
        Example({}, (197, 768), (197, 768)),
        Example({"normalized_shape": (5, 7), "bias": False, "eps": 0.001}, (3, 5, 7), (3, 5, 7)),
    )

    eps: NonNegative = 1e-5
    elementwise_affine: bool = True
    bias: bool = True

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        if not self.elementwise_affine:
            return {}
        shape = self._normalized(x)
        return {"weight": shape, "bias": shape} if self.bias else {"weight": shape}

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, extra=2 * self._rows(x))


class RMSNorm(TrailingNormalization):
    """(*, normalized_shape) → the same: y = x / √(mean(x²) + eps) · weight, with the mean over the last axis, or over
    the last axes if `normalized_shape` lists several.

    `RMSNorm` on 128 × 512 normalises each of the 128 vectors. Without `eps` torch takes the machine epsilon.

    Parameters: the product of normalized_shape, none with `elementwise_affine: false`.
    """

    examples = (
        Example({}, (128, 512), (128, 512)),
        Example({"normalized_shape": 8, "eps": 1e-6, "elementwise_affine": False}, (8,), (8,)),
    )

    eps: NonNegative | None = None
    elementwise_affine: bool = True

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": self._normalized(x)} if self.elementwise_affine else {}

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, extra=self._rows(x), cpu=product(x.shape) if self.elementwise_affine else 0)
