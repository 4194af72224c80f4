"""The nodes under `train:` → `Recipe`, or diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from netspec.arguments import Count, Natural, NonNegative, Positive
from netspec.diagnostics import Edit, Fix, did_you_mean
from netspec.recipe import tables
from netspec.recipe.base import Metric, Named, Precision, Recipe
from netspec.recipe.fields import Share
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.text.traps import Trap, flow_trap
from netspec.validation import FAILED, Reader, meant_call

REQUIRED: Final = ("data", "loss", "optimizer", "batch_size", "epochs")

PLAIN: Final[Mapping[str, Any]] = {
    "batch_size": Count,
    "epochs": Count,
    "validation": Share,
    "schedule_by": Literal["epoch", "step"],
    "clip_grad_norm": Positive,
    "clip_grad_value": Positive,
    "accumulate": Count,
    "mixup": NonNegative,
    "cutmix": NonNegative,
    "aux_weight": NonNegative,
    "best": Metric,
    "seed": Natural,
    "precision": Precision,
    "checkpoint_every": Count,
    "checkpoint_keep": Count,
}
"""Keys with one value, and its type."""

CALLS: Final[Mapping[str, tuple[str, dict[str, str], Callable[[str], type[Named]]]]] = {
    "data": ("data set", tables.DATA_SETS, tables.data_set),
    "loss": ("loss", tables.LOSSES, tables.loss),
    "optimizer": ("optimizer", tables.OPTIMIZERS, tables.optimizer),
    "scheduler": ("scheduler", tables.SCHEDULERS, tables.scheduler),
}
"""Keys that name one thing with its arguments."""

LISTS: Final = ("transforms", "augment")
PATTERNS: Final = ("no_decay", "freeze")

KEYS: Final = (*CALLS, *PLAIN, *tables.SETTINGS, *LISTS, *PATTERNS, "groups")
"""Every key of a recipe."""

_UNCALLED: Final = "a transform's arguments are a mapping, as in `[Normalize: {mean: [0.5], std: [0.5]}]`"
_OPTION: Final = "a recipe does not depend on the machine: "
_ON_STOPPING: Final = "it belongs to `early_stopping`, as in `early_stopping: {patience: 5}`"
_ON_SCHEDULE: Final = "it belongs to the scheduler, as in `scheduler: {StepLR: {step_size: 30, gamma: 0.1}}`"
_PRECISION: Final = "write `precision: bf16`"

_ELSEWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("lr", "learning_rate", "momentum", "weight_decay", "betas", "nesterov", "eps"),
        "it belongs to the optimizer, as in `optimizer: {SGD: {lr: 0.1}}`",
    ),
    "weight_decay": "it belongs to the optimizer, as in `optimizer: {AdamW: {weight_decay: 0.01}}`",
    "label_smoothing": "it belongs to the loss, as in `loss: {CrossEntropyLoss: {label_smoothing: 0.1}}`",
    **dict.fromkeys(("class_weight", "class_weights"), "it belongs to the loss, as in "
                    "`loss: {CrossEntropyLoss: {weight: [1.0, 2.0]}}`"),
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
    "drop_last": "leave it out: no example is dropped, and the last batch of an epoch holds what is left over",
    **dict.fromkeys(
        ("metrics", "metric"),
        "leave it out: the loss and, for classes, the accuracy are always recorded; `best: validation_accuracy` says "
        "which of them chooses the best checkpoint",
    ),
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

_RENAMED: Final[Mapping[str, str]] = {
    **dict.fromkeys(("criterion", "loss_fn", "loss_function", "objective", "cost"), "loss"),
    **dict.fromkeys(("lr_scheduler", "lr_schedule", "schedule", "lr_policy"), "scheduler"),
    **dict.fromkeys(("dataset", "data_set", "train_data", "train_dataset"), "data"),
    **dict.fromkeys(("optim", "opt", "optimiser", "solver"), "optimizer"),
    **dict.fromkeys(("num_epochs", "max_epochs", "n_epochs", "epoch"), "epochs"),
    **dict.fromkeys(("batch", "bs", "batchsize", "train_batch_size", "minibatch"), "batch_size"),
    **dict.fromkeys(("val_split", "validation_split", "val", "valid", "val_fraction", "holdout"), "validation"),
    **dict.fromkeys(("augmentation", "augmentations", "train_transforms", "train_transform"), "augment"),
    **dict.fromkeys(("transform", "preprocess", "preprocessing"), "transforms"),
    **dict.fromkeys(("random_seed", "manual_seed", "random_state"), "seed"),
    **dict.fromkeys(
        ("grad_clip", "clip_grad", "gradient_clipping", "max_grad_norm", "gradient_clip_val", "grad_clip_norm",
         "clip_norm", "clip"),
        "clip_grad_norm",
    ),
    **dict.fromkeys(
        ("accumulation_steps", "gradient_accumulation_steps", "accumulate_grad_batches", "grad_accum", "accumulation"),
        "accumulate",
    ),
    **dict.fromkeys(("warmup_epochs", "lr_warmup", "warm_up"), "warmup"),
    **dict.fromkeys(("early_stop", "earlystopping", "stopping"), "early_stopping"),
    **dict.fromkeys(("param_groups", "parameter_groups", "params"), "groups"),
    **dict.fromkeys(("save_every", "checkpoint_interval", "save_freq", "checkpoints"), "checkpoint_every"),
    **dict.fromkeys(("keep_checkpoints", "save_total_limit", "save_top_k"), "checkpoint_keep"),
    **dict.fromkeys(("frozen", "freeze_layers"), "freeze"),
    **dict.fromkeys(("model_ema", "ema_decay", "polyak"), "ema"),
    **dict.fromkeys(("mixup_alpha", "mix_up"), "mixup"),
    **dict.fromkeys(("cutmix_alpha", "cut_mix"), "cutmix"),
}  # fmt: skip
"""Keys under the names that other trainers give them."""


def read_recipe(node: MapNode, reader: Reader) -> Recipe | None:
    """The recipe that a `train:` section describes, every default filled in.

    Returns:
        None where a mistake leaves no recipe; every independent one has been reported. Whether the recipe suits the
        net is `check_recipe`'s question.
    """
    reader.plain = True
    values: dict[str, Any] = {}
    meant: set[str | None] = set()
    whole = True
    for key, value in node.entries:
        if key.text not in KEYS:
            meant.add(_unknown(key, node, reader))
            whole = False
        elif isinstance(value, ScalarNode) and value.value is None:
            continue  # null is the default
        else:
            read = _read(key, value, reader)
            whole = whole and read is not FAILED
            values[key.text] = read
    for name in REQUIRED:
        if name not in values and name not in meant:
            reader.report("missing-key", f"the recipe has no `{name}`", _head(node), help=_example(name))
            whole = False
    return _resolved(values) if whole else None


def _resolved(values: dict[str, Any]) -> Recipe:
    """Fill in the defaults that depend on other values."""
    draft = Recipe(**values)
    if draft.validates and draft.best is None:
        values["best"] = "validation_accuracy" if draft.loss.target == "classes" else "validation_loss"
    if draft.scheduler is not None:
        values.setdefault("schedule_by", draft.scheduler.interval)
    stopping = draft.early_stopping
    if stopping is not None and stopping.metric is None and "best" in values:
        values["early_stopping"] = stopping.model_copy(update={"metric": values["best"]})
    return Recipe(**values)


def _read(key: ScalarNode, node: Node, reader: Reader) -> Any:
    """The value of one key; FAILED once reported."""
    name = key.text
    if name in PLAIN:
        return reader.scalar(node, PLAIN[name], name=name)
    if name in CALLS:
        kind, table, load = CALLS[name]
        return _or_failed(reader.call(node, table, load, kind=kind, elsewhere=tables.ELSEWHERE[kind]))
    if name in tables.SETTINGS:
        return _or_failed(reader.arguments(tables.setting(name), node, name=name, at=key))
    if name in PATTERNS:
        return _patterns(name, node, reader)
    if not isinstance(node, ListNode):
        one = node.text if isinstance(node, ScalarNode) and "(" not in node.text else "Resize: 224"
        example = f"[{one}]" if name in LISTS else "[{parameters: [bias], lr: 0.1}]"
        reader.report("wrong-form", f"`{name}` is a list", node, help=f"for example `{name}: {example}`")
        return FAILED
    if name == "groups":
        group = tables.setting("groups")
        read = [reader.arguments(group, item, name="groups", at=item) for item in node.items]
    else:
        if (trap := flow_trap(reader.source, node)) is not None:  # `[Normalize(0.5, 0.5)]` comes apart at its comma
            _torn(trap, reader)
            return FAILED
        table, load, elsewhere = tables.TRANSFORMS, tables.transform, tables.ELSEWHERE["transform"]
        read = [reader.call(item, table, load, kind="transform", elsewhere=elsewhere) for item in node.items]
    return FAILED if any(item is None for item in read) else tuple(read)


def _torn(trap: Trap, reader: Reader) -> None:
    """Report a call in Python's form that YAML took apart at its comma, with the mapping that it means."""
    text = trap.fix.edits[0].text[1:-1] if trap.fix is not None else ""
    _, whole = meant_call(text, tables.TRANSFORMS, tables.transform, tables.ELSEWHERE["transform"])
    fix = None if whole is None else Fix(f"write `{whole}`", (Edit(trap.span, whole),))
    message = f"YAML splits `{text}` at its comma: a transform's arguments are a mapping"
    reader.report(trap.code, message, trap.span, help=_UNCALLED if whole is None else f"write `{whole}`", fix=fix)


def _or_failed(value: Any) -> Any:
    return FAILED if value is None else value


def _patterns(name: str, node: Node, reader: Reader) -> Any:
    """One pattern of parameter names, or a list of them."""
    items = node.items if isinstance(node, ListNode) else [node]
    read = tuple(reader.scalar(item, str, name=name) for item in items)
    return FAILED if any(item is FAILED for item in read) else read


def _unknown(key: ScalarNode, node: MapNode, reader: Reader) -> str | None:
    """Report an unknown key; the key that was probably meant."""
    name = key.text
    near = _RENAMED.get(name.lower()) or did_you_mean(name, KEYS)
    if name in _ELSEWHERE:
        help_ = _ELSEWHERE[name]
    elif near:
        help_ = f"did you mean `{near}`?"
    else:
        help_ = f"its keys are {', '.join(f'`{k}`' for k in KEYS)}"
    free = near is not None and name not in _ELSEWHERE and node.get(near) is None
    fix = reader.replace(f"write `{near}`", key, near) if near is not None and free else None
    reader.report("unknown-key", f"a recipe has no `{name}`", key, help=help_, fix=fix)
    return None if name in _ELSEWHERE else near


def _head(node: MapNode) -> Node:
    return node.entries[0][0] if node.entries else node


def _example(name: str) -> str:
    return {
        "data": "for example `data: {FashionMNIST: {}}`",
        "loss": "for example `loss: CrossEntropyLoss`",
        "optimizer": "for example `optimizer: {SGD: {lr: 0.1}}`",
        "batch_size": "for example `batch_size: 128`",
        "epochs": "for example `epochs: 10`",
    }[name]
