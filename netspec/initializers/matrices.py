"""Initialisers for parameters with a certain number of axes: matrices, and kernels of convolutions."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Count, NonNegative, Probability, Real
from netspec.dims import Shape
from netspec.initializers.base import InitFunction


class Matrix(InitFunction):
    """An initialiser for matrices without arguments, such as `eye_`."""

    axes: ClassVar[tuple[int, int]] = (2, 2)


class Sparse(Matrix):
    """Normal with mean 0 and standard deviation `std`, with the share `sparsity` of zeros in each column."""

    sparsity: Probability
    std: NonNegative = 0.01


class Orthogonal(InitFunction):
    """An orthogonal or semi-orthogonal matrix, times `gain`; axes after the first are flattened."""

    axes: ClassVar[tuple[int, int]] = (2, 99)
    gain: Real = 1.0


class Dirac(InitFunction):
    """The kernel of a convolution that is the identity, in each of `groups`."""

    axes: ClassVar[tuple[int, int]] = (3, 5)
    groups: Count = 1

    def refusal(self, shape: Shape) -> str | None:
        """See `InitFunction.refusal`: `groups` must divide the first axis."""
        if isinstance(shape[0], int) and shape[0] % self.groups:
            return f"a first axis that `groups: {self.groups}` divides"
        return None
