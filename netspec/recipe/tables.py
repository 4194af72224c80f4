"""Every name that a recipe may use, and the module that defines it. Static: a check imports what it needs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, TypeVar

from netspec.arguments import Arguments
from netspec.recipe.base import DataSet, Loss, Named, Optimizer, Scheduler, Transform

T = TypeVar("T", bound=Named)


def _table(**modules: str) -> dict[str, str]:
    return {name: module for module, names in modules.items() for name in names.split()}


DATA_SETS: Final = _table(
    torchvision="FashionMNIST MNIST KMNIST EMNIST QMNIST CIFAR10 CIFAR100 SVHN STL10",
    local="folder tensors synthetic",
)
TRANSFORMS: Final = _table(
    fixed="Resize CenterCrop Pad Grayscale Normalize",
    geometry="RandomCrop RandomResizedCrop RandomHorizontalFlip RandomVerticalFlip RandomRotation RandomAffine"
    " RandomErasing",
    color="ColorJitter RandomGrayscale RandomInvert RandomSolarize RandomPosterize RandomAdjustSharpness GaussianBlur",
)
OPTIMIZERS: Final = _table(
    sgd="SGD ASGD Rprop",
    adam="Adam AdamW Adamax NAdam RAdam",
    adaptive="RMSprop Adagrad Adadelta Adafactor",
)
SCHEDULERS: Final = _table(
    schedulers="StepLR MultiStepLR ConstantLR LinearLR ExponentialLR PolynomialLR CosineAnnealingLR"
    " CosineAnnealingWarmRestarts OneCycleLR CyclicLR ReduceLROnPlateau"
)
LOSSES: Final = _table(
    classes="CrossEntropyLoss NLLLoss MultiMarginLoss",
    values="MSELoss L1Loss SmoothL1Loss HuberLoss BCELoss BCEWithLogitsLoss SoftMarginLoss MultiLabelSoftMarginLoss"
    " PoissonNLLLoss",
)

ELSEWHERE: Final[dict[str, dict[str, str]]] = {
    "data set": {
        **dict.fromkeys(("imagefolder", "images", "image_folder", "directory", "dir", "path"), "folder"),
        **dict.fromkeys(("tensordataset", "tensor", "safetensors", "array", "numpy", "npz"), "tensors"),
        **dict.fromkeys(("random", "fake", "fakedata", "dummy"), "synthetic"),
        **dict.fromkeys(
            ("imagenet", "tinyimagenet", "imagenette"),
            "put its images into one folder per class, `PATH/train/CLASS/…`, and write `folder: PATH`",
        ),
        "fashion": "FashionMNIST", "fashion_mnist": "FashionMNIST", "cifar": "CIFAR10", "cifar-10": "CIFAR10",
        "cifar-100": "CIFAR100",
    },
    "loss": {
        **dict.fromkeys(
            ("ce", "cross_entropy", "categorical_crossentropy", "sparse_categorical_crossentropy", "crossentropy"),
            "CrossEntropyLoss",
        ),
        **dict.fromkeys(("bce", "binary_crossentropy", "binary_cross_entropy"), "BCELoss"),
        **dict.fromkeys(("logistic", "binary_cross_entropy_with_logits", "bcewithlogits"), "BCEWithLogitsLoss"),
        **dict.fromkeys(("mse", "l2", "l2loss", "mean_squared_error", "mse_loss", "rmse"), "MSELoss"),
        **dict.fromkeys(("mae", "l1", "mean_absolute_error", "l1_loss"), "L1Loss"),
        "huber": "HuberLoss", "smooth_l1": "SmoothL1Loss", "nll": "NLLLoss", "nll_loss": "NLLLoss",
        "hinge": "MultiMarginLoss", "hingeembeddingloss": "MultiMarginLoss", "poisson": "PoissonNLLLoss",
    },
    "optimizer": {
        **dict.fromkeys(
            ("momentum", "nesterov"), "it is an argument of `SGD`, as in `{SGD: {lr: 0.1, momentum: 0.9}}`"
        ),
        "adamweightdecay": "AdamW",
    },
    "scheduler": {
        **dict.fromkeys(("cosine", "cosinelr", "cosine_annealing", "cosinedecay"), "CosineAnnealingLR"),
        **dict.fromkeys(("plateau", "reduce_on_plateau", "reduceonplateau"), "ReduceLROnPlateau"),
        **dict.fromkeys(("warmup", "linearwarmup"), "a warm-up is a key of its own, as in `warmup: 5`"),
        **dict.fromkeys(
            ("lambdalr", "multiplicativelr", "sequentiallr", "chainedscheduler"),
            "a recipe holds no code and one schedule; `warmup: 5` comes before it",
        ),
        **dict.fromkeys(("none", "off", "constant"), "leave `scheduler` out: the learning rate then stays as it is"),
        "step": "StepLR", "multistep": "MultiStepLR", "exponential": "ExponentialLR", "exp": "ExponentialLR",
        "poly": "PolynomialLR", "polynomial": "PolynomialLR", "linear": "LinearLR", "onecycle": "OneCycleLR",
        "one_cycle": "OneCycleLR", "cyclic": "CyclicLR", "cosinerestarts": "CosineAnnealingWarmRestarts",
    },
    "transform": {
        **dict.fromkeys(("randomflip", "horizontalflip", "flip", "hflip", "randomhflip"), "RandomHorizontalFlip"),
        **dict.fromkeys(("verticalflip", "vflip", "randomvflip", "flipud"), "RandomVerticalFlip"),
        **dict.fromkeys(("rotate", "rotation", "randomrotate"), "RandomRotation"),
        **dict.fromkeys(("crop", "randomcropping"), "RandomCrop"),
        **dict.fromkeys(("cutout", "erase", "coarsedropout", "erasing"), "RandomErasing"),
        **dict.fromkeys(("gray", "grey", "greyscale", "togray", "rgb2gray"), "Grayscale"),
        **dict.fromkeys(("jitter", "colourjitter", "brightness", "contrast", "hue", "saturation"), "ColorJitter"),
        **dict.fromkeys(("affine", "randomtranslation", "randomshear", "randomscale"), "RandomAffine"),
        **dict.fromkeys(("blur", "gaussian_blur"), "GaussianBlur"),
        **dict.fromkeys(("standardize", "normalise", "normalization", "mean_std"), "Normalize"),
        **dict.fromkeys(("scale", "rescaling", "size"), "Resize"),
        **dict.fromkeys(
            ("totensor", "toimage", "todtype", "topiltensor", "piltotensor", "convertimagedtype", "tofloat", "rescale"),
            "leave it out: images arrive as float32 tensors in [0, 1]",
        ),
        **dict.fromkeys(
            ("mixup", "cutmix"), "it is a key of the recipe's own: `mixup: 0.2`, `cutmix: 1.0`, beside `augment`"
        ),
        "compose": "leave it out: the list is the composition",
        "lambda": "a recipe holds no code; there are only the transforms of the reference",
    },
}  # fmt: skip
"""Names that other libraries use, in lower case, by kind of thing: each with the name here, or with what to do."""

SETTINGS: Final = {"warmup": "Warmup", "ema": "Ema", "early_stopping": "EarlyStopping"}
"""Keys of a recipe with several values of their own, and their class in `settings.py`."""


def _loader(base: type[T], package: str, table: dict[str, str]) -> Callable[[str], type[T]]:
    def load(name: str) -> type[T]:
        module = import_module(f"netspec.recipe.{package}{table[name]}")
        found: Any = getattr(module, name[0].upper() + name[1:])
        assert issubclass(found, base)
        return found

    return load


data_set = _loader(DataSet, "datasets.", DATA_SETS)
transform = _loader(Transform, "transforms.", TRANSFORMS)
optimizer = _loader(Optimizer, "optimizers.", OPTIMIZERS)
scheduler = _loader(Scheduler, "", SCHEDULERS)
loss = _loader(Loss, "losses.", LOSSES)


def setting(name: str) -> type[Arguments]:
    """The class of one of the `SETTINGS`, or of `groups`: few recipes use one, and models cost time to define."""
    return getattr(import_module("netspec.recipe.settings"), {**SETTINGS, "groups": "Group"}[name])


def short_form(word: str) -> str | None:
    """The argument that a bare value sets: `size` for `Resize: 224`, `decay` for `ema: 0.9`; None if there is none."""
    kinds: tuple[tuple[dict[str, str], Callable[[str], type[Arguments]]], ...] = (
        (TRANSFORMS, transform), (SETTINGS, setting), (DATA_SETS, data_set), (OPTIMIZERS, optimizer),
        (SCHEDULERS, scheduler), (LOSSES, loss),
    )  # fmt: skip
    return next((load(word).scalar for table, load in kinds if word in table), None)
