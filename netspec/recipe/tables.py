"""Every name that a recipe may use, and the module that defines it. Static: a check imports what it needs.

What plugins have for recipes stands in an `Offer`, and `tables_of` puts it beside what stands here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from netspec.arguments import Arguments
from netspec.diagnostics import Code
from netspec.layers import Offer
from netspec.recipe.base import DataSet, Loss, Named, Optimizer, Transform
from netspec.recipe.measures import Metric

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
    table="table",
    maps="pairs",
    given="given",
)
TRANSFORMS: Final = _table(
    fixed="Resize CenterCrop Pad",
    values="Grayscale Normalize",
    geometry="RandomCrop RandomResizedCrop RandomHorizontalFlip RandomVerticalFlip RandomRotation RandomAffine"
    " RandomErasing",
    color="ColorJitter RandomGrayscale RandomInvert RandomSolarize RandomPosterize RandomAdjustSharpness GaussianBlur",
    policies="RandAugment TrivialAugmentWide AutoAugment",
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
    classes="CrossEntropyLoss FocalLoss NLLLoss",
    margins="MultiMarginLoss",
    values="MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss SigmoidFocalLoss SoftMarginLoss"
    " MultiLabelSoftMarginLoss PoissonNLLLoss",
    several="GaussianKL GaussianNLLLoss CosineEmbeddingLoss MarginRankingLoss TripletMarginLoss",
    function="function",
)
METRICS: Final = _table(
    classes="Accuracy Precision Recall Specificity F1Score FBetaScore JaccardIndex AUROC AveragePrecision"
    " MatthewsCorrCoef CohenKappa CalibrationError ExactMatch",
    values="MeanAbsoluteError MeanSquaredError MeanAbsolutePercentageError R2Score ExplainedVariance PearsonCorrCoef"
    " SpearmanCorrCoef",
)

SETTINGS: Final = {"warmup": "Warmup", "ema": "Ema", "early_stopping": "EarlyStopping",
                   "checkpoint_every": "CheckpointEvery"}  # fmt: skip
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
metric: Callable[[str], type[Metric]] = _loader("metrics.", METRICS)


class Kind(NamedTuple):
    """A kind of thing that a recipe calls by its name."""

    word: str
    """What messages call it."""
    names: Mapping[str, str]
    load: Callable[[str], type[Named]]
    """Gives the class of a name."""
    unknown: Code
    """The code of a name that is none of them."""
    base: type[Named] | None = None
    """What the classes are derived from, of a kind that plugins may have."""
    missing: tuple[str, ...] = ()
    """Plugins that a spec names and that are not here."""

    def of(self, offer: Offer, missing: tuple[str, ...] = ()) -> Kind:
        """The same with what plugins offer of it."""
        base = self.base or ()
        found = {name: cls for name, cls in offer.parts.items() if issubclass(cls, base)}
        names = {**self.names, **{name: cls.__module__ for name, cls in found.items()}}

        def load(name: str) -> type[Named]:
            return found[name] if name in found else self.load(name)

        return self._replace(names=names, load=load, missing=missing)


CALLS: Final[Mapping[str, Kind]] = {
    "data": Kind("data set", DATA_SETS, data_set, "unknown-data-set", DataSet),
    "loss": Kind("loss", LOSSES, loss, "unknown-loss", Loss),
    "optimizer": Kind("optimizer", OPTIMIZERS, optimizer, "unknown-optimizer"),
    "scheduler": Kind("scheduler", SCHEDULERS, scheduler, "unknown-scheduler"),
    "metrics": Kind("metric", METRICS, metric, "unknown-metric", Metric),
}
"""Keys of a recipe under which one name stands with its arguments."""

TRANSFORM: Final = Kind("transform", TRANSFORMS, transform, "unknown-transform", Transform)


class Tables(NamedTuple):
    """What a recipe may name."""

    calls: Mapping[str, Kind] = CALLS
    """As `CALLS`."""
    transform: Kind = TRANSFORM

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """All kinds."""
        return (self.transform, *self.calls.values())

    def of_key(self, key: str) -> Kind:
        """What stands under a key of a recipe: transforms, where it is none of `calls`."""
        return self.calls.get(key, self.transform)

    def short_form(self, word: str) -> str | None:
        """The argument that a bare value sets: `size` for `Resize: 224`, `decay` for `ema: 0.9`; None if there is
        none."""
        if word in SETTINGS:
            return setting(word).scalar
        return next((kind.load(word).scalar for kind in self.kinds if word in kind.names), None)


OWN: Final = Tables()
"""Without plugins."""


def tables_of(offer: Offer, named: Collection[str] = ()) -> Tables:
    """What a recipe may name with what plugins offer; `named` are the plugins that its spec names."""
    if not (offer.parts or named):
        return OWN
    missing = tuple(name for name in named if name not in {plugin.name for plugin in offer.plugins})
    return Tables({key: kind.of(offer, missing) for key, kind in CALLS.items()}, TRANSFORM.of(offer, missing))


def setting(name: str) -> type[Arguments]:
    """The class of one of the `SETTINGS`, or of `groups`: few recipes use one, and models cost time to define."""
    return getattr(import_module("netspec.recipe.settings"), {**SETTINGS, "groups": "Group"}[name])
