"""Initialisers that set all elements to one value."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Real
from netspec.initializers.base import InitFunction


class Constant(InitFunction):
    """The value `val`."""

    scalar: ClassVar[str | None] = "val"
    val: Real


class Plain(InitFunction):
    """The value in the function's name, zero or one; no arguments."""
