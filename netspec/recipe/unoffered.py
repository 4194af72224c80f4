"""What torch and torchvision have for training and a recipe does not offer, each with the reason and what to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BASE: Final = "it is the base of the others; write one of them, such as `{}`"
_CODE: Final = "a recipe holds no code; {}"
_ONE_SCHEDULE: Final = "a recipe has one schedule; `warmup: 5` comes before it"
_ARRIVE: Final = "leave it out: images arrive as float32 tensors in [0, 1]"
_MARKS: Final = "a data set here has no boxes and no key points"
_SIZES: Final = "it makes images of different sizes, and those of a batch have one; write `RandomResizedCrop`"
_SEVERAL: Final = "it makes several images of one; write `{}`"
_NEAREST: Final = "the trainer's own code has none of it; `{}` comes closest"
_FEW: Final = "few ask for it; `{}` comes closest, and a plugin or a program may give it"
_HOLDS: Final = "it holds other transforms; a list carries out all of its own in their order, most of them with a `p`"

DONE_ANYWAY: Final = ("ToTensor", "ToImage", "ToDtype", "PILToTensor", "ConvertImageDtype", "ToPureTensor")
"""Transforms of torchvision whose work is done when a recipe's transforms begin."""

UNOFFERED: Final[Mapping[str, Mapping[str, str]]] = {
    "optimizer": {
        "LBFGS": "it evaluates the loss several times in one step, and a step here does so once; write `AdamW`",
        "Muon": "it updates matrices alone, and a net also has biases and norms; write `AdamW`",
        "SparseAdam": "it updates sparse gradients alone, and few layers give one; write `Adam`",
        "Optimizer": _BASE.format("SGD"),
    },
    "scheduler": {
        **dict.fromkeys(("LambdaLR", "MultiplicativeLR"), _CODE.format("write a schedule such as `ExponentialLR`")),
        **dict.fromkeys(("SequentialLR", "ChainedScheduler"), _ONE_SCHEDULE),
        "LRScheduler": _BASE.format("StepLR"),
    },
    "loss": {
        "TripletMarginWithDistanceLoss": "its distance is code, and a recipe holds none; write `TripletMarginLoss`, "
        "whose distance is a `p`-norm",
        "CTCLoss": "it aligns two sequences, and needs their lengths beside them; for classes write `CrossEntropyLoss`",
        "HingeEmbeddingLoss": "its input is a distance; write `MultiMarginLoss` for classes, `SoftMarginLoss` for ±1",
        "KLDivLoss": "its mean over every element is no divergence, as torch warns; write `CrossEntropyLoss` for "
        "classes, `BCELoss` for probabilities",
        "LinearCrossEntropyLoss": "it holds the last layer itself; end the net in `Linear`, and write "
        "`CrossEntropyLoss`",
        "AdaptiveLogSoftmaxWithLoss": "it holds layers itself; end the net in `Linear`, and write `CrossEntropyLoss`",
        "MultiLabelMarginLoss": "its targets are lists of classes, filled up with −1; write "
        "`MultiLabelSoftMarginLoss`, whose targets are a 0 or 1 for each class",
        "NLLLoss2d": "it is an old name; write `NLLLoss`",
    },
    "transform": {
        "AugMix": "it mixes several chains of operations; `RandAugment` comes closest",
        "AutoAugmentPolicy": "it is an argument, as in `AutoAugment: cifar10`",
        **dict.fromkeys(DONE_ANYWAY, _ARRIVE),
        "ToPILImage": "leave it out: the trainer works on tensors",
        "RGB": "leave it out: `channels` of the data says how pictures are read",
        "Identity": "leave it out: it does nothing",
        "Compose": "leave it out: the list is the composition",
        "Lambda": _CODE.format("there are only the transforms of the reference"),
        **dict.fromkeys(("RandomApply", "RandomChoice", "RandomOrder"), _HOLDS),
        **dict.fromkeys(
            ("MixUp", "CutMix"), "it is a key of the recipe's own: `mixup: 0.2`, `cutmix: 1.0`, beside `augment`"
        ),
        **dict.fromkeys(
            ("ClampBoundingBoxes", "ClampKeyPoints", "ConvertBoundingBoxFormat", "SanitizeBoundingBoxes",
             "SanitizeKeyPoints", "SetClampingMode"),
            f"leave it out: {_MARKS}",
        ),
        "RandomIoUCrop": f"{_MARKS}; write `RandomResizedCrop`",
        **dict.fromkeys(("RandomResize", "RandomShortestSize", "ScaleJitter", "RandomZoomOut"), _SIZES),
        "FiveCrop": _SEVERAL.format("RandomCrop"),
        "TenCrop": _SEVERAL.format("RandomCrop"),
        "ElasticTransform": _NEAREST.format("RandomAffine"),
        "RandomPerspective": _NEAREST.format("RandomAffine"),
        "GaussianNoise": "the trainer's own code has none of it; `Dropout` as the first layer disturbs the input too",
        "JPEG": _NEAREST.format("GaussianBlur"),
        "RandomAutocontrast": _NEAREST.format("ColorJitter"),
        "RandomEqualize": _NEAREST.format("ColorJitter"),
        "RandomPhotometricDistort": _NEAREST.format("ColorJitter"),
        "RandomChannelPermutation": _NEAREST.format("RandomGrayscale"),
        "LinearTransformation": "it takes a number for each pair of pixels; write `Normalize`",
        "UniformTemporalSubsample": "it picks frames of a video, and a data set here has images",
        "InterpolationMode": "it is an argument, as in `Resize: {size: 64, interpolation: bilinear}`",
        "Transform": _BASE.format("RandomHorizontalFlip"),
    },
    "metric": {
        **dict.fromkeys(
            ("ConfusionMatrix", "ROC", "PrecisionRecallCurve", "StatScores"),
            "it is a table or a curve, and a figure is a number; write `AUROC` or `AveragePrecision`",
        ),
        **dict.fromkeys(
            ("PrecisionAtFixedRecall", "RecallAtFixedPrecision", "SensitivityAtSpecificity",
             "SpecificityAtSensitivity"),
            "it gives a threshold beside the figure; write `AveragePrecision` or `AUROC`",
        ),
        "HammingDistance": "it is 1 less the accuracy of labels; write `Accuracy`",
        "HingeLoss": "it is a loss; write `F1Score`",
        "LogAUC": _FEW.format("AUROC"),
        "EER": _FEW.format("AUROC"),
        "NegativePredictiveValue": _FEW.format("Specificity"),
        **dict.fromkeys(
            ("MeanSquaredLogError", "LogCoshError", "MinkowskiDistance", "TweedieDevianceScore", "CosineSimilarity",
             "NormalizedRootMeanSquaredError"),
            _FEW.format("MeanSquaredError"),
        ),
        **dict.fromkeys(
            ("SymmetricMeanAbsolutePercentageError", "WeightedMeanAbsolutePercentageError"),
            _FEW.format("MeanAbsolutePercentageError"),
        ),
        "RelativeSquaredError": "it is 1 less R²; write `R2Score`",
        **dict.fromkeys(("ConcordanceCorrCoef", "KendallRankCorrCoef"), _FEW.format("SpearmanCorrCoef")),
        **dict.fromkeys(("KLDivergence", "JensenShannonDivergence"), _FEW.format("CalibrationError")),
        **dict.fromkeys(
            ("CriticalSuccessIndex", "ContinuousRankedProbabilityScore"), _FEW.format("MeanAbsoluteError")
        ),
    },
}  # fmt: skip
"""Kind of thing → name of a class in its `LIBRARY` → why not, and what to write."""

LIBRARY: Final[Mapping[str, str]] = {
    "optimizer": "torch.optim",
    "scheduler": "torch.optim.lr_scheduler",
    "loss": "torch.nn",
    "transform": "torchvision.transforms.v2",
    "metric": "torchmetrics",
}
"""Kind of thing → whose classes its names are."""


def explain_unoffered(name: str) -> str | None:
    """Why a recipe does not offer a class of this name, or None where no library has one."""
    kind = next((kind for kind, names in UNOFFERED.items() if name in names), None)
    if kind is None:
        return None
    article = "an" if kind == "optimizer" else "a"
    return f"{name} is {article} {kind} of {LIBRARY[kind]} that a recipe does not offer: {UNOFFERED[kind][name]}."
