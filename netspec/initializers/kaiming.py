"""He's initialisation: for what stands in front of a ReLU."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import Real
from netspec.initializers.base import Function

_Nonlinearity = Literal[
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid",
    "tanh", "relu", "leaky_relu", "selu",
]  # fmt: skip


class Kaiming(Function):
    """He's initialisation; `a` is the slope behind zero of the `leaky_relu` that follows."""

    axes: ClassVar[tuple[int, int]] = (2, 99)
    a: Real = 0.0
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: _Nonlinearity = "leaky_relu"
