"""Variants of ReLU that are not zero below zero, and the gated linear unit."""

from __future__ import annotations

from pydantic import model_validator

from netspec.arguments import Count, Integer, NonZero, Real, invalid
from netspec.dims import Shape, expect, need, product, same
from netspec.layers.activation import Pointwise
from netspec.layers.base import Example, Layer, Saved, TensorType
from netspec.layers.shape import axis_of


class PReLU(Layer):
    """(*) → (*): y = x where x ≥ 0, else weight · x, with a weight that is learned: one for all values, or with
    `num_parameters: C` one for each of the C channels.

    `PReLU` on 64 × 28 × 28 gives 64 × 28 × 28 and has one parameter; `PReLU: 64` has 64.

    Parameters: num_parameters.
    """

    family = "activation"
    scalar = "num_parameters"
    examples = (
        Example({}, (64, 28, 28), (64, 28, 28)),
        Example({"num_parameters": 16, "init": 0.1}, (16, 7), (16, 7)),
    )

    num_parameters: Count = 1
    init: Real = 0.25

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        if self.num_parameters != 1:
            self.need_rank_from(x, 1, "(channels, …)")
            expect(
                same(x.shape[0], self.num_parameters),
                lambda: f"`num_parameters: {self.num_parameters}` must be 1 or the number of channels, but {{given}}",
                at="num_parameters",
                axis=0,
                value=x.shape[0],
                help=f"write `num_parameters: {x.shape[0]}`, or leave it out for one parameter in all",
            )
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (self.num_parameters,)}


class RReLU(Pointwise):
    """(*) → (*): y = x where x ≥ 0, else a · x, with a drawn anew for every value from lower to upper while training,
    and their mean in eval mode.

    `RReLU` on 64 × 28 × 28 gives 64 × 28 × 28.
    """

    examples = (
        Example({}, (64, 28, 28), (64, 28, 28)),
        Example({"lower": 0.1, "upper": 0.2, "inplace": True}, (10,), (10,)),
    )

    lower: Real = 1.0 / 8
    upper: Real = 1.0 / 3
    inplace: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> RReLU:
        if self.lower > self.upper:
            raise invalid(f"`lower: {self.lower}` is more than `upper: {self.upper}`")
        return self

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=not self.inplace, output=self.inplace, extra=product(x.shape))


class ELU(Pointwise):
    """(*) → (*): y = x where x > 0, else alpha · (exp(x) − 1).

    `ELU` on 64 × 28 × 28 gives 64 × 28 × 28; no value is below −alpha.
    """

    scalar = "alpha"
    examples = (
        Example({}, (64, 28, 28), (64, 28, 28)),
        Example({"alpha": 0.5, "inplace": True}, (10,), (10,)),
    )

    alpha: Real = 1.0
    inplace: bool = False


class CELU(Pointwise):
    """(*) → (*): y = max(0, x) + min(0, alpha · (exp(x / alpha) − 1)).

    `CELU` on 64 × 28 × 28 gives 64 × 28 × 28. It is `ELU` made smooth for every alpha.
    """

    scalar = "alpha"
    examples = (
        Example({}, (64, 28, 28), (64, 28, 28)),
        Example({"alpha": 0.5, "inplace": True}, (10,), (10,)),
    )

    alpha: NonZero = 1.0
    inplace: bool = False


class SELU(Pointwise):
    """(*) → (*): y = 1.0507 · x where x > 0, else 1.0507 · 1.6733 · (exp(x) − 1).

    `SELU` on 256 features gives 256 features. The constants keep mean 0 and variance 1 from layer to layer.
    """

    examples = (Example({}, (256,), (256,)), Example({"inplace": True}, (4, 3, 3), (4, 3, 3)))

    inplace: bool = False


class GLU(Layer):
    """(*, 2·n, *) → (*, n, *): y = a · sigmoid(b), where a and b are the two halves of the input along dim.

    `GLU` on 197 × 3072 gives 197 × 1536: the dim is the last unless it is given, and it counts the batch axis.
    """

    family = "activation"
    scalar = "dim"
    examples = (Example({}, (197, 3072), (197, 1536)), Example({"dim": 1}, (6, 5, 5), (3, 5, 5)))

    dim: Integer = -1

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        axis = axis_of(x, self.dim, "dim")
        size = x.shape[axis]
        need(
            same(size % 2, 0),
            lambda: f"`GLU` multiplies one half of axis {axis + 1} by the other, so its size must be even: {{given}}",
            at="dim",
            axis=axis,
        )
        return TensorType((*x.shape[:axis], size // 2, *x.shape[axis + 1 :]))

    def derivation(self, x: TensorType, axis: int) -> str | None:
        split = axis_of(x, self.dim, "dim")
        return f"{x.shape[split]} // 2" if axis % len(x.shape) == split else None
