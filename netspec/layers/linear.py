"""Fully connected layers."""

from __future__ import annotations

from netspec.arguments import Count
from netspec.dims import Shape, Size, product
from netspec.layers.base import Example, Layer, Saved, TensorType


class Linear(Layer):
    """(*, in_features) → (*, out_features).

    `Linear: 10` on 4096 features gives 10. Any leading axes are kept: 197 × 768 becomes 197 × 3072 with
    `out_features: 3072`. `in_features` is the size of the last axis and need not be written.

    Parameters: in_features · out_features, and out_features for the bias.
    MACs: in_features · out_features for each position of the leading axes.
    """

    family = "linear"
    autocast = "low"
    scalar = "out_features"
    width = "in_features"
    width_axis = -1
    sets_axis = -1
    by_position = True
    examples = (
        Example({"out_features": 4096}, (6400,), (4096,)),
        Example({"in_features": 768, "out_features": 3072, "bias": False}, (197, 768), (197, 3072)),
    )

    in_features: Count | None = None
    out_features: Count
    bias: bool = True

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 1, "(…, features)")
        self.check_width(x)
        return TensorType((*x.shape[:-1], self.out_features), x.dtype)

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        weight: dict[str, Shape] = {"weight": (self.out_features, x.shape[-1])}
        return weight | {"bias": (self.out_features,)} if self.bias else weight

    def macs(self, x: TensorType) -> Size:
        return product(x.shape) * self.out_features


class Identity(Layer):
    """(*) → (*), unchanged.

    `Identity` on 3 × 32 × 32 gives 3 × 32 × 32. It takes no arguments. It holds a place that another variant of the
    network fills.
    """

    family = "linear"
    keeps_values = True
    examples = (Example({}, (3, 32, 32), (3, 32, 32)), Example({}, (12,), (12,), "int64"))

    def output(self, x: TensorType) -> TensorType:
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def shares(self, x: TensorType) -> bool:
        return True
