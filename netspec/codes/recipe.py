"""Codes of the recipe: data, transforms, loss, and values that contradict each other."""

from __future__ import annotations

from netspec.codes.base import Page, layers, recipe
from netspec.diagnostics import Code

_REST = "batch_size: 32\nepochs: 1\noptimizer: {SGD: {lr: 0.1}}\n"
_DATA = "data: FashionMNIST\n"
_LOSS = "loss: CrossEntropyLoss"


_DECODER = "input: {image: [1, 28, 28]}\noutput: {y: [Conv2d: {out_channels: 1, kernel_size: 1}]}\nlayers: [ReLU]\n"


def _recipe_of(loss: str) -> str:
    """A recipe of images with this loss."""
    return "train:\n" + "".join(f"  {line}\n" for line in (_DATA + _REST + loss).split("\n"))


def _several(losses: str) -> str:
    """An example spec of a network with two outputs, and these items as its losses."""
    return (
        layers("- Flatten\n- ReLU")
        + "output: {class_: [Linear: 10], size: [Linear: 1]}\n"
        + f"train:\n  data: synthetic\n  batch_size: 32\n  epochs: 1\n  optimizer: SGD\n  loss:\n{losses}\n"
    )


def _norm(batch: int) -> str:
    """An example spec whose last layer normalises single values, trained with this batch size."""
    return layers("- Flatten\n- Linear: 10\n- BatchNorm1d") + (
        f"train:\n  data: FashionMNIST\n  batch_size: {batch}\n  epochs: 1\n  optimizer: SGD\n  {_LOSS}\n"
    )


RECIPE: dict[Code, Page] = {
    "unknown-data-set": Page(
        "There is no data set of that name.",
        "Data sets are those of torchvision, and `folder`, `pairs`, `tensors`, `table`, `text` and `synthetic`.",
        recipe("data: FashionMinst\n" + _REST + _LOSS),
        recipe(_DATA + _REST + _LOSS),
    ),
    "unknown-transform": Page(
        "There is no transform of that name.",
        "Transforms are those of `torchvision.transforms.v2` that work on batches of tensors.",
        recipe(_DATA + "transforms: [Resise: 28]\n" + _REST + _LOSS),
        recipe(_DATA + "transforms: [Resize: 28]\n" + _REST + _LOSS),
    ),
    "unknown-optimizer": Page(
        "There is no optimizer of that name.",
        "Optimizers are those of `torch.optim`.",
        recipe(_DATA + "batch_size: 32\nepochs: 1\noptimizer: SDG\n" + _LOSS),
        recipe(_DATA + "batch_size: 32\nepochs: 1\noptimizer: SGD\n" + _LOSS),
    ),
    "unknown-scheduler": Page(
        "There is no scheduler of that name.",
        "Schedulers are those of `torch.optim.lr_scheduler`.",
        recipe(_DATA + _REST + "scheduler: {StepLr: {step_size: 1}}\n" + _LOSS),
        recipe(_DATA + _REST + "scheduler: {StepLR: {step_size: 1}}\n" + _LOSS),
    ),
    "unknown-loss": Page(
        "There is no loss of that name.",
        "Losses are those of `torch.nn`.",
        recipe(_DATA + _REST + "loss: CrossEntropy"),
        recipe(_DATA + _REST + _LOSS),
    ),
    "unknown-metric": Page(
        "There is no metric of that name.",
        "Metrics are those of torchmetrics for classes, labels and values.",
        recipe(_DATA + _REST + "metrics: [F1Scor]\n" + _LOSS),
        recipe(_DATA + _REST + "metrics: [F1Score]\n" + _LOSS),
    ),
    "metric-mismatch": Page(
        "A metric does not fit the loss, or the output that it reads.",
        "A metric of classes goes with a loss of classes, one of values with a loss of values; where several losses "
        "would do, `of` names the output.",
        recipe(_DATA + _REST + "metrics: [R2Score]\n" + _LOSS),
        recipe(_DATA + _REST + "metrics: [F1Score]\n" + _LOSS),
    ),
    "data-mismatch": Page(
        "The examples of the data set are not what the network's input says.",
        "The images' size and channels are followed through the transforms and compared with `input`.",
        recipe(_DATA + "transforms: [Resize: 32]\n" + _REST + _LOSS),
        recipe(_DATA + "transforms: [Resize: 28]\n" + _REST + _LOSS),
    ),
    "classes-mismatch": Page(
        "The data set has another number of classes than the network has scores.",
        "With fewer scores than classes training fails; with more, some never occur, which is a warning.",
        recipe(_DATA + _REST + _LOSS, classes=9),
        recipe(_DATA + _REST + _LOSS, classes=10),
    ),
    "loss-mismatch": Page(
        "The loss does not fit the data or the network's output.",
        "A classification loss wants one score per class; a regression loss wants targets of the output's shape. A "
        "softmax, a sigmoid or a `ReLU` in front of a loss that takes scores is a warning: it slows learning.",
        recipe(_DATA + _REST + "loss: MSELoss"),
        recipe(_DATA + _REST + _LOSS),
    ),
    "transform-mismatch": Page(
        "A transform cannot take the images that it gets.",
        "For example a crop that is larger than the image, or a mean for three channels where there is one.",
        recipe(_DATA + "transforms: [Normalize: {mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5]}]\n" + _REST + _LOSS),
        recipe(_DATA + "transforms: [Normalize: {mean: [0.5], std: [0.5]}]\n" + _REST + _LOSS),
    ),
    "recipe-conflict": Page(
        "Two values of a recipe contradict each other.",
        "For example early stopping without validation data, or a warm-up that is longer than the run.",
        recipe(_DATA + _REST + "early_stopping: {patience: 2}\n" + _LOSS),
        recipe(_DATA + "validation: 0.1\n" + _REST + "early_stopping: {patience: 2}\n" + _LOSS),
    ),
    "batch-of-one": Page(
        "A layer cannot train on a batch of one example, and the recipe makes one.",
        "A norm over a single value per channel has no variance. The last batch of an epoch is what is left over; "
        "`drop_last: true` leaves it out.",
        _norm(59999),
        _norm(256),
    ),
    "unknown-output": Page(
        "A loss reads an output that the network does not give.",
        "`of` names outputs, which stand under `output`. Values that only have a name inside the layers are none.",
        _several("  - {CrossEntropyLoss: , of: kind}\n  - {MSELoss: , of: size}"),
        _several("  - {CrossEntropyLoss: , of: class_}\n  - {MSELoss: , of: size, target: sizes}"),
    ),
    "unknown-target": Page(
        "A loss compares with a target that neither the data nor the network's inputs give.",
        "`target` names an input of the network or a field of the data. Without it the target is what the data give "
        "beside their inputs, `labels`; torchvision's data sets and folders give nothing else.",
        _DECODER + _recipe_of("loss: {MSELoss: , of: y, target: imgae}"),
        _DECODER + _recipe_of("loss: {MSELoss: , of: y, target: image}"),
    ),
    "unread-output": Page(
        "No loss reads an output of the network.",
        "Layers that only this output needs get no gradient, and stay as they were initialised.",
        _several("  - {CrossEntropyLoss: , of: class_}"),
        _several("  - {CrossEntropyLoss: , of: class_}\n  - {MSELoss: , of: size, target: sizes}"),
        "warning",
    ),
}
