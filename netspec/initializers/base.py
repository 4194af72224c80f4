"""The base class of the initialisers: the arguments of a function of `torch.nn.init` after the tensor."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Arguments
from netspec.dims import Shape


class InitFunction(Arguments):
    """The arguments of an initialiser."""

    axes: ClassVar[tuple[int, int]] = (0, 99)
    """The least and the greatest number of axes of the parameter."""

    def refusal(self, shape: Shape) -> str | None:
        """What the function requires of a parameter, if a parameter with this shape does not meet it; else None.

        The number of axes is checked before, by `axes`.
        """
        return None
