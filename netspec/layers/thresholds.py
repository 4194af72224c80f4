"""Piecewise linear activations: clipped, shrunk, or with a threshold."""

from __future__ import annotations

from typing import ClassVar

from pydantic import model_validator

from netspec.arguments import NonNegative, Real, invalid
from netspec.layers.activation import Pointwise
from netspec.layers.base import Example


class ReLU6(Pointwise):
    """(*) → (*): y = min(max(0, x), 6).

    `ReLU6` on 32 × 112 × 112 gives 32 × 112 × 112.
    """

    gives = "nothing negative"
    copies = True
    examples = (Example({}, (32, 112, 112), (32, 112, 112)), Example({"inplace": True}, (10,), (10,)))

    inplace: bool = False


class Hardsigmoid(Pointwise):
    """(*) → (*): y = min(max(0, x / 6 + 1/2), 1), a sigmoid of straight lines.

    `Hardsigmoid` on 16 × 1 × 1 gives 16 × 1 × 1.
    """

    gives = "a probability each"
    copies = True
    examples = (Example({}, (16, 1, 1), (16, 1, 1)), Example({"inplace": True}, (10,), (10,)))

    inplace: bool = False


class Hardswish(Pointwise):
    """(*) → (*): y = x · min(max(0, x / 6 + 1/2), 1), a `SiLU` of straight lines.

    `Hardswish` on 16 × 112 × 112 gives 16 × 112 × 112.
    """

    copies = True
    examples = (Example({}, (16, 112, 112), (16, 112, 112)), Example({"inplace": True}, (10,), (10,)))

    inplace: bool = False


class Hardtanh(Pointwise):
    """(*) → (*): y = min(max(min_val, x), max_val).

    `Hardtanh` on 120 features gives 120 features, every value between −1 and 1.
    """

    copies = True
    omitted: ClassVar[dict[str, str]] = {
        "min_value": "it is torch's old name of `min_val`",
        "max_value": "it is torch's old name of `max_val`",
    }
    examples = (Example({}, (120,), (120,)), Example({"min_val": 0, "max_val": 2.5, "inplace": True}, (10,), (10,)))

    min_val: Real = -1.0
    max_val: Real = 1.0
    inplace: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Hardtanh:
        if self.min_val >= self.max_val:
            raise invalid(f"`min_val: {self.min_val}` must be less than `max_val: {self.max_val}`")
        return self


class Hardshrink(Pointwise):
    """(*) → (*): y = x where |x| > lambd, else 0.

    `Hardshrink: 0.1` on 64 × 28 × 28 gives 64 × 28 × 28.
    """

    scalar = "lambd"
    examples = (Example({}, (64, 28, 28), (64, 28, 28)), Example({"lambd": 0.1}, (10,), (10,)))

    lambd: Real = 0.5


class Softshrink(Pointwise):
    """(*) → (*): y = x − lambd where x > lambd, x + lambd where x < −lambd, else 0.

    `Softshrink: 0.1` on 64 × 28 × 28 gives 64 × 28 × 28.
    """

    scalar = "lambd"
    examples = (Example({}, (64, 28, 28), (64, 28, 28)), Example({"lambd": 0.1}, (10,), (10,)))

    lambd: NonNegative = 0.5


class Threshold(Pointwise):
    """(*) → (*): y = x where x > threshold, else value.

    `Threshold: {threshold: 0.1, value: 0}` on 64 × 28 × 28 gives 64 × 28 × 28.
    """

    copies = True
    examples = (
        Example({"threshold": 0.1, "value": 0}, (64, 28, 28), (64, 28, 28)),
        Example({"threshold": 0, "value": -1.5, "inplace": True}, (10,), (10,)),
    )

    threshold: Real
    value: Real
    inplace: bool = False
