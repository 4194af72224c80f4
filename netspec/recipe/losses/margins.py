"""Losses that want the right class ahead of the others by a margin."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import OneOrTwo, Real
from netspec.recipe.base import OMITTED_OF_LOSSES, Ending, Loss
from netspec.recipe.fields import Factors


class MultiMarginLoss(Loss):
    """Mean over the other classes of max(0, margin − output[target] + output[i])^p: a hinge loss for classes."""

    target: ClassVar[Literal["classes", "values", "nothing"]] = "classes"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES
    factors: ClassVar[tuple[str, ...]] = ("weight",)
    ending: ClassVar[Ending | None] = Ending(
        "scores", ("probabilities", "log-probabilities"), "it takes scores: drop the layer"
    )

    p: OneOrTwo = 1
    margin: Real = 1.0
    weight: Factors | None = None
