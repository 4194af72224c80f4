"""Draws from one distribution, whatever the shape of the parameter."""

from __future__ import annotations

from netspec.arguments import NonNegative, Real
from netspec.initializers.base import Function


class Uniform(Function):
    """From U(a, b)."""

    a: Real = 0.0
    b: Real = 1.0


class Normal(Function):
    """From N(mean, std²)."""

    mean: Real = 0.0
    std: NonNegative = 1.0


class TruncatedNormal(Normal):
    """From N(mean, std²), drawn again outside of [a, b]."""

    a: Real = -2.0
    b: Real = 2.0
