"""What an initialiser is: the arguments of a function of `torch.nn.init` behind the tensor."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Arguments


class Function(Arguments):
    """Base of the initialisers."""

    axes: ClassVar[tuple[int, int]] = (0, 99)
    """How many axes the parameter may have, least and most."""
