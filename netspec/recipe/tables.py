"""Every name that a recipe may use, and the module that defines it. Static: a check imports what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from netspec.arguments import Arguments
from netspec.diagnostics import Code
from netspec.recipe.base import DataSet, Loss, Named, Optimizer, Transform

if TYPE_CHECKING:
    from netspec.recipe.schedulers import Scheduler


def _table(**modules: str) -> dict[str, str]:
    return {name: module for module, names in modules.items() for name in names.split()}


DATA_SETS: Final = _table(
    torchvision="FashionMNIST MNIST KMNIST",
    extended="EMNIST QMNIST",
    photographs="CIFAR10 CIFAR100 SVHN STL10",
    local="folder tensors synthetic",
    text="text",
    given="given",
)
TRANSFORMS: Final = _table(
    fixed="Resize CenterCrop Pad",
    values="Grayscale Normalize",
    geometry="RandomCrop RandomResizedCrop RandomHorizontalFlip RandomVerticalFlip RandomRotation RandomAffine"
    " RandomErasing",
    color="ColorJitter RandomGrayscale RandomInvert RandomSolarize RandomPosterize RandomAdjustSharpness GaussianBlur",
)
OPTIMIZERS: Final = _table(
    sgd="SGD",
    averaged="ASGD",
    signs="Rprop",
    adam="Adam AdamW Adamax NAdam RAdam",
    adaptive="RMSprop Adagrad Adadelta Adafactor",
)
SCHEDULERS: Final = _table(
    schedulers="StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR"
    " CosineAnnealingWarmRestarts OneCycleLR CyclicLR ReduceLROnPlateau"
)
LOSSES: Final = _table(
    classes="CrossEntropyLoss NLLLoss",
    margins="MultiMarginLoss",
    values="MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss SoftMarginLoss MultiLabelSoftMarginLoss"
    " PoissonNLLLoss",
    several="GaussianKL GaussianNLLLoss CosineEmbeddingLoss MarginRankingLoss TripletMarginLoss",
    function="function",
)

SETTINGS: Final = {"warmup": "Warmup", "ema": "Ema", "early_stopping": "EarlyStopping"}
"""Keys of a recipe with several values of their own, and their class in `settings.py`."""


def _loader(package: str, table: dict[str, str]) -> Callable[[str], Any]:
    def load(name: str) -> Any:
        module = import_module(f"netspec.recipe.{package}{table[name]}")
        return getattr(module, name[0].upper() + name[1:])

    return load


data_set: Callable[[str], type[DataSet]] = _loader("datasets.", DATA_SETS)
transform: Callable[[str], type[Transform]] = _loader("transforms.", TRANSFORMS)
optimizer: Callable[[str], type[Optimizer]] = _loader("optimizers.", OPTIMIZERS)
scheduler: Callable[[str], type[Scheduler]] = _loader("", SCHEDULERS)
loss: Callable[[str], type[Loss]] = _loader("losses.", LOSSES)


class Kind(NamedTuple):
    """A kind of thing that a recipe calls by its name."""

    word: str
    """What messages call it."""
    names: dict[str, str]
    load: Callable[[str], type[Named]]
    """Gives the class of a name."""
    unknown: Code
    """The code of a name that is none of them."""


CALLS: Final[Mapping[str, Kind]] = {
    "data": Kind("data set", DATA_SETS, data_set, "unknown-data-set"),
    "loss": Kind("loss", LOSSES, loss, "unknown-loss"),
    "optimizer": Kind("optimizer", OPTIMIZERS, optimizer, "unknown-optimizer"),
    "scheduler": Kind("scheduler", SCHEDULERS, scheduler, "unknown-scheduler"),
}
"""Keys of a recipe under which one name stands with its arguments."""

TRANSFORM: Final = Kind("transform", TRANSFORMS, transform, "unknown-transform")


def setting(name: str) -> type[Arguments]:
    """The class of one of the `SETTINGS`, or of `groups`: few recipes use one, and models cost time to define."""
    return getattr(import_module("netspec.recipe.settings"), {**SETTINGS, "groups": "Group"}[name])


def short_form(word: str) -> str | None:
    """The argument that a bare value sets: `size` for `Resize: 224`, `decay` for `ema: 0.9`; None if there is none."""
    if word in SETTINGS:
        return setting(word).scalar
    return next((kind.load(word).scalar for kind in (TRANSFORM, *CALLS.values()) if word in kind.names), None)
