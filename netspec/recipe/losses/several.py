"""Losses that read several outputs, which `of` names in the order that each says."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import Positive, Real
from netspec.layers.base import TorchCall
from netspec.recipe.base import OMITTED_OF_LOSSES, Loss


class GaussianKL(Loss):
    """KL divergence of N(mu, exp(logvar)) from N(0, 1): −½ Σ (1 + logvar − mu² − exp(logvar)) over the features of an
    example, mean over the batch. `of: [mu, logvar]`, no target. Kingma & Welling 2014 (arXiv 1312.6114), appendix B."""

    omitted: ClassVar[dict[str, str]] = {"reduction": OMITTED_OF_LOSSES["reduction"]}
    target: ClassVar[Literal["classes", "values", "nothing"]] = "nothing"
    takes: ClassVar[tuple[str, ...]] = ("mu", "logvar")

    def call(self) -> TorchCall:
        return TorchCall(type(self).__name__, {}, "netspec.trainer.measure.own")


class GaussianNLLLoss(Loss):
    """½ (log var + (mean − target)² / var), var at least `eps`; `full` adds ½ log 2π. `of: [mean, var]`, var not
    negative (`Softplus` or `Exp` last)."""

    omitted: ClassVar[dict[str, str]] = {"reduction": OMITTED_OF_LOSSES["reduction"]}
    takes: ClassVar[tuple[str, ...]] = ("mean", "var")
    target_at: ClassVar[int] = 1

    full: bool = False
    eps: Positive = 1e-6


class CosineEmbeddingLoss(Loss):
    """1 − cos(x1, x2) where the target is 1, max(0, cos(x1, x2) − margin) where it is −1. `of: [x1, x2]`, one axis
    each; the target is one number per example."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES
    takes: ClassVar[tuple[str, ...]] = ("x1", "x2")
    vectors: ClassVar[bool] = True
    signs: ClassVar[bool] = True

    margin: Real = 0.0


class MarginRankingLoss(Loss):
    """max(0, −target · (x1 − x2) + margin): the target is 1 where x1 should rank higher, −1 where x2 should.
    `of: [x1, x2]`."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES
    takes: ClassVar[tuple[str, ...]] = ("x1", "x2")
    signs: ClassVar[bool] = True

    margin: Real = 0.0


class TripletMarginLoss(Loss):
    """max(0, |anchor − positive| − |anchor − negative| + margin) by the `p`-norm; `swap` takes the smaller distance of
    the negative to anchor and positive. `of: [anchor, positive, negative]`, one axis each, no target."""

    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES
    target: ClassVar[Literal["classes", "values", "nothing"]] = "nothing"
    takes: ClassVar[tuple[str, ...]] = ("anchor", "positive", "negative")
    vectors: ClassVar[bool] = True

    margin: Positive = 1.0
    p: Positive = 2.0
    eps: Positive = 1e-6
    swap: bool = False
