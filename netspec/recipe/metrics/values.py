"""Metrics of values: how far the net's are from the targets."""

from __future__ import annotations

from typing import Any, ClassVar

from netspec.recipe.measures import Metric, Reads


class OfValues(Metric):
    """Base of the metrics of values."""

    reads: ClassVar[tuple[Reads, ...]] = ("values",)
    omitted: ClassVar[dict[str, str]] = {
        "num_outputs": "figures are of all values of an example",
        "multioutput": "several values of an example count alike",
        "adjusted": "it counts the regressors of a linear model",
    }

    def measure(self, reads: Reads, count: int) -> tuple[str, str, dict[str, Any]]:
        return "torchmetrics.regression", type(self).__name__, dict(self)


class MeanAbsoluteError(OfValues):
    """Mean of |output − target|."""

    column: ClassVar[str] = "mae"
    lower: ClassVar[bool] = True


class MeanSquaredError(OfValues):
    """Mean of (output − target)²; with `squared: false` its root, the RMSE."""

    column: ClassVar[str] = "mse"
    lower: ClassVar[bool] = True
    scalar: ClassVar[str | None] = "squared"
    example: ClassVar[str | None] = "{squared: false}"
    renaming: ClassVar[tuple[dict[str, Any], ...]] = ({"squared": False},)

    squared: bool = True

    def label(self) -> str:
        return self.column if self.squared else "rmse"


class MeanAbsolutePercentageError(OfValues):
    """Mean of |output − target| / |target|, a share and not a percentage."""

    column: ClassVar[str] = "mape"
    lower: ClassVar[bool] = True


class R2Score(OfValues):
    """1 − Σ(output − target)² / Σ(target − mean)²: 1 is perfect, 0 no better than the mean of the targets. Of several
    values the mean of theirs."""

    column: ClassVar[str] = "r2"
    shape: ClassVar[int | None] = 1


class ExplainedVariance(OfValues):
    """1 − Var(target − output) / Var(target): as `R2Score`, whatever the bias."""

    column: ClassVar[str] = "explained_variance"
    shape: ClassVar[int | None] = 1


class PearsonCorrCoef(OfValues):
    """The linear correlation of outputs and targets, from −1 to 1."""

    column: ClassVar[str] = "pearson"
    shape: ClassVar[int | None] = 0


class SpearmanCorrCoef(OfValues):
    """The correlation of the ranks of outputs and targets, from −1 to 1. It keeps them all in memory."""

    column: ClassVar[str] = "spearman"
    shape: ClassVar[int | None] = 0
