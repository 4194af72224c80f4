"""A recipe against itself and against the net: what can be known before a file is opened or a tensor made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import cast

from netspec.diagnostics import Severity
from netspec.dims import Problem
from netspec.recipe.against import Against
from netspec.recipe.base import Named
from netspec.recipe.fit import check_data, check_random
from netspec.recipe.marks import check_marks
from netspec.recipe.measuring import check_figure, check_measured, check_metrics
from netspec.recipe.places import place, value_of
from netspec.recipe.resolved import Draft, NotRead, Recipe
from netspec.recipe.targets import check_losses
from netspec.text.source import ListNode, MapNode, Node
from netspec.validation import Reader
from netspec.writing import flow


def check_recipe(read: Recipe | Draft, node: MapNode, reader: Reader, net: Against | None) -> None:
    """Report what cannot work: values that contradict each other, data or losses that do not fit the net.

    Of a draft each check says what it can: it ends where it asks for what could not be read.

    Args:
        read: as read from `node`.
        node: the `train:` section.
        reader: takes the diagnostics.
        net: the net's side; None where its inputs or outputs are not known.
    """
    recipe = cast("Recipe", read)
    checks: tuple[Callable[[], None], ...] = (
        lambda: _check_part("data", recipe.data, recipe.data.problems(), node, reader),
        lambda: _check_part("optimizer", recipe.optimizer, recipe.optimizer.problems(), node, reader),
        lambda: _check_scheduler(recipe, node, reader),
        lambda: _check_held_out(recipe, node, reader),
        lambda: _check_fold(recipe, node, reader),
        lambda: _check_metric("best", recipe.best, "best", recipe, node, reader),
        lambda: _check_stopping(recipe, node, reader),
        lambda: check_metrics(recipe, node, reader),
        lambda: _check_followed(recipe, node, reader),
        lambda: _check_warmup(recipe, node, reader),
        lambda: _check_checkpoints(recipe, node, reader),
        lambda: _check_steps(recipe, node, reader),
        lambda: _check_dropped(recipe, node, reader),
        lambda: _check_global_batch(recipe, node, reader),
        lambda: _check_sampler(recipe, node, reader),
        lambda: _check_momentum(recipe, node, reader),
        lambda: _check_decay("no_decay", bool(recipe.no_decay), recipe, node, reader),
        lambda: _check_decay("groups", any(g.weight_decay is not None for g in recipe.groups), recipe, node, reader),
        lambda: _check_thawing(recipe, node, reader),
        lambda: check_random(recipe, node, reader),
        lambda: check_marks(recipe, node, reader),
    )
    against: tuple[Callable[[Against], None], ...] = (
        partial(check_data, recipe, node, reader),
        partial(_check_mixing, "mixup", recipe, node, reader),
        partial(_check_mixing, "cutmix", recipe, node, reader),
        partial(check_losses, recipe, node, reader),
        partial(check_measured, recipe, node, reader),
        partial(_check_single, recipe, node, reader),
    )
    for check in (*checks, *(partial(check, net) for check in against if net is not None)):
        with suppress(NotRead):
            check()


def _conflict(reader: Reader, at: Node, message: str, help: str | None = None, severity: Severity = "error") -> None:
    reader.report("recipe-conflict", message, at, help=help, severity=severity)


def _check_part(key: str, part: Named, problems: Sequence[Problem], node: MapNode, reader: Reader) -> None:
    """What the data set, the optimiser or the schedule says of its own arguments."""
    for problem in problems:
        path = (key, part.name()) if problem.at is None else (key, part.name(), problem.at)
        reader.report(problem.code, problem.message, place(node, *path), help=problem.help)


def _check_scheduler(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    if (scheduler := recipe.scheduler) is not None:
        _check_part("scheduler", scheduler, scheduler.problems(), node, reader)


def _check_held_out(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """Validation data come from one place."""
    if recipe.validation > 0 and recipe.data.has_validation:
        _conflict(
            reader,
            place(node, "validation"),
            f"`validation: {recipe.validation}` holds out a share of the training set, but `{recipe.data.name()}` "
            "names validation data of its own",
            "leave out one of the two",
        )


def _check_fold(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """Folds are equal shares of the training set, and the fold is one of them."""
    if recipe.fold == 1:
        return
    if not recipe.validation or recipe.data.next_token:
        why = f"`{recipe.data.name()}` holds out its last part" if recipe.validation else "nothing is held out"
        _conflict(reader, place(node, "fold"), f"`fold: {recipe.fold}` chooses what is held out, but {why}",
                  None if recipe.validation else "add `validation: 0.2`, a fifth of the training set")  # fmt: skip
        return
    count = round(1 / recipe.validation)
    if abs(count * recipe.validation - 1) > 1e-6:
        _conflict(
            reader, place(node, "validation"), f"`validation: {recipe.validation}` does not divide the training set "
            f"into equal folds, of which `fold: {recipe.fold}` could be one", f"write `validation: {1 / count:.6g}`",
        )  # fmt: skip
    elif recipe.fold > count:
        _conflict(reader, place(node, "fold"), f"`fold: {recipe.fold}`, but `validation: {recipe.validation}` makes "
                  f"{count}", f"folds count from 1 to {count}")  # fmt: skip


def _check_stopping(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    if (stopping := recipe.early_stopping) is not None:
        metric = stopping.metric or "validation_loss"
        _check_metric("early_stopping", metric, "early_stopping", recipe, node, reader)


def _check_followed(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    if (scheduler := recipe.scheduler) is not None:
        _check_metric("scheduler", scheduler.metric, scheduler.name(), recipe, node, reader)


def _check_metric(key: str, metric: str | None, what: str, recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """A metric on validation data needs validation data, and an accuracy needs classes."""
    if metric is None:
        return
    if not recipe.validates:
        _conflict(
            reader,
            place(node, key),
            f"`{what}` follows {metric}, but the recipe has no validation data",
            "add `validation: 0.1`, a share of the training set: test data must not choose",
        )
    elif not check_figure(key, metric, what, recipe, node, reader):
        return
    elif metric == "validation_accuracy" and not recipe.has_accuracy:
        _conflict(
            reader,
            place(node, key),
            f"`{what}` follows {metric}, but {_no_accuracy(recipe)}",
            "use `mode: min`" if key == "scheduler" else "use validation_loss",
        )


def _no_accuracy(recipe: Recipe) -> str:
    """Why a run has no accuracy of its own."""
    names = [f"`{item.loss.name()}`" for item in recipe.losses]
    if any(item.loss.target == "classes" for item in recipe.losses):
        return "several losses are of classes: there are several accuracies"
    if len(names) == 1:
        return f"{names[0]} compares values: there is no accuracy"
    return f"none of {', '.join(names)} is of classes: there is no accuracy"


def _check_warmup(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    if (warmup := recipe.warmup) is not None:
        if (warmup.epochs is None) == (warmup.steps is None):
            given = "both" if warmup.epochs is not None else "neither"
            _conflict(reader, place(node, "warmup"), f"`warmup` wants either `epochs` or `steps`, and has {given}")
        elif warmup.epochs is not None and warmup.epochs >= recipe.epochs:
            _conflict(
                reader,
                place(node, "warmup", "epochs"),
                f"the warm-up takes {warmup.epochs} epochs, but the run has only {recipe.epochs}",
                "warm up for fewer epochs than the run has",
            )


def _check_checkpoints(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    if (every := recipe.checkpoint_every) is None:
        return
    given = [f"`{name}: {value}`" for name, value in every if value is not None]
    if len(given) != 1:
        _conflict(
            reader, place(node, "checkpoint_every"), "`checkpoint_every` wants one of `epochs`, `steps` and `minutes`, "
            f"and has {' and '.join(given) or 'none'}", "write one of them, as `checkpoint_every: {minutes: 10}`",
        )  # fmt: skip


def _check_steps(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    scheduler = recipe.scheduler
    if scheduler is not None and scheduler.metric is not None and recipe.schedule_by == "step":
        _conflict(
            reader,
            place(node, "schedule_by"),
            f"`{scheduler.name()}` reads a metric that there is once per epoch, so it cannot count steps",
            "write `schedule_by: epoch`",
        )


def _check_momentum(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    scheduler = recipe.scheduler
    if scheduler is not None and scheduler.cycles_momentum and not recipe.optimizer.has_momentum():
        _conflict(
            reader,
            place(node, "scheduler", scheduler.name()),
            f"`{scheduler.name()}` changes the momentum, but `{recipe.optimizer.name()}` has none",
            "add `cycle_momentum: false`",
        )


def _check_decay(key: str, used: bool, recipe: Recipe, node: MapNode, reader: Reader) -> None:
    if used and not recipe.optimizer.has_decay():
        _conflict(
            reader,
            place(node, key),
            f"`{key}` is about weight decay, but `{recipe.optimizer.name()}` has none",
            "leave it out, or use another optimizer",
        )


def _check_thawing(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """What is frozen for some epochs trains in those that are left."""
    groups = value_of(node, "groups")
    for group, item in zip(recipe.groups, groups.items if isinstance(groups, ListNode) else (), strict=False):
        if group.freeze is None or group.freeze < recipe.epochs or not isinstance(item, MapNode):
            continue
        forever = f"write `freeze: {flow(list(group.parameters))}` beside `groups`"
        _conflict(
            reader, place(item, "freeze"), f"`freeze: {group.freeze}` freezes the group in all of "
            f"`epochs: {recipe.epochs}`, so it never trains",
            f"write `freeze: {recipe.epochs - 1}` or less; or {forever}" if recipe.epochs > 1 else forever,
        )  # fmt: skip


def _check_mixing(key: str, recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """`mixup` or `cutmix` against the net's input, the losses and the batch."""
    input = net.ends.inputs[0].type
    if input is None or getattr(recipe, key) == 0:
        return
    plain = (recipe.losses[0].target is None or recipe.data.next_token) and recipe.losses[0].loss.target != "nothing"
    if len(net.ends.inputs) > 1 or len(recipe.losses) > 1 or not plain:
        _conflict(
            reader,
            place(node, key),
            f"`{key}` mixes the one input of an example and its one target, but this recipe has "
            f"{len(net.ends.inputs)} inputs and {len(recipe.losses)} losses",
            "leave it out",
        )
        return
    if key == "cutmix" and len(input.shape) != 3:
        _conflict(
            reader,
            place(node, "cutmix"),
            f"`cutmix` pastes a rectangle of one image into another, but the net's input has {len(input.shape)} "
            f"{'axis' if len(input.shape) == 1 else 'axes'}",
            "`mixup` works on any input",
        )
    if input.dtype == "int64":
        _conflict(reader, place(node, key), f"`{key}` averages inputs, but those of this net are int64")
    if recipe.batch_size == 1:
        _conflict(
            reader, place(node, key), f"`{key}` mixes the examples of a batch, but a batch has only one",
            "raise `batch_size`",
        )  # fmt: skip


def _check_single(recipe: Recipe, node: MapNode, reader: Reader, net: Against) -> None:
    """What normalises over the batch cannot train on one value per channel: warn where a batch of one occurs."""
    norm = next((layer.__name__ for layer in net.layers if layer.over_batch), None)
    if norm is None:
        return
    if recipe.batch_size == 1:
        message, mend = f"`batch_size: 1`, but `{norm}` normalises over the batch", "choose another `batch_size`"
    elif (count := _trained_on(recipe)) is not None:
        if recipe.drop_last or count % recipe.batch_size != 1:
            return
        whole = f"{count} = {count // recipe.batch_size} × {recipe.batch_size} + 1"
        message = f"the last batch of an epoch has one example ({whole}), but `{norm}` normalises over the batch"
        mend = "write `drop_last: true`, or choose another `batch_size`"
    else:
        return
    reader.report(
        "batch-of-one",
        message,
        place(node, "batch_size"),
        severity="warning",
        help=f"where such a layer sees 1 × 1 pixels, torch stops with an error; {mend}",
    )


def _trained_on(recipe: Recipe) -> int | None:
    """How many examples there are to train on, the share for validation left out; None where only the files tell."""
    count = recipe.data.facts().train
    if count is None or recipe.validation == 0:
        return count
    return count - min(max(round(recipe.validation * count), 1), count - 1)


def _check_global_batch(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """A step is a whole number of batches, and that which `accumulate` says if it says one."""
    if (whole := recipe.global_batch) is None:
        return
    size, at = recipe.batch_size, place(node, "global_batch")
    if whole % size:
        count = max(round(whole / size), 1)
        best = max(n for n in range(1, min(size, whole) + 1) if whole % n == 0)
        _conflict(
            reader, at, f"`global_batch: {whole}` is no whole number of batches: {whole} = {whole // size} × "
            f"`batch_size: {size}` + {whole % size}", f"write `batch_size: {best}`, or `global_batch: {count * size}`",
        )  # fmt: skip
    elif recipe.accumulate * size != whole:
        _conflict(
            reader, at, f"`global_batch: {whole}` is {whole // size} × `batch_size: {size}`, but `accumulate` says "
            f"{recipe.accumulate}", "leave out one of the two",
        )  # fmt: skip


def _check_sampler(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """What is drawn by its class has one, and is not weighed by it a second time."""
    if recipe.sampler is None:
        return
    at, said = place(node, "sampler"), f"`sampler: {recipe.sampler}` draws examples by their class, but"
    of_classes = [item for item in recipe.losses if item.loss.target == "classes"]
    if recipe.data.next_token:
        _conflict(reader, at, f"{said} those of `{recipe.data.name()}` are pieces of a text", "leave it out")
    elif len(of_classes) != 1:
        names = ", ".join(f"`{item.loss.name()}`" for item in of_classes or recipe.losses)
        why = f"several losses are of classes: {names}" if of_classes else f"{names} wants no class for a target"
        _conflict(reader, at, f"{said} {why}", "leave it out, and write factors into the losses" if of_classes
                  else "leave it out; classes are the targets of `CrossEntropyLoss`")  # fmt: skip
    elif of_classes[0].loss.balances:
        _conflict(
            reader, at, f"{said} `weight: balanced` of `{of_classes[0].loss.name()}` weighs them by it too: a class "
            "with few examples counts twice as it should", "leave out one of the two", severity="warning",
        )  # fmt: skip


def _check_dropped(recipe: Recipe, node: MapNode, reader: Reader) -> None:
    """An epoch whose only batch is dropped trains nothing."""
    if recipe.drop_last and (count := _trained_on(recipe)) is not None and count < recipe.batch_size:
        _conflict(
            reader,
            place(node, "drop_last"),
            f"`drop_last` leaves no batch: there are {count} examples to train on, fewer than "
            f"`batch_size: {recipe.batch_size}`",
            f"make `batch_size` at most {count}, or leave `drop_last` out",
        )
