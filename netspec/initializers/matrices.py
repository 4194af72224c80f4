"""For parameters of so many axes: matrices, and the kernels of convolutions."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from netspec.arguments import Count, NonNegative, Real
from netspec.dims import Shape
from netspec.initializers.base import Function


class Matrix(Function):
    """A matrix, without arguments."""

    axes: ClassVar[tuple[int, int]] = (2, 2)


class Sparse(Matrix):
    """From N(0, std²), with a share of zeros in each column."""

    sparsity: Annotated[float, Field(ge=0, le=1)]
    std: NonNegative = 0.01


class Orthogonal(Function):
    """A matrix with orthogonal rows or columns, times `gain`; further axes are taken together with the second."""

    axes: ClassVar[tuple[int, int]] = (2, 99)
    gain: Real = 1.0


class Dirac(Function):
    """The kernel of a convolution that passes its input on, in each of `groups`."""

    axes: ClassVar[tuple[int, int]] = (3, 5)
    groups: Count = 1

    def refusal(self, shape: Shape) -> str | None:
        """As in `Function`."""
        if isinstance(shape[0], int) and shape[0] % self.groups:
            return f"a first axis that `groups: {self.groups}` divides"
        return None
