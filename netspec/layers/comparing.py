"""Values compared with a number, and counted along an axis: where there is padding, and which word is which."""

from __future__ import annotations

from netspec.arguments import Integer, Real
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall
from netspec.layers.shape import axis_of

_OWN = "netspec.torch.comparing"


class _Comparison(Layer):
    """Base of the comparisons of each value with a number: truth values of the same shape, through which no gradient
    flows."""

    family = "activation"
    scalar = "other"

    other: Real

    def output(self, x: TensorType) -> TensorType:
        return TensorType(x.shape, "bool")

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall(type(self).__name__, self.arguments(x), _OWN)


class Equal(_Comparison):
    """(*) → (*), of bool: whether each value is the number other.

    `Equal: 2` on 16 int64 numbers of words gives 16 truth values: true where the word is number 2.
    """

    examples = (
        Example({"other": 2}, (16,), (16,), "int64", gives_dtype="bool"),
        Example({"other": 0}, (3, 4), (3, 4), gives_dtype="bool"),
    )


class NotEqual(_Comparison):
    """(*) → (*), of bool: whether each value is another number than other.

    `NotEqual: 0` on 16 int64 numbers of words gives 16 truth values: false where 0 stands for padding. As the `mask` of
    attention it leaves the padding out.
    """

    examples = (
        Example({"other": 0}, (16,), (16,), "int64", gives_dtype="bool"),
        Example({"other": 1.5}, (3, 4), (3, 4), gives_dtype="bool"),
    )


class Less(_Comparison):
    """(*) → (*), of bool: whether each value is less than other.

    `Less: 0.5` on 3 × 4 values gives 3 × 4 truth values.
    """

    examples = (
        Example({"other": 0.5}, (3, 4), (3, 4), gives_dtype="bool"),
        Example({"other": 3}, (16,), (16,), "int64", gives_dtype="bool"),
    )


class LessEqual(_Comparison):
    """(*) → (*), of bool: whether each value is at most other.

    `LessEqual: 3` on 16 int64 numbers gives 16 truth values.
    """

    examples = (
        Example({"other": 3}, (16,), (16,), "int64", gives_dtype="bool"),
        Example({"other": 0.5}, (3, 4), (3, 4), gives_dtype="bool"),
    )


class Greater(_Comparison):
    """(*) → (*), of bool: whether each value is greater than other.

    `Greater: 0` on 3 × 4 values gives 3 × 4 truth values.
    """

    examples = (
        Example({"other": 0}, (3, 4), (3, 4), gives_dtype="bool"),
        Example({"other": 3}, (16,), (16,), "int64", gives_dtype="bool"),
    )


class GreaterEqual(_Comparison):
    """(*) → (*), of bool: whether each value is at least other.

    `GreaterEqual: 3` on 16 int64 numbers gives 16 truth values.
    """

    examples = (
        Example({"other": 3}, (16,), (16,), "int64", gives_dtype="bool"),
        Example({"other": 0.5}, (3, 4), (3, 4), gives_dtype="bool"),
    )


class CumSum(Layer):
    """(*) → (*): the sum of all values along dim as far as each, its own the last.

    `CumSum: 1` on 16 truth values gives 16 int64 numbers: how many of the first values are true. Floats stay floats.
    The dim counts the batch axis, which is 0.
    """

    family = "shape"
    scalar = "dim"
    examples = (
        Example({"dim": 1}, (16,), (16,), "int64"),
        Example({"dim": -1}, (3, 4), (3, 4)),
        Example({"dim": 1}, (3, 4), (3, 4), "bool", gives_dtype="int64"),
    )

    dim: Integer

    def output(self, x: TensorType) -> TensorType:
        axis_of(x, self.dim, "dim")
        return TensorType(x.shape, "int64") if x.dtype == "bool" else x

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("CumSum", self.arguments(x), _OWN)
