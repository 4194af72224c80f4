"""What people bring to a recipe from other libraries: keys and names, each with what to write here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from netspec.recipe.unoffered import UNOFFERED

UNCALLED: Final = "a transform's arguments are a mapping, as in `[Normalize: {mean: [0.5], std: [0.5]}]`"
_OPTION: Final = "a recipe does not depend on the machine: "
_ON_STOPPING: Final = "it belongs to `early_stopping`, as in `early_stopping: {patience: 5}`"
_ON_SCHEDULE: Final = "it belongs to the scheduler, as in `scheduler: {StepLR: {step_size: 30, gamma: 0.1}}`"
_PRECISION: Final = "write `precision: bf16`"

KEYS: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("lr", "learning_rate", "momentum", "weight_decay", "betas", "nesterov", "eps"),
        "it belongs to the optimizer, as in `optimizer: {SGD: {lr: 0.1}}`",
    ),
    "weight_decay": "it belongs to the optimizer, as in `optimizer: {AdamW: {weight_decay: 0.01}}`",
    "label_smoothing": "it belongs to the loss, as in `loss: {CrossEntropyLoss: {label_smoothing: 0.1}}`",
    **dict.fromkeys(("class_weight", "class_weights"), "it belongs to the loss, as in "
                    "`loss: {CrossEntropyLoss: {weight: [1.0, 2.0]}}`, or `weight: balanced`"),
    **dict.fromkeys(("weighted_sampler", "oversample", "oversampling", "class_balanced", "balance", "balanced"),
                    "write `sampler: balanced`, which draws every class as often as any other"),
    **dict.fromkeys(("save_steps", "checkpoint_steps", "every_n_train_steps"),
                    "write `checkpoint_every: {steps: 500}`"),
    **dict.fromkeys(("save_minutes", "checkpoint_minutes", "train_time_interval"),
                    "write `checkpoint_every: {minutes: 10}`"),
    **dict.fromkeys(("patience", "min_delta", "monitor"), _ON_STOPPING),
    **dict.fromkeys(("step_size", "gamma", "milestones", "T_max", "eta_min", "max_lr"), _ON_SCHEDULE),
    **dict.fromkeys(("device", "devices", "gpu", "gpus", "cuda", "accelerator"),
                    _OPTION + "`netspec train --device cuda`"),
    **dict.fromkeys(("num_workers", "workers", "n_workers"), _OPTION + "`netspec train --workers 8`"),
    **dict.fromkeys(
        ("pin_memory", "prefetch_factor", "persistent_workers", "prefetch"),
        "leave it out: the trainer moves the data by itself, and `netspec train --workers 8` says how many processes "
        "decode images",
    ),
    "shuffle": "leave it out: training data are always shuffled, anew in every epoch, in an order that `seed` draws",
    "callbacks": "a recipe holds no code; what callbacks do are keys: `early_stopping`, `checkpoint_every`, `best`, "
    "`scheduler`, `ema`",
    **dict.fromkeys(("amp", "mixed_precision", "fp16", "bf16", "use_amp", "half"), _PRECISION),
    **dict.fromkeys(("model", "net", "network"), "the net is what stands under `input` and `layers`"),
    **dict.fromkeys(("num_classes", "n_classes", "classes"), "the net's last layer says how many scores it gives"),
    **dict.fromkeys(
        ("steps", "max_steps", "iterations", "num_steps", "steps_per_epoch"),
        "a recipe counts `epochs`; `netspec train --max-steps 1000` stops earlier, with a checkpoint",
    ),
    **dict.fromkeys(
        ("val_data", "validation_data", "val_dataset", "test_data", "test", "train"),
        "the parts belong to the data, as in `data: {folder: {path: images, validation: val}}`; `validation: 0.1` "
        "holds out a share of the training set",
    ),
    **dict.fromkeys(
        ("save_dir", "output_dir", "log_dir", "checkpoint_dir", "output", "run_dir"),
        "where a run is written is an option: `netspec train --run DIR`",
    ),
    **dict.fromkeys(
        ("data_dir", "data_root", "root", "download"), "where data sets lie is an option: `netspec train --data DIR`"
    ),
    **dict.fromkeys(
        ("weights", "pretrained", "checkpoint", "init_from"),
        "the weights to start from are an option: `netspec train --weights FILE`",
    ),
    "resume": "going on with a run is an option: `netspec train --resume RUN`",
    **dict.fromkeys(
        ("compile", "channels_last", "deterministic"), _OPTION + "`netspec train --help` lists its options"
    ),
    **dict.fromkeys(
        ("verbose", "log_every", "logger", "logging", "log_interval", "tensorboard"),
        "leave it out: every epoch is recorded; `netspec train` has `--quiet` and `--tensorboard`",
    ),
}  # fmt: skip
"""Words that people bring from elsewhere and that are no keys, each with what to write."""

_WORDS: Final[dict[str, dict[str, str]]] = {
    "data set": {
        **dict.fromkeys(("imagefolder", "images", "image_folder", "directory", "dir", "path"), "folder"),
        **dict.fromkeys(("tensordataset", "tensor", "safetensors", "array", "numpy", "npz"), "tensors"),
        **dict.fromkeys(("masks", "segmentation", "vocsegmentation", "image_mask", "imagemask"), "pairs"),
        **dict.fromkeys(("csv", "tsv", "parquet", "pandas", "dataframe", "tabular", "excel", "xlsx"), "table"),
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
        **dict.fromkeys(("focal", "focal_loss", "categorical_focal_crossentropy"), "FocalLoss"),
        **dict.fromkeys(
            ("sigmoid_focal_loss", "binary_focal_crossentropy", "binaryfocalcrossentropy"), "SigmoidFocalLoss"
        ),
        "hinge": "MultiMarginLoss", "poisson": "PoissonNLLLoss",
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
        **dict.fromkeys(("none", "off", "constant"), "leave `scheduler` out: the learning rate then stays as it is"),
        "step": "StepLR", "multistep": "MultiStepLR", "exponential": "ExponentialLR", "exp": "ExponentialLR",
        "poly": "PolynomialLR", "polynomial": "PolynomialLR", "linear": "LinearLR", "onecycle": "OneCycleLR",
        "one_cycle": "OneCycleLR", "cyclic": "CyclicLR", "cosinerestarts": "CosineAnnealingWarmRestarts",
    },
    "metric": {
        **dict.fromkeys(
            ("accuracy", "acc", "categorical_accuracy"),
            "of labels it is `Accuracy`; where a loss is of classes it is always recorded, so leave it out",
        ),
        **dict.fromkeys(("topk", "top_k", "top5", "top-5", "topkaccuracy"), "Accuracy"),
        **dict.fromkeys(("f1", "f1-score", "f1_score", "dice", "dicescore", "dice_coefficient", "macro_f1"), "F1Score"),
        **dict.fromkeys(("iou", "miou", "mean_iou", "meaniou", "jaccard", "jaccard_score"), "JaccardIndex"),
        **dict.fromkeys(("auc", "roc_auc", "rocauc", "roc_auc_score", "auroc_score"), "AUROC"),
        **dict.fromkeys(("map", "pr_auc", "average_precision", "average_precision_score", "auprc"), "AveragePrecision"),
        **dict.fromkeys(("mcc", "matthews", "matthews_corrcoef"), "MatthewsCorrCoef"),
        **dict.fromkeys(("kappa", "cohen_kappa", "qwk", "cohen_kappa_score"), "CohenKappa"),
        **dict.fromkeys(("ece", "calibration"), "CalibrationError"),
        **dict.fromkeys(("sensitivity", "balanced_accuracy", "uar"), "Recall"),
        "subset_accuracy": "ExactMatch",
        **dict.fromkeys(("mae", "l1", "mean_absolute_error"), "MeanAbsoluteError"),
        **dict.fromkeys(("mse", "l2", "mean_squared_error"), "MeanSquaredError"),
        **dict.fromkeys(("rmse", "root_mean_squared_error"), "the root of the mean square is "
                        "`MeanSquaredError: {squared: false}`"),
        **dict.fromkeys(("mape", "mean_absolute_percentage_error"), "MeanAbsolutePercentageError"),
        **dict.fromkeys(("r2", "r2_score", "rsquared", "r_squared"), "R2Score"),
        **dict.fromkeys(("pearson", "pearsonr", "correlation"), "PearsonCorrCoef"),
        **dict.fromkeys(("spearman", "spearmanr"), "SpearmanCorrCoef"),
        **dict.fromkeys(("perplexity", "ppl"), "leave it out: a `text` always records it"),
        **dict.fromkeys(("loss", "accuracy_and_loss"), "leave it out: the loss is always recorded"),
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
        **dict.fromkeys(("trivialaugment", "trivial_augment"), "TrivialAugmentWide"),
        **dict.fromkeys(("rand_augment", "randaug"), "RandAugment"),
        **dict.fromkeys(("auto_augment", "autoaug"), "AutoAugment"),
        **dict.fromkeys(("topiltensor", "tofloat", "rescale"), UNOFFERED["transform"]["ToTensor"]),
    },
}  # fmt: skip

NAMES: Final[Mapping[str, Mapping[str, str]]] = {
    kind: {**{name.lower(): why for name, why in UNOFFERED.get(kind, {}).items()}, **words}
    for kind, words in _WORDS.items()
}
"""Names that other libraries use, in lower case, by kind of thing: each with the name here, or with what to do."""
