"""The nodes under `train:` → `Recipe`, or diagnostics."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Any, Final, cast

from netspec.arguments import COUNT, NATURAL, NON_NEGATIVE, POSITIVE
from netspec.diagnostics import Edit, Fix, did_you_mean, is_misspelt
from netspec.kinds import TEXT, FieldKind, kind_of
from netspec.meant import meant_call
from netspec.recipe import aliases, tables
from netspec.recipe.base import Interval, Named, Precision, Sampler
from netspec.recipe.fields import FACTOR, FIGURE, SHARE
from netspec.recipe.items import read_losses, read_metrics
from netspec.recipe.resolved import Draft, NotRead, Recipe, best_metric
from netspec.recipe.terms import LossItem
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.text.traps import Trap, flow_trap
from netspec.validation import FAILED, Reader

REQUIRED: Final = ("data", "loss", "optimizer", "batch_size", "epochs")

PLAIN: Final[Mapping[str, FieldKind]] = {
    "batch_size": COUNT,
    "drop_last": kind_of(bool),
    "sampler": kind_of(Sampler),
    "epochs": COUNT,
    "validation": SHARE,
    "fold": COUNT,
    "schedule_by": kind_of(Interval),
    "layer_decay": FACTOR,
    "clip_grad_norm": POSITIVE,
    "clip_grad_value": POSITIVE,
    "accumulate": COUNT,
    "global_batch": COUNT,
    "mixup": NON_NEGATIVE,
    "cutmix": NON_NEGATIVE,
    "aux_weight": NON_NEGATIVE,
    "best": FIGURE,
    "seed": NATURAL,
    "precision": kind_of(Precision),
    "checkpoint_keep": COUNT,
}
"""Keys with one value, and its kind."""

LISTS: Final = ("transforms", "augment")
PATTERNS: Final = ("no_decay", "freeze")

KEYS: Final = (*tables.CALLS, *PLAIN, *tables.SETTINGS, *LISTS, *PATTERNS, "groups")
"""Every key of a recipe."""

RENAMED: Final[Mapping[str, str]] = {
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
    **dict.fromkeys(
        ("global_batch_size", "effective_batch_size", "total_batch_size", "effective_batch"), "global_batch"
    ),
    **dict.fromkeys(("warmup_epochs", "lr_warmup", "warm_up"), "warmup"),
    **dict.fromkeys(("early_stop", "earlystopping", "stopping"), "early_stopping"),
    **dict.fromkeys(("drop_remainder", "dataloader_drop_last"), "drop_last"),
    **dict.fromkeys(("layerwise_lr_decay", "layer_wise_lr_decay", "lr_layer_decay", "llrd"), "layer_decay"),
    **dict.fromkeys(("param_groups", "parameter_groups", "params"), "groups"),
    **dict.fromkeys(("save_every", "checkpoint_interval", "save_freq", "checkpoints"), "checkpoint_every"),
    **dict.fromkeys(("keep_checkpoints", "save_total_limit", "save_top_k"), "checkpoint_keep"),
    **dict.fromkeys(("frozen", "freeze_layers"), "freeze"),
    **dict.fromkeys(("model_ema", "ema_decay", "polyak"), "ema"),
    **dict.fromkeys(("mixup_alpha", "mix_up"), "mixup"),
    **dict.fromkeys(("cutmix_alpha", "cut_mix"), "cutmix"),
    **dict.fromkeys(("metric", "eval_metrics", "scores"), "metrics"),
}  # fmt: skip
"""Keys under the names that other trainers give them."""


def read_recipe(
    node: MapNode, reader: Reader, outputs: Collection[str] = (), known: tables.Tables = tables.OWN
) -> Recipe | Draft:
    """The recipe that a `train:` section describes, every default filled in. `reader` is a plain one,
    `outputs` are the names that the spec gives the outputs of its net, and `known` what it may name.

    Returns:
        A draft where a mistake leaves no recipe; every independent one has been reported. Whether the recipe suits the
        net, as far as it was read, is `check_recipe`'s question.
    """
    values: dict[str, Any] = {}
    unread: set[str] = set()
    losses: tuple[tuple[int, LossItem], ...] = ()
    whole = True
    for key, value in node.entries:
        if key.text not in KEYS:
            whole = False
            if (meant := _unknown(key, node, reader)) is not None and node.get(meant) is None:
                unread.add(meant)
        elif isinstance(value, ScalarNode) and value.value is None:
            continue  # null is the default
        else:
            if key.text == "loss":
                read, losses = read_losses(value, reader, outputs, known.calls[key.text])
            elif key.text == "metrics":
                read = read_metrics(value, reader, known.calls[key.text])
            else:
                read = _read(key, value, reader, known)
            if read is FAILED:
                unread.add(key.text)
            else:
                values[key.text] = read
    missing = [name for name in REQUIRED if name not in values and name not in unread]
    if missing:
        from netspec.recipe.examples import VALUES  # imported here: most recipes lack nothing

        said = " and no ".join(filter(None, (", no ".join(f"`{n}`" for n in missing[:-1]), f"`{missing[-1]}`")))
        examples = " and ".join(f"`{name}: {VALUES[name]}`" for name in missing)
        reader.report("missing-key", f"the recipe has no {said}", _head(node), help=f"for example {examples}")
        unread.update(missing)
    if whole and not unread:
        _fill_in(Recipe(**values), values, unread)
        return Recipe(**values)
    _fill_in(cast("Recipe", Draft(values, unread, losses)), values, unread)
    return Draft(values, unread, losses)


def _fill_in(draft: Recipe, values: dict[str, Any], unread: set[str]) -> None:
    """Fill in the defaults that depend on other values; one that depends on what was not read is not read itself."""
    try:
        if draft.validates and draft.best is None:
            values["best"] = best_metric(draft)
    except NotRead:
        unread.add("best")
    with suppress(NotRead):
        if draft.scheduler is not None and "schedule_by" not in unread:
            values.setdefault("schedule_by", draft.scheduler.interval)
    with suppress(NotRead):
        if draft.global_batch is not None and draft.global_batch % draft.batch_size == 0:
            values.setdefault("accumulate", draft.global_batch // draft.batch_size)
    with suppress(NotRead):
        stopping = draft.early_stopping
        if stopping is not None and stopping.metric is None and "best" in values:
            values["early_stopping"] = stopping.model_copy(update={"metric": values["best"]})


def _read(key: ScalarNode, node: Node, reader: Reader, known: tables.Tables) -> Any:
    """The value of one key; FAILED once reported."""
    name = key.text
    if name in PLAIN:
        return reader.scalar(node, PLAIN[name], name=name)
    if name in known.calls:
        return _or_failed(_call(node, known.calls[name], reader))
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
            _torn(trap, reader, known.transform)
            return FAILED
        read = [_call(item, known.transform, reader) for item in node.items]
    return FAILED if any(item is None for item in read) else tuple(read)


def _call(node: Node, kind: tables.Kind, reader: Reader) -> Named | None:
    """One thing of a kind with its arguments; None once reported."""
    names = aliases.NAMES[kind.word]
    return reader.call(
        node, kind.names, kind.load, kind=kind.word, unknown=kind.unknown, elsewhere=names, missing=kind.missing
    )


def _torn(trap: Trap, reader: Reader, kind: tables.Kind) -> None:
    """Report a call in Python's form that YAML took apart at its comma, with the mapping that it means."""
    whole = meant_call(trap.torn, kind.names, kind.load, aliases.NAMES[kind.word]).whole
    fix = None if whole is None else Fix(f"write `{whole}`", (Edit(trap.span, whole),))
    message = f"YAML splits `{trap.torn}` at its comma: a transform's arguments are a mapping"
    reader.report(
        trap.code, message, trap.span, help=aliases.UNCALLED if whole is None else f"write `{whole}`", fix=fix
    )


def _or_failed(value: Any) -> Any:
    return FAILED if value is None else value


def _patterns(name: str, node: Node, reader: Reader) -> Any:
    """One pattern of parameter names, or a list of them."""
    items = node.items if isinstance(node, ListNode) else [node]
    read = tuple(reader.scalar(item, TEXT, name=name) for item in items)
    return FAILED if any(item is FAILED for item in read) else read


def _unknown(key: ScalarNode, node: MapNode, reader: Reader) -> str | None:
    """Report an unknown key; the key that was probably meant."""
    name = key.text
    alike = did_you_mean(name, KEYS)
    near = RENAMED.get(name.lower()) or (alike if alike is not None and is_misspelt(name, alike) else None)
    if name in aliases.KEYS:
        help_ = aliases.KEYS[name]
    elif near:
        help_ = f"did you mean `{near}`?"
    else:
        help_ = f"its keys are {', '.join(f'`{k}`' for k in KEYS)}"
    free = near is not None and name not in aliases.KEYS and node.get(near) is None
    fix = reader.replace(f"write `{near}`", key, near) if near is not None and free else None
    reader.report("unknown-key", f"a recipe has no `{name}`", key, help=help_, fix=fix)
    return None if name in aliases.KEYS else near


def _head(node: MapNode) -> Node:
    return node.entries[0][0] if node.entries else node
