"""Glorot's initialisation, for parameters of at least two axes."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative
from netspec.initializers.base import Function


class Xavier(Function):
    """Glorot's initialisation, times `gain`."""

    axes: ClassVar[tuple[int, int]] = (2, 99)
    gain: NonNegative = 1.0
