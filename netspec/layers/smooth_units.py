"""Smooth variants of ReLU."""

from __future__ import annotations

from typing import Literal

from netspec.arguments import NonZero, Real
from netspec.layers.activation import Pointwise
from netspec.layers.base import Example


class GELU(Pointwise):
    """(*) → (*): y = x · Φ(x), with Φ the distribution function of the normal distribution.

    `GELU` on 197 × 3072 gives 197 × 3072. `approximate: tanh` computes ½ x (1 + tanh(√(2/π) (x + 0.044715 x³))).
    """

    scalar = "approximate"
    examples = (
        Example({}, (197, 3072), (197, 3072)),
        Example({"approximate": "tanh"}, (1024,), (1024,)),
    )

    approximate: Literal["none", "tanh"] = "none"


class SiLU(Pointwise):
    """(*) → (*): y = x / (1 + exp(−x)), also called swish.

    `SiLU` on 32 × 112 × 112 gives 32 × 112 × 112.
    """

    copies = True
    examples = (Example({}, (32, 112, 112), (32, 112, 112)), Example({"inplace": True}, (10,), (10,)))

    inplace: bool = False


class Mish(Pointwise):
    """(*) → (*): y = x · tanh(log(1 + exp(x))).

    `Mish` on 64 × 28 × 28 gives 64 × 28 × 28.
    """

    copies = True
    examples = (Example({}, (64, 28, 28), (64, 28, 28)), Example({"inplace": True}, (10,), (10,)))

    inplace: bool = False


class Softplus(Pointwise):
    """(*) → (*): y = log(1 + exp(beta · x)) / beta, and y = x where beta · x > threshold.

    `Softplus` on 10 features gives 10 features, all of them positive.
    """

    autocast = "full"
    examples = (Example({}, (10,), (10,)), Example({"beta": 2, "threshold": 10}, (4, 3), (4, 3)))

    beta: NonZero = 1.0
    threshold: Real = 20.0
