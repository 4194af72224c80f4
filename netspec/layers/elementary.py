"""Elementary functions of each value alone, which torch has no modules for."""

from __future__ import annotations

from pydantic import model_validator

from netspec.arguments import Real, invalid
from netspec.dims import need
from netspec.layers.activation import Pointwise
from netspec.layers.base import Example, Saved, TensorType, TorchCall


class _Function(Pointwise):
    """Base of the functions: each is a module of netspec's, by its name."""

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall(type(self).__name__, self.arguments(x), "netspec.torch.extra")


class Scale(_Function):
    """(*) → (*): y = factor · x, where the factor is a constant. `LayerScale` learns its factors.

    `Scale: 0.125` on 8 × 64 × 64 multiplies 8 · 64 · 64 values by 0.125.
    """

    scalar = "factor"
    examples = (Example({"factor": 0.125}, (8, 64, 64), (8, 64, 64)), Example({"factor": -1}, (10,), (10,)))

    factor: Real

    def saved(self, x: TensorType) -> Saved:
        return Saved()


class Sin(_Function):
    """(*) → (*): y = sin(x), of x in radians.

    `Sin` on 128 features gives 128 features, every value between −1 and 1.
    """

    examples = (Example({}, (128,), (128,)),)


class Cos(_Function):
    """(*) → (*): y = cos(x), of x in radians.

    `Cos` on 128 features gives 128 features, every value between −1 and 1.
    """

    examples = (Example({}, (128,), (128,)),)


class Exp(_Function):
    """(*) → (*): y = eˣ. Beyond 88.7 the result is infinite.

    `Exp` on 20 logarithms of variances gives 20 variances.
    """

    autocast = "full"
    keeps = "output"
    examples = (Example({}, (20,), (20,)),)


class Log(_Function):
    """(*) → (*): y = ln(x), the natural logarithm: −∞ for 0, not a number below.

    `Log` on 80 × 100 gives 80 × 100: of the powers in 80 bands their logarithms.
    """

    autocast = "full"
    examples = (Example({}, (80, 100), (80, 100)),)


class Abs(_Function):
    """(*) → (*): y = |x|.

    `Abs` on 64 × 28 × 28 gives 64 × 28 × 28; −3 becomes 3.
    """

    examples = (Example({}, (64, 28, 28), (64, 28, 28)),)


class Clamp(_Function):
    """(*) → (*): y = min(max(x, min), max). One of the two bounds may be left out.

    `Clamp: {min: -20, max: 2}` on 6 logarithms of deviations gives 6 values from −20 to 2. Of int64 numbers the bounds
    are whole.
    """

    examples = (
        Example({"min": -20, "max": 2}, (6,), (6,)),
        Example({"min": 1e-6}, (80, 100), (80, 100)),
        Example({"min": 1}, (16,), (16,), "int64"),
    )

    min: Real | None = None
    max: Real | None = None

    @model_validator(mode="after")
    def _bounds(self) -> Clamp:
        if self.min is None and self.max is None:
            raise invalid("wants `min`, `max` or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise invalid(f"`min: {self.min}` must be at most `max: {self.max}`")
        return self

    def output(self, x: TensorType) -> TensorType:
        if x.dtype != "int64":
            self.need_float(x)
        for name, bound in (("min", self.min), ("max", self.max)):
            need(
                x.dtype != "int64" or bound is None or isinstance(bound, int),
                lambda name=name, bound=bound: f"`{name}: {bound}` is no whole number, but the input is int64",
                code="invalid-argument", at=name, help="torch would turn the numbers into floats",
            )  # fmt: skip
        return x

    def saved(self, x: TensorType) -> Saved:
        return super().saved(x) if x.dtype == "float32" else Saved()
