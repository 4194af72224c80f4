"""Saturating activations (sigmoid, tanh, softsign), and functions of them."""

from __future__ import annotations

from netspec.dims import product
from netspec.layers.activation import Pointwise
from netspec.layers.base import Example, Saved, TensorType


class Sigmoid(Pointwise):
    """(*) → (*): y = 1 / (1 + exp(−x)).

    `Sigmoid` on 6 × 28 × 28 gives 6 × 28 × 28, every value between 0 and 1.
    """

    keeps = "output"
    gives = "a probability each"
    examples = (Example({}, (6, 28, 28), (6, 28, 28)),)


class Tanh(Pointwise):
    """(*) → (*): y = tanh x = (exp(x) − exp(−x)) / (exp(x) + exp(−x)).

    `Tanh` on 120 features gives 120 features, every value between −1 and 1.
    """

    keeps = "output"
    examples = (Example({}, (120,), (120,)),)


class LogSigmoid(Pointwise):
    """(*) → (*): y = log(1 / (1 + exp(−x))).

    `LogSigmoid` on 10 features gives 10 features, none above 0.
    """

    examples = (Example({}, (10,), (10,)),)

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, cpu=product(x.shape))


class Softsign(Pointwise):
    """(*) → (*): y = x / (1 + |x|).

    `Softsign` on 10 features gives 10 features, every value between −1 and 1.
    """

    examples = (Example({}, (10,), (10,)),)

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, extra=product(x.shape))


class Tanhshrink(Pointwise):
    """(*) → (*): y = x − tanh x.

    `Tanhshrink` on 10 features gives 10 features.
    """

    examples = (Example({}, (10,), (10,)),)

    def saved(self, x: TensorType) -> Saved:
        return Saved(extra=product(x.shape))
