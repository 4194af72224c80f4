"""Fully connected layers."""

from __future__ import annotations

from netspec.arguments import Count, NonNegative
from netspec.dims import Shape, Size, product
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall


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
    is_matrix = True
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


class NoisyLinear(Linear):
    """(*, in_features) → (*, out_features): `Linear` whose weights are drawn anew in every step of training; in eval
    mode they are their means.

    `NoisyLinear: 4` on 512 features gives 4 values of actions, which vary enough to explore. weight = mean +
    deviation · f(v) ⊗ f(u), with f(z) = sign(z) · √|z| of in_features + out_features normal numbers, one draw for the
    whole batch; bias = mean + deviation · f(v). The means begin uniform between ±1/√in_features, the deviations as
    `std_init`/√in_features. Source: Fortunato et al. 2018, "Noisy Networks for Exploration", section 3.2; the names
    are torchrl's.

    Parameters: twice those of `Linear`.
    MACs: in_features · out_features for each position of the leading axes.
    """

    examples = (
        Example({"out_features": 4}, (512,), (4,)),
        Example({"in_features": 64, "out_features": 51, "bias": False, "std_init": 0.1}, (6, 64), (6, 51)),
    )

    std_init: NonNegative = 0.5

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        plain = super().parameters(x)
        return {f"{name}_{part}": shape for name, shape in plain.items() for part in ("mu", "sigma")}

    def saved(self, x: TensorType) -> Saved:
        drawn = 2 * x.shape[-1] * self.out_features  # the weights, and the noise in them
        return Saved(input=True, statistics=drawn + x.shape[-1] + self.out_features if self.bias else drawn)

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("NoisyLinear", self.arguments(x), "netspec.torch.units")


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
