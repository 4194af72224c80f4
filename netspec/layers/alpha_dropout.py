"""Dropout that keeps mean and variance, for networks that normalise themselves with `SELU`."""

from __future__ import annotations

from netspec.layers.base import Example, Saved, TensorType
from netspec.layers.dropout import Dropping


class _AlphaDropping(Dropping):
    """Base of the alpha dropouts. torch does not overwrite the input even with `inplace: true`."""

    def spreads(self) -> float:
        return 1.0

    def shares(self, x: TensorType) -> bool:
        return self.p == 0


class AlphaDropout(_AlphaDropping):
    """(*) → (*): each value is set to `SELU`'s lower limit with probability p while training; the result is scaled and
    shifted so that mean and variance stay.

    `AlphaDropout: 0.1` on 256 features gives 256 features. It belongs behind `SELU`.
    """

    examples = (Example({"p": 0.1}, (256,), (256,)), Example({"inplace": True}, (4, 3, 3), (4, 3, 3)))


class FeatureAlphaDropout(_AlphaDropping):
    """(C, *) → (C, *): `AlphaDropout` for whole channels.

    `FeatureAlphaDropout: 0.1` on 32 × 14 × 14 masks about 3 of the 32 maps.
    """

    examples = (Example({"p": 0.1}, (32, 14, 14), (32, 14, 14)), Example({"inplace": True}, (4,), (4,)))

    def output(self, x: TensorType) -> TensorType:
        self.need_rank_from(x, 1, "(channels, …)")
        return super().output(x)

    def saved(self, x: TensorType) -> Saved:
        return Saved(mask=x.shape[0]) if 0 < self.p < 1 else Saved()
