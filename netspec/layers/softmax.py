"""Softmax and its variants, which normalise along an axis."""

from __future__ import annotations

from netspec.arguments import Integer, Positive
from netspec.dims import product, warn
from netspec.layers.base import Example, Layer, Saved, TensorType, TorchCall
from netspec.layers.shape import axis_of
from netspec.layers.windows import RANKS


def warn_of_one(layer: Layer, x: TensorType, axis: int) -> None:
    """Warn of a softmax along an axis of one value."""
    warn(
        x.shape[axis] != 1,
        lambda: (
            f"`{type(layer).__name__}` over one value gives {0 if layer.gives == 'log-probabilities' else 1} whatever "
            "that is: {given}"
        ),
        code="softmax-of-one",
        at="dim",
        axis=axis,
        help="`Sigmoid` makes a probability of one score; a softmax wants a score for each of several classes",
    )


class _AlongDim(Layer):
    """Base of the activations with a `dim`. It is required here; torch guesses one, with a warning."""

    family = "activation"
    autocast = "full"
    scalar = "dim"

    dim: Integer

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        warn_of_one(self, x, axis_of(x, self.dim, "dim"))
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved(output=True)


class Softmax(_AlongDim):
    """(*) → (*): y = exp(x) / Σ exp(x), the sum along dim. The results are positive and add up to 1.

    `Softmax: 1` on 10 scores gives 10 probabilities: `dim` counts the batch axis, so 1 is the first axis of an example.
    """

    gives = "probabilities"
    logarithm = "LogSoftmax"
    examples = (Example({"dim": 1}, (10,), (10,)), Example({"dim": -1}, (12, 197, 197), (12, 197, 197)))


class LogSoftmax(_AlongDim):
    """(*) → (*): y = x − log Σ exp(x), the sum along dim: the logarithm of `Softmax`, computed without overflow.

    `LogSoftmax: 1` on 10 scores gives 10 logarithms of probabilities, what `NLLLoss` wants.
    """

    gives = "log-probabilities"
    examples = (Example({"dim": 1}, (10,), (10,)), Example({"dim": 2}, (5, 7), (5, 7)))


class Softmin(_AlongDim):
    """(*) → (*): y = exp(−x) / Σ exp(−x), the sum along dim. The smallest value gets the largest share.

    `Softmin: 1` on 10 distances gives 10 weights that add up to 1.
    """

    gives = "probabilities"
    examples = (Example({"dim": 1}, (10,), (10,)), Example({"dim": -2}, (5, 7), (5, 7)))


class Softmax2d(Layer):
    """(C, H, W) → (C, H, W): `Softmax` over the channels at every pixel.

    `Softmax2d` on 21 × 64 × 64 gives 21 × 64 × 64: for each of the 64 · 64 pixels 21 numbers that add up to 1.
    """

    family = "activation"
    gives = "probabilities"
    autocast = "full"
    examples = (Example({}, (21, 64, 64), (21, 64, 64)),)

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        self.need_rank(x, 3, RANKS[2])
        warn_of_one(self, x, 0)
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved(output=True)


class GumbelSoftmax(Layer):
    """(*) → (*): y = softmax((x + g) / tau) along dim, where each g = −ln(−ln u) is drawn anew with u uniform between 0
    and 1; in eval mode g = 0.

    `GumbelSoftmax: {dim: 1}` on 10 logarithms of probabilities draws one of ten classes, the softer the higher `tau`
    is. With `hard: true` the result is 1 for the largest and 0 for all others, and the gradient that of the soft one.
    `dim` counts the batch axis, which is 0. This is `torch.nn.functional.gumbel_softmax`, which draws in eval mode too.
    Source: Jang, Gu and Poole 2017, "Categorical Reparameterization with Gumbel-Softmax".
    """

    family = "activation"
    gives = "probabilities"
    autocast = "full"
    examples = (
        Example({"dim": 1}, (10,), (10,)),
        Example({"tau": 0.5, "hard": True, "dim": -1}, (32, 512), (32, 512)),
    )

    tau: Positive = 1.0
    hard: bool = False
    dim: Integer = -1

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        axis_of(x, self.dim, "dim")
        return x

    def saved(self, x: TensorType) -> Saved:
        if not self.hard:
            return Saved(output=True)
        axis = axis_of(x, self.dim, "dim")
        chosen = product(size for i, size in enumerate(x.shape) if i != axis)
        return Saved(extra=product(x.shape), indices=chosen)

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("GumbelSoftmax", self.arguments(x), "netspec.torch.units")
