"""Layers of a plugin, for tests that need some: rules and modules in one file, as a program may have them."""

from __future__ import annotations

from typing import ClassVar

from netspec.layers import Count, Example, Layer, Real, Saved, Shape, Size, TensorType, TorchCall, product


class SquaredReLU(Layer):
    """(*) → (*): y = max(0, x)²."""

    family = "activation"
    examples = (Example({}, (4, 3), (4, 3)),)

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved(extra=product(x.shape))

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("SquaredReLU", {}, "tests.plugged_modules")


class ChannelScale(Layer):
    """(channels, *) → (channels, *): a learned factor for each channel."""

    family = "normalization"
    scalar = "init_value"
    examples = (Example({"init_value": 0.5}, (4, 3), (4, 3)),)

    init_value: Real = 1.0

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 1, "(channels, *)")
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (x.shape[0],)}

    def call(self, x: TensorType) -> TorchCall:
        arguments = {"channels": x.shape[0], "axes": len(x.shape), **self.arguments(x)}
        return TorchCall("Residual", arguments, "tests.plugged_modules")


class Widen(Layer):
    """(*, in_features) → (*, out_features): torch's `Linear` under another name, and with another default."""

    family = "linear"
    scalar = "out_features"
    width = "in_features"
    width_axis: ClassVar[int] = -1
    sets_axis = -1
    examples = (Example({"out_features": 5}, (3,), (5,)),)

    in_features: Count | None = None
    out_features: Count
    bias: bool = False

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank_from(x, 1, "(*, in_features)")
        self.check_width(x)
        return TensorType((*x.shape[:-1], self.out_features))

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        found: dict[str, Shape] = {"weight": (self.out_features, x.shape[-1])}
        return found | ({"bias": (self.out_features,)} if self.bias else {})

    def macs(self, x: TensorType) -> Size:
        return product(x.shape) * self.out_features

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Linear", self.arguments(x))


LAYERS = (SquaredReLU, ChannelScale, Widen)

SPEC = """\
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
  - SquaredReLU
  - residual: [Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, ChannelScale: 0.5]
  - ChannelScale:
    freeze: true
  - Flatten
  - Widen: 10
  - for: i in range(2)
    do: [Widen: 8, SquaredReLU]
init: {ChannelScale: ones_, Widen: xavier_uniform_}
"""
