"""He's initialisation, for layers before a ReLU.

Source: He et al. 2015, "Delving Deep into Rectifiers".
"""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import Real
from netspec.initializers.base import InitFunction

_Nonlinearity = Literal[
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "sigmoid",
    "tanh", "relu", "leaky_relu", "selu",
]  # fmt: skip


class Kaiming(InitFunction):
    """He's initialisation; `a` is the negative slope of the `leaky_relu` after the layer."""

    axes: ClassVar[tuple[int, int]] = (2, 99)
    a: Real = 0.0
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    nonlinearity: _Nonlinearity = "leaky_relu"
