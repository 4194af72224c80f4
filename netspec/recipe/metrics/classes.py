"""Metrics of answers: of one class for each target, or of labels, each of which is there or not."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from netspec.arguments import Count, Positive
from netspec.kinds import choice
from netspec.recipe.measures import Metric, Reads

_AVERAGES = choice("micro", "macro", "weighted", "none")
Average = Annotated[Literal["micro", "macro", "weighted", "none"], _AVERAGES]
RankedAverage = Annotated[Literal["macro", "weighted", "none"], choice("macro", "weighted", "none")]
_MODULE = "torchmetrics.classification"
_OMITTED = {
    "task": "it follows from the loss",
    "threshold": "labels count as there from a probability of 0.5 on",
    **dict.fromkeys(("num_classes", "num_labels"), "it follows from the net's output"),
    "multidim_average": "figures are of the whole set",
    "ignore_index": "it is that of the loss",
    "validate_args": "the trainer checks the data itself",
    "zero_division": "a class without examples or answers counts as 0, as torchmetrics has it",
}


class OfAnswers(Metric):
    """Base of the metrics of classes and labels."""

    reads: ClassVar[tuple[Reads, ...]] = ("classes", "labels")
    omitted: ClassVar[dict[str, str]] = _OMITTED
    usual: ClassVar[str] = "macro"
    """The average that the name of the figure leaves out."""

    def tail(self) -> str:
        average = getattr(self, "average", self.usual)
        return "" if average in (self.usual, "none") else f"_{average}"

    def measure(self, reads: Reads, count: int) -> tuple[str, str, dict[str, Any]]:
        name, arguments = type(self).__name__, dict(self)
        if reads == "classes":
            return _MODULE, f"Multiclass{name}", {**arguments, "num_classes": count}
        for key in ("top_k", "average") if count == 1 else ("top_k",):
            arguments.pop(key, None)
        if count == 1:
            return _MODULE, f"Binary{name}", arguments
        return _MODULE, f"Multilabel{name}", {**arguments, "num_labels": count}


class Accuracy(OfAnswers):
    """The share of right answers: of the targets (`micro`), or the mean of the classes' shares (`macro`). With `top_k`
    an answer is right if the class is among the k with the highest scores."""

    column: ClassVar[str] = "accuracy"
    usual: ClassVar[str] = "micro"
    example: ClassVar[str | None] = "{top_k: 5}"
    renaming: ClassVar[tuple[dict[str, Any], ...]] = ({"top_k": 5},)

    average: Average = "micro"
    top_k: Count = 1

    def label(self) -> str:
        head = self.column if self.top_k == 1 else f"top{self.top_k}"
        return head + self.tail()


class Precision(OfAnswers):
    """Of the answers that name a class, the share that is right."""

    column: ClassVar[str] = "precision"

    average: Average = "macro"


class Recall(OfAnswers):
    """Of the targets of a class, the share that is found. Its mean over the classes is the balanced accuracy."""

    column: ClassVar[str] = "recall"

    average: Average = "macro"


class Specificity(OfAnswers):
    """Of the targets that are not of a class, the share that is not taken for it."""

    column: ClassVar[str] = "specificity"

    average: Average = "macro"


class F1Score(OfAnswers):
    """The harmonic mean of precision and recall. Of masks it is the Dice coefficient, over all pixels of the set."""

    column: ClassVar[str] = "f1"

    average: Average = "macro"


class FBetaScore(OfAnswers):
    """(1 + beta²) · precision · recall / (beta² · precision + recall): above 1, `beta` favours recall."""

    column: ClassVar[str] = "f"
    scalar: ClassVar[str | None] = "beta"
    example: ClassVar[str | None] = "2"
    renaming: ClassVar[tuple[dict[str, Any], ...]] = ({"beta": 2},)

    beta: Positive
    average: Average = "macro"

    def label(self) -> str:
        return f"f{self.beta:g}{self.tail()}"


class JaccardIndex(OfAnswers):
    """Intersection over union: TP / (TP + FP + FN). Of masks, `macro` is the mean IoU over all pixels of the set."""

    column: ClassVar[str] = "iou"

    average: Average = "macro"


class AUROC(OfAnswers):
    """The area under the receiver operating characteristic, of each class against the others. With `thresholds`, at so
    many of them and in memory that does not grow with the data."""

    column: ClassVar[str] = "auroc"

    average: RankedAverage = "macro"
    thresholds: Count | None = None


class AveragePrecision(OfAnswers):
    """The area under the curve of precision over recall, of each class against the others. With `thresholds`, at so
    many of them and in memory that does not grow with the data."""

    column: ClassVar[str] = "ap"

    average: RankedAverage = "macro"
    thresholds: Count | None = None


class MatthewsCorrCoef(OfAnswers):
    """The correlation of answers and truth, from −1 to 1; 0 for answers that are a guess."""

    column: ClassVar[str] = "mcc"


class CohenKappa(OfAnswers):
    """The agreement of answers and truth above that of a guess. `weights` count how far apart classes are, which are
    then in an order."""

    column: ClassVar[str] = "kappa"
    one_label: ClassVar[bool] = True

    weights: Annotated[Literal["linear", "quadratic"], choice("linear", "quadratic")] | None = None


class CalibrationError(OfAnswers):
    """The mean distance of the probability of an answer from the share of such answers that is right, in `n_bins`
    ranges of the probability (`l1`; `max` is the largest)."""

    column: ClassVar[str] = "calibration_error"
    lower: ClassVar[bool] = True
    one_label: ClassVar[bool] = True

    n_bins: Count = 15
    norm: Annotated[Literal["l1", "l2", "max"], choice("l1", "l2", "max")] = "l1"


class ExactMatch(OfAnswers):
    """The share of examples whose labels are all right."""

    column: ClassVar[str] = "exact_match"
    reads: ClassVar[tuple[Reads, ...]] = ("labels",)
    several_labels: ClassVar[bool] = True
