"""Normalisation of channels by their neighbours, and by all others."""

from __future__ import annotations

from netspec.arguments import Count, NonNegative, Real
from netspec.dims import Shape, Size, product
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall
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


class GRN(Layer):
    """(*, C) → (*, C): y = x + bias + weight · x · s, where s = ‖x‖ / (mean ‖x‖ + eps): the norm of a channel over all
    places against the mean of all channels.

    `GRN` on 56 × 56 × 384 compares 384 channels with each other: a channel that is louder than most is made louder
    yet. The channels come last, as in the blocks of ConvNeXt V2, or first with `channels_last: false`. Weight and bias
    begin as zeros, and the layer as the identity. Source: Woo et al. 2023, "ConvNeXt V2", and `GlobalResponseNorm` of
    timm.

    Parameters: 2 · C.
    """

    family = "normalization"
    autocast = "full"
    examples = (
        Example({}, (56, 56, 384), (56, 56, 384)),
        Example({"channels_last": False}, (512, 100), (512, 100)),
    )

    eps: NonNegative = 1e-6
    channels_last: bool = True

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 2, "(…, channels)" if self.channels_last else "(channels, …)")
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (self._channels(x),), "bias": (self._channels(x),)}

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, extra=product(x.shape) + 2 * self._channels(x) + 1)

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("GRN", {"num_channels": self._channels(x)} | self.arguments(x), "netspec.torch.units")

    def _channels(self, x: TensorType) -> Size:
        return x.shape[-1 if self.channels_last else 0]
