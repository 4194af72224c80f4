"""Losses whose target is the number of a class."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import Integer, NonNegative, Probability
from netspec.layers.base import TorchCall
from netspec.recipe.base import NOT_SCORES, OMITTED_OF_LOSSES, Divisor, Ending, Loss
from netspec.recipe.fields import BALANCED, ClassFactors


class Counting(Loss):
    """Base of the losses whose mean, over whatever set, divides by the factors of the targets that count."""

    target: ClassVar[Literal["classes", "values", "nothing"]] = "classes"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES
    factors: ClassVar[tuple[str, ...]] = ("weight",)

    weight: ClassFactors | None = None
    ignore_index: Integer = -100

    @property
    def divisor(self) -> Divisor:
        return Divisor(self.ignore_index, None if isinstance(self.weight, str) else self.weight)

    @property
    def balances(self) -> bool:
        return self.weight == BALANCED

    def balanced(self, factors: tuple[float, ...]) -> Counting:
        return self.model_copy(update={"weight": factors})

    @property
    def surprise(self) -> bool:
        return self.weight is None


class CrossEntropyLoss(Counting):
    """−log softmax(output)[target]; the output holds one score per class on its first axis, not probabilities.

    `weight` has one factor per class; `balanced` takes n / (classes · count) of the training part, as scikit-learn
    does: every class counts as much, however many examples it has. `label_smoothing` ε mixes the target with the
    uniform distribution, 1 − ε to ε. Targets that are `ignore_index` do not count, in the loss or in the accuracy.
    Means divide by the sum of the factors of the targets that count: over a batch, over an optimiser step of several,
    over a whole set.
    """

    scalar: ClassVar[str | None] = None
    ending: ClassVar[Ending | None] = Ending(
        "scores",
        NOT_SCORES,
        "it takes scores and does the softmax itself: drop the layer",
        "softmax",
        cross_entropy=True,
    )

    label_smoothing: Probability = 0.0

    @property
    def surprise(self) -> bool:
        return super().surprise and self.label_smoothing == 0


class FocalLoss(Counting):
    """−(1 − p)^gamma · log p, where p = softmax(output)[target]: a cross entropy in which examples count less that are
    told well already. `gamma: 0` is CrossEntropyLoss. `weight`, which is the paper's α, and `ignore_index` are as
    there. Of labels that are 0 or 1 it is SigmoidFocalLoss. Lin et al. 2017 (arXiv 1708.02002)."""

    omitted: ClassVar[dict[str, str]] = {"reduction": OMITTED_OF_LOSSES["reduction"]}
    scalar: ClassVar[str | None] = "gamma"
    ending: ClassVar[Ending | None] = Ending(
        "scores", NOT_SCORES, "it takes scores and does the softmax itself: drop the layer", "softmax"
    )

    gamma: NonNegative = 2.0

    @property
    def surprise(self) -> bool:
        return super().surprise and self.gamma == 0

    def call(self) -> TorchCall:
        return TorchCall(type(self).__name__, dict(self), "netspec.trainer.measure.own")


class NLLLoss(Counting):
    """−output[target]; the output holds log-probabilities (`LogSoftmax` last). `weight` and `ignore_index` are as in
    CrossEntropyLoss."""

    ending: ClassVar[Ending | None] = Ending(
        "log-probabilities",
        ("log-probabilities",),
        "use CrossEntropyLoss, which includes it",
        layer="LogSoftmax: {dim: 1}",
        layer_on_last_axis="LogSoftmax: {dim: -1}",
    )
