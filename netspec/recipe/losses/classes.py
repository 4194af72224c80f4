"""Losses whose target is the number of a class."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.arguments import Integer, Probability, Real
from netspec.recipe.base import OMITTED_OF_LOSSES, Loss
from netspec.recipe.fields import NonNegatives


class CrossEntropyLoss(Loss):
    """−log softmax(output)[target]; the output holds one score per class, not probabilities.

    `weight` has one factor per class. `label_smoothing` ε mixes the target with the uniform distribution, 1 − ε to ε.
    Examples whose target is `ignore_index` do not count.
    """

    target: ClassVar[Literal["classes", "values"]] = "classes"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES
    scalar: ClassVar[str | None] = None

    weight: NonNegatives | None = None
    ignore_index: Integer = -100
    label_smoothing: Probability = 0.0


class NLLLoss(Loss):
    """−output[target]; the output holds log-probabilities (`LogSoftmax` last)."""

    target: ClassVar[Literal["classes", "values"]] = "classes"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES

    weight: NonNegatives | None = None
    ignore_index: Integer = -100


class MultiMarginLoss(Loss):
    """Mean over the other classes of max(0, margin − output[target] + output[i])^p: a hinge loss for classes."""

    target: ClassVar[Literal["classes", "values"]] = "classes"
    omitted: ClassVar[dict[str, str]] = OMITTED_OF_LOSSES

    p: Literal[1, 2] = 1
    margin: Real = 1.0
    weight: NonNegatives | None = None
