"""ReLU and LeakyReLU, and the base class of all element-wise activations."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import Real
from netspec.dims import product
from netspec.layers.base import Example, Layer, Saved, TensorType


class Pointwise(Layer):
    """Base of the element-wise activations."""

    family = "activation"
    keeps: ClassVar[Literal["input", "output"]] = "input"
    """The tensor that autograd saves for the gradient."""
    copies: ClassVar[bool] = False
    """True if the layer with `inplace: true` first copies its input, which the gradient needs."""

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        return x

    def saved(self, x: TensorType) -> Saved:
        if not self.shares(x):
            return Saved(input=self.keeps == "input", output=self.keeps == "output")
        return Saved(extra=product(x.shape)) if self.copies else Saved(output=True)

    def shares(self, x: TensorType) -> bool:
        return bool(getattr(self, "inplace", False))


class ReLU(Pointwise):
    """(*) → (*): y = max(0, x).

    `ReLU` on 96 × 54 × 54 gives 96 × 54 × 54. `inplace: true` overwrites the input, which saves memory.
    """

    keeps = "output"
    gives = "nothing negative"
    examples = (Example({}, (96, 54, 54), (96, 54, 54)), Example({"inplace": True}, (10,), (10,)))

    inplace: bool = False


class LeakyReLU(Pointwise):
    """(*) → (*): y = x where x ≥ 0, else negative_slope · x.

    `LeakyReLU: 0.2` on 64 × 32 × 32 gives 64 × 32 × 32; −1 becomes −0.2.
    """

    scalar = "negative_slope"
    examples = (
        Example({"negative_slope": 0.2}, (64, 32, 32), (64, 32, 32)),
        Example({"inplace": True}, (10,), (10,)),
    )

    negative_slope: Real = 0.01
    inplace: bool = False
