"""Axes that one value stands for, and vectors brought to length 1. Their dims count the batch axis, as torch's do."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Integer, Integers, NonNegative, Positive, spread
from netspec.dims import need, product
from netspec.layers.base import DType, Example, Layer, Saved, TensorType, TorchCall
from netspec.layers.shape import axis_of


def axes_of(x: TensorType, dim: int | tuple[int, ...]) -> tuple[int, ...]:
    """The axes, batch excluded, that torch dims mean, each once.

    Raises:
        Unmet: a dim is outside the input, is the batch axis, or stands for the same axis as another.
    """
    dims = spread(dim, 1)
    axes = tuple(axis_of(x, one, "dim") for one in dims)
    twice = next(((a, b) for j, b in enumerate(dims) for i, a in enumerate(dims[:j]) if axes[i] == axes[j]), None)
    need(
        twice is None,
        lambda: f"`dim` names one axis twice, as {' and '.join(map(str, twice or ()))}: {{given}}",
        code="invalid-argument",
        at="dim",
        axis="every",
    )
    return axes


class _Reduction(Layer):
    """Base of the layers that make one value of all along some axes."""

    family = "pooling"
    scalar = "dim"
    module: ClassVar[str] = "netspec.torch.extra"
    whole: ClassVar[tuple[DType, ...]] = ()
    """What it takes beside floats."""

    dim: Integers
    keepdim: bool = False

    def output(self, x: TensorType) -> TensorType:
        if x.dtype not in self.whole:
            self.need_float(x)
        axes = axes_of(x, self.dim)
        if self.keepdim:
            return TensorType(tuple(1 if i in axes else size for i, size in enumerate(x.shape)), x.dtype)
        return TensorType(tuple(size for i, size in enumerate(x.shape) if i not in axes), x.dtype)

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall(type(self).__name__, self.arguments(x), self.module)


class Mean(_Reduction):
    """(*) → (*): the mean along dim, an axis or a list of them. The axes disappear, or with keepdim have size 1.

    `Mean: {dim: [2, 3]}` on 512 × 7 × 7 gives 512, as global average pooling and `Flatten` do. The dims count the batch
    axis, which is 0.
    """

    examples = (Example({"dim": (2, 3)}, (512, 7, 7), (512,)), Example({"dim": 1}, (196, 768), (768,)),
                Example({"dim": -1, "keepdim": True}, (12, 64), (12, 1)))  # fmt: skip


class Sum(_Reduction):
    """(*) → (*): the sum along dim, an axis or a list of them. The axes disappear, or with keepdim have size 1.

    `Sum: 1` on 26 × 16 gives 16: 26 vectors added up. Of int64 numbers the sum is int64, of truth values how many are
    true. The dims count the batch axis, which is 0.
    """

    autocast = "full"
    whole = ("int64", "bool")
    examples = (
        Example({"dim": 1}, (26, 16), (16,)),
        Example({"dim": (-2, -1), "keepdim": True}, (3, 4, 5), (3, 1, 1)),
        Example({"dim": 1}, (16,), (), "int64"),
        Example({"dim": 1}, (12, 16), (16,), "bool", gives_dtype="int64"),
    )

    def output(self, x: TensorType) -> TensorType:
        y = super().output(x)
        return TensorType(y.shape, "int64") if x.dtype == "bool" else y


class _Extreme(_Reduction):
    """Base of the two that look for a value and hand its gradient on to where it stands."""

    whole = ("int64",)

    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True, output=True) if x.dtype == "float32" else Saved()


class Max(_Extreme):
    """(*) → (*): the largest value along dim, an axis or a list of them, as `torch.amax` gives it: equal ones
    share the gradient. The axes disappear, or with keepdim have size 1.

    `Max: 2` on 1024 × 2500 gives 1024: of 2500 points the largest value of each feature. The dims count the batch axis,
    which is 0.
    """

    examples = (Example({"dim": 2}, (1024, 2500), (1024,)), Example({"dim": (1, -1), "keepdim": True}, (3, 4), (1, 1)))


class Min(_Extreme):
    """(*) → (*): the smallest value along dim, an axis or a list of them, as `torch.amin` gives it: equal ones
    share the gradient. The axes disappear, or with keepdim have size 1.

    `Min: 1` on 2 × 6 gives 6: of two estimates the lower one. The dims count the batch axis, which is 0.
    """

    examples = (Example({"dim": 1}, (2, 6), (6,)), Example({"dim": (2, 3)}, (3, 4, 5), (3,)))


class LogSumExp(_Extreme):
    """(*) → (*): log Σ exp x along dim, an axis or a list of them, a smooth maximum. The axes disappear, or with
    keepdim have size 1.

    `LogSumExp: 1` on 10 × 64 gives 64. The dims count the batch axis, which is 0. This is `torch.logsumexp`.
    """

    module = "netspec.torch.units"
    whole = ()
    autocast = "full"
    examples = (Example({"dim": 1}, (10, 64), (64,)), Example({"dim": (1, -1), "keepdim": True}, (3, 4), (1, 1)))


class Norm(_Extreme):
    """(*) → (*): (Σ |x|ᵖ)^(1/p) along dim, an axis or a list of them. The axes disappear, or with keepdim have size 1.

    `Norm: 2` on 10 × 16 gives 10, the lengths of ten vectors. The dims count the batch axis, which is 0. This is
    `torch.linalg.vector_norm`, whose gradient at the origin is 0.
    """

    module = "netspec.torch.units"
    whole = ()
    autocast = "full"
    examples = (
        Example({"dim": 2}, (10, 16), (10,)),
        Example({"dim": (1, -1), "keepdim": True}, (3, 4), (1, 1)),
        Example({"dim": 1, "p": 1}, (8, 7, 7), (7, 7)),
    )

    p: Positive = 2.0


class Normalize(Layer):
    """(*) → (*): y = x / max(‖x‖ₚ, eps), the norm (Σ |x|ᵖ)^(1/p) along dim.

    `Normalize` on 128 features gives a vector of length 1. `Normalize: {dim: -1}` on 196 × 768 does so with each of 196
    vectors. The dims count the batch axis, which is 0. This is `torch.nn.functional.normalize`.
    """

    family = "normalization"
    autocast = "full"
    examples = (
        Example({}, (128,), (128,)),
        Example({"p": 1, "dim": 3, "eps": 1e-6}, (8, 7, 7), (8, 7, 7)),
        Example({"p": 3, "dim": -1}, (196, 768), (196, 768)),
    )

    p: Positive = 2.0
    dim: Integer = 1
    eps: NonNegative = 1e-12

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        axis_of(x, self.dim, "dim")
        return x

    def saved(self, x: TensorType) -> Saved:
        axis = axis_of(x, self.dim, "dim")
        norms = product(size for i, size in enumerate(x.shape) if i != axis)
        return Saved(input=True, extra=norms * 2)

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Normalize", self.arguments(x), "netspec.torch.extra")
