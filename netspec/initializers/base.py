"""What an initialiser is: the arguments of a function of `torch.nn.init` behind the tensor."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Arguments
from netspec.dims import Shape


class Function(Arguments):
    """Base of the initialisers."""

    axes: ClassVar[tuple[int, int]] = (0, 99)
    """How many axes the parameter may have, least and most."""

    def refusal(self, shape: Shape) -> str | None:
        """What the function wants of a parameter, if one of this shape, with as many axes as it may have, lacks it."""
        return None
