"""Losses that compare the output with values of the same shape."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import NonNegative, Positive, Probability
from netspec.layers.base import TorchCall
from netspec.recipe.base import NOT_SCORES, OMITTED_OF_LOSSES, Ending, Loss
from netspec.recipe.fields import NonNegatives

_WEIGHT = {"weight": "it weighs single elements of a batch; `pos_weight` of BCEWithLogitsLoss weighs outputs"}


class MSELoss(Loss):
    """Mean of (output − target)²."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES


class L1Loss(Loss):
    """Mean of |output − target|."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES


class SmoothL1Loss(Loss):
    """Quadratic, d² / (2 · beta), below a difference of `beta`, then |d| − beta / 2."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES
    scalar: ClassVar[str | None] = "beta"

    beta: Positive = 1.0


class HuberLoss(Loss):
    """Quadratic, d² / 2, below a difference of `delta`, then delta · (|d| − delta / 2)."""

    omitted: ClassVar[dict[str, str]] = {"reduction": OMITTED_OF_LOSSES["reduction"]}
    scalar: ClassVar[str | None] = "delta"

    delta: Positive = 1.0


class BCELoss(Loss):
    """Binary cross entropy of probabilities (`Sigmoid` last) with targets in [0, 1]."""

    shares: ClassVar[bool] = True
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES | _WEIGHT
    ending: ClassVar[Ending | None] = Ending(
        "probabilities",
        ("a probability each", "probabilities"),
        "use BCEWithLogitsLoss, which includes it",
        layer="Sigmoid",
    )


class BCEWithLogitsLoss(Loss):
    """Binary cross entropy of scores, the sigmoid included, with targets in [0, 1]. `pos_weight` has one factor per
    output for its positive examples."""

    shares: ClassVar[bool] = True
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES | _WEIGHT
    factors: ClassVar[tuple[str, ...]] = ("pos_weight",)
    ending: ClassVar[Ending | None] = Ending(
        "scores",
        NOT_SCORES,
        "it does the sigmoid itself: drop the layer, or use BCELoss",
        "sigmoid",
        cross_entropy=True,
    )

    pos_weight: NonNegatives | None = None


class SigmoidFocalLoss(Loss):
    """Binary cross entropy of scores times (1 − p)^gamma, where p is the probability of what the target says, and times
    `alpha` where that is 1, 1 − `alpha` where it is 0 (null: times neither). As `torchvision.ops.sigmoid_focal_loss`.
    Lin et al. 2017 (arXiv 1708.02002)."""

    shares: ClassVar[bool] = True
    omitted: ClassVar[dict[str, str]] = {"reduction": OMITTED_OF_LOSSES["reduction"]}
    ending: ClassVar[Ending | None] = Ending(
        "scores", NOT_SCORES, "it does the sigmoid itself: drop the layer", "sigmoid"
    )

    alpha: Probability | None = 0.25
    gamma: NonNegative = 2.0

    def call(self) -> TorchCall:
        return TorchCall(type(self).__name__, dict(self), "netspec.trainer.measure.own")


class SoftMarginLoss(Loss):
    """Mean of log(1 + exp(−target · output)), targets −1 and 1."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES


class MultiLabelSoftMarginLoss(Loss):
    """Binary cross entropy of scores, averaged over the classes of an example; targets 0 and 1 per class."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES
    factors: ClassVar[tuple[str, ...]] = ("weight",)
    ending: ClassVar[Ending | None] = Ending(
        "scores", NOT_SCORES, "it does the sigmoid itself: drop the layer", "sigmoid", cross_entropy=True
    )

    weight: NonNegatives | None = None


class PoissonNLLLoss(Loss):
    """exp(output) − target · output for counts, or output − target · log(output + eps) with `log_input: false`; `full`
    adds Stirling's term."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES

    log_input: bool = True
    full: bool = False
    eps: Positive = 1e-8

    @property
    def logarithmic(self) -> bool:
        return self.log_input
