"""Normalisation by the squares of neighbouring channels."""

from __future__ import annotations

from netspec.arguments import Count, Real
from netspec.dims import product
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.windows import RANKS


class LocalResponseNorm(Layer):
    """(C, *) → (C, *): y = x / (k + alpha · mean(x²))^beta, with the mean over the `size` channels around each.

    `LocalResponseNorm: 5` on 96 × 26 × 26 gives 96 × 26 × 26; the AlexNet of 2012 has one behind its first two
    convolutions.
    """

    family = "normalization"
    scalar = "size"
    examples = (
        Example({"size": 5}, (96, 26, 26), (96, 26, 26)),
        Example({"size": 2, "alpha": 0.001, "beta": 0.5, "k": 2}, (4, 9), (4, 9)),
    )

    size: Count
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 2, "(channels, …)")
        return x

    def saved(self, x: TensorType) -> Saved:
        padded = (x.shape[0] + self.size - 1) * product(x.shape[1:])
        return Saved(input=True, extra=padded + 2 * product(x.shape))


class CrossMapLRN2d(Layer):
    """(C, H, W) → (C, H, W): `LocalResponseNorm` as the first Torch computed it.

    `CrossMapLRN2d: 5` on 64 × 56 × 56 gives 64 × 56 × 56.
    """

    family = "normalization"
    scalar = "size"
    examples = (
        Example({"size": 5}, (64, 56, 56), (64, 56, 56)),
        Example({"size": 3, "alpha": 0.001, "beta": 0.5, "k": 2}, (4, 3, 3), (4, 3, 3)),
    )

    size: Count
    alpha: Real = 1e-4
    beta: Real = 0.75
    k: Real = 1.0

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, 3, RANKS[2])
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, output=True)
