"""The classes of torch.nn that netspec does not offer, with the reason and what to do instead."""

from __future__ import annotations

from typing import Final

_LAZY = "sizes that follow from the input are inferred for every layer; write `{}`"
_LOSS = "a loss is no layer: it stands in the recipe, `loss:` under `train:`"
_BASE = "it is a container of torch's own; {}"

_INFERRED = (
    "Linear", "Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d",
    "BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d",
)  # fmt: skip
_LOSSES = (
    "BCELoss", "BCEWithLogitsLoss", "CTCLoss", "CosineEmbeddingLoss", "CrossEntropyLoss", "GaussianNLLLoss",
    "HingeEmbeddingLoss", "HuberLoss", "KLDivLoss", "L1Loss", "LinearCrossEntropyLoss", "MSELoss", "MarginRankingLoss",
    "MultiLabelMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss", "NLLLoss", "NLLLoss2d", "PoissonNLLLoss",
    "SmoothL1Loss", "SoftMarginLoss", "TripletMarginLoss", "TripletMarginWithDistanceLoss",
)  # fmt: skip

UNOFFERED: Final[dict[str, str]] = {
    **{f"Lazy{name}": _LAZY.format(name) for name in _INFERRED},
    "Bilinear": "it multiplies two values; of vectors `a` and `b` of 8, to 3 results, "
    "`- {einsum: [[Parameter: [3, 8, 8]], a, b], pattern: 'n k i j, n i, n j -> n k'}`",
    "CosineSimilarity": "it compares two values; of vectors `a` and `b`, "
    "`- {einsum: [[{use: a}, {Normalize: {dim: 1}}], [{use: b}, {Normalize: {dim: 1}}]], pattern: 'n d, n d -> n'}`",
    "PairwiseDistance": "it compares two values; of vectors `a` and `b`, `- use: a - b`, `- Norm: 1`",
    "AdaptiveLogSoftmaxWithLoss": "it takes the labels as a second input; write `Linear` and `LogSoftmax`",
    **dict.fromkeys(_LOSSES, _LOSS),
    "Sequential": _BASE.format("write `sequential: [...]`, or name a block"),
    "ModuleList": _BASE.format("write the layers in a row, or as branches of `add` or `concat`"),
    "ModuleDict": _BASE.format("write the layers in a row, or as branches of `add` or `concat`"),
    "ParameterList": _BASE.format("parameters belong to layers"),
    "ParameterDict": _BASE.format("parameters belong to layers"),
    "Container": _BASE.format("write `sequential: [...]`, or name a block"),
    "Module": _BASE.format("write the layers that it would hold"),
    "DataParallel": "several devices are the trainer's business, not the network's",
    "RNNBase": "it is the base of `RNN`, `LSTM` and `GRU`; write one of those",
    "RNNCellBase": "it is the base of `RNNCell`, `LSTMCell` and `GRUCell`; write one of those",
}
"""Name of a class of torch.nn → the reason, and what to do instead."""
