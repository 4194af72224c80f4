"""One tensor, or several side by side: what a net takes, and what its data give."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from torch import Tensor

Values = Tensor | tuple[Tensor, ...]
"""A tensor where there is one, else a tuple, in the order of the net's inputs or of its targets. The first axis of each
is the example."""


def each(values: Values) -> tuple[Tensor, ...]:
    """The tensors as a tuple."""
    return values if isinstance(values, tuple) else (values,)


def is_values(value: object) -> TypeGuard[Values]:
    """Whether it is one tensor or several."""
    return isinstance(value, Tensor | tuple)


def joined(tensors: tuple[Tensor, ...]) -> Values:
    """Tensors as `Values`: one stands for itself."""
    return tensors[0] if len(tensors) == 1 else tensors


def mapped(make: Callable[[Tensor], Tensor], values: Values) -> Values:
    """The same for each of them."""
    return tuple([make(value) for value in values]) if isinstance(values, tuple) else make(values)
