"""Initialisers that draw all elements from one distribution, independent of the parameter's shape."""

from __future__ import annotations

from typing import TypeVar

from pydantic import model_validator

from netspec.arguments import NonNegative, Positive, Real, invalid
from netspec.initializers.base import InitFunction

F = TypeVar("F", bound=InitFunction)


def _in_order(function: F, a: float, b: float) -> F:
    if a > b:
        raise invalid(f"`a: {a}` is more than `b: {b}`")
    return function


class Uniform(InitFunction):
    """Uniform on [a, b)."""

    a: Real = 0.0
    b: Real = 1.0

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        return _in_order(self, self.a, self.b)


class Normal(InitFunction):
    """Normal with mean `mean` and standard deviation `std`."""

    mean: Real = 0.0
    std: NonNegative = 1.0


class TruncatedNormal(InitFunction):
    """Normal with mean `mean` and standard deviation `std`, truncated to [a, b]."""

    mean: Real = 0.0
    std: Positive = 1.0
    a: Real = -2.0
    b: Real = 2.0

    @model_validator(mode="after")
    def _ordered(self) -> TruncatedNormal:
        return _in_order(self, self.a, self.b)
