"""Glorot's initialisation, for parameters with at least two axes.

Source: Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks".
"""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative
from netspec.initializers.base import InitFunction


class Xavier(InitFunction):
    """Glorot's initialisation, times `gain`."""

    axes: ClassVar[tuple[int, int]] = (2, 99)
    gain: NonNegative = 1.0
