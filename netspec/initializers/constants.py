"""One value for every element."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Real
from netspec.initializers.base import Function


class Constant(Function):
    """The value `val`."""

    scalar: ClassVar[str | None] = "val"
    val: Real


class Plain(Function):
    """A value that the function's name says."""
