"""The nodes under `train:` → `Recipe`, or diagnostics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from netspec.arguments import Count, Natural, NonNegative, Positive
from netspec.diagnostics import did_you_mean
from netspec.recipe import tables
from netspec.recipe.base import Metric, Named, Precision, Recipe
from netspec.recipe.fields import Share
from netspec.text.source import ListNode, MapNode, Node, ScalarNode
from netspec.validation import FAILED, Reader

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

_ELSEWHERE: Final = {
    **dict.fromkeys(
        ("lr", "learning_rate", "momentum", "weight_decay", "betas"),
        "it belongs to the optimizer, as in `optimizer: {SGD: {lr: 0.1}}`",
    ),
    "label_smoothing": "it belongs to the loss, as in `loss: {CrossEntropyLoss: {label_smoothing: 0.1}}`",
    "patience": "it belongs to `early_stopping`, as in `early_stopping: {patience: 5}`",
    "device": "a recipe does not depend on the machine: `netspec train --device cuda`",
    "amp": "write `precision: bf16`",
}


def read_recipe(node: MapNode, reader: Reader) -> Recipe | None:
    """The recipe that a `train:` section describes, every default filled in.

    Returns:
        None where a mistake leaves no recipe; every independent one has been reported. Whether the recipe suits the
        net is `check_recipe`'s question.
    """
    values: dict[str, Any] = {}
    meant: set[str | None] = set()
    whole = True
    for key, value in node.entries:
        if key.text not in KEYS:
            meant.add(_unknown(key, reader))
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
        return _or_failed(reader.call(node, table, load, kind=kind))
    if name in tables.SETTINGS:
        return _or_failed(reader.arguments(tables.setting(name), node, name=name, at=key))
    if name in PATTERNS:
        return _patterns(name, node, reader)
    if not isinstance(node, ListNode):
        example = "[Resize: 224]" if name in LISTS else "[{parameters: [bias], lr: 0.1}]"
        reader.report("wrong-form", f"`{name}` is a list", node, help=f"for example `{name}: {example}`")
        return FAILED
    if name == "groups":
        group = tables.setting("groups")
        read = [reader.arguments(group, item, name="groups", at=item) for item in node.items]
    else:
        read = [reader.call(item, tables.TRANSFORMS, tables.transform, kind="transform") for item in node.items]
    return FAILED if any(item is None for item in read) else tuple(read)


def _or_failed(value: Any) -> Any:
    return FAILED if value is None else value


def _patterns(name: str, node: Node, reader: Reader) -> Any:
    """One pattern of parameter names, or a list of them."""
    items = node.items if isinstance(node, ListNode) else [node]
    read = tuple(reader.scalar(item, str, name=name) for item in items)
    return FAILED if any(item is FAILED for item in read) else read


def _unknown(key: ScalarNode, reader: Reader) -> str | None:
    """Report an unknown key; the key that was probably meant."""
    name = key.text
    near = did_you_mean(name, KEYS)
    if name in _ELSEWHERE:
        help_ = _ELSEWHERE[name]
    elif near:
        help_ = f"did you mean `{near}`?"
    else:
        help_ = f"its keys are {', '.join(f'`{k}`' for k in KEYS)}"
    fix = reader.replace(f"write `{near}`", key, near) if near and name not in _ELSEWHERE else None
    reader.report("unknown-key", f"a recipe has no `{name}`", key, help=help_, fix=fix)
    return near


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
