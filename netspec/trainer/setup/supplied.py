"""What a program gives a run in place of what a recipe names: data, a loss, metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.recipe.datasets.given import Given as GivenSet
from netspec.recipe.losses.function import Function
from netspec.recipe.resolved import Recipe, best_metric
from netspec.trainer.data.supplied import GivenData, given_data
from netspec.trainer.measure.given import name_of
from netspec.trainer.setup.lacking import without_recipe


@dataclass(frozen=True)
class Supplied:
    """What a program gives a run; None for what the recipe names."""

    data: GivenData | None = None
    loss: Any = None
    metrics: Any = None

    @property
    def told(self) -> dict[str, Any]:
        """The same in words, for the files of the run."""
        found: dict[str, Any] = {}
        if self.data is not None:
            found["data"] = self.data.told
            if self.data.batches_per_epoch is not None:
                found["batches_per_epoch"] = self.data.batches_per_epoch
        if self.loss is not None:
            found["loss"] = name_of(self.loss)
        return found


def supplied(
    net: Net,
    *,
    data: Any,
    loss: Any,
    metrics: Any,
    batches_per_epoch: int | None,
    resume: Path | None,
    call: str = "train",
) -> tuple[Net, Supplied]:
    """What a call of `train` gives, and the net with a recipe that says so.

    Args:
        net: the net.
        data: see `train`.
        loss: likewise.
        metrics: likewise.
        batches_per_epoch: likewise.
        resume: the run that is resumed.
        call: the function of netspec's that is called.

    Raises:
        UsageError: something is missing, or does not go with the recipe.
    """
    if batches_per_epoch is not None and data is None:
        raise UsageError("`batches_per_epoch` is for data that the program gives: give `data`, or leave it out")
    given = None if data is None else replace(given_data(data, batches_per_epoch), resumed=resume is not None)
    found = Supplied(given, loss, metrics)
    recipe = net.recipe
    if recipe is None:
        if data is None and loss is None:
            return net, found  # what it lacks is said elsewhere
        raise without_recipe(net, data=data is not None, loss=loss is not None)
    _need(recipe, found, resume, call)
    if given is not None:
        recipe = _with_data(recipe, given)
    if loss is not None:
        recipe = _with_loss(recipe)
    return replace(net, recipe=_with_best(recipe)), found


def _need(recipe: Recipe, found: Supplied, resume: Path | None, call: str) -> None:
    """Require what the recipe leaves to a program.

    Raises:
        UsageError: it is not given.
    """
    missing = [
        name
        for name, left, there in (
            ("data", recipe.data.given, found.data),
            ("loss", any(item.loss.given for item in recipe.losses), found.loss),
        )
        if left and there is None
    ]
    if not missing:
        return
    said = {"data": "data: given", "loss": "loss: function"}
    words = " and ".join(f"`{said[name]}`" for name in missing)
    arguments = ", ".join(f"{name}=…" for name in missing)
    if resume is None:
        raise UsageError(
            f"the recipe says {words}: a program gives {'them' if len(missing) > 1 else 'it'}, which no command can; "
            f"call `netspec.{call}(net, {arguments})`"
        )
    raise UsageError(
        f"`{resume}` was trained by a program, which gave its {' and its '.join(missing)}: no command can go on with "
        f'it; call `netspec.train(netspec.load("{resume / "spec.yaml"}"), resume="{resume}", {arguments})` with the '
        "same"
    )


def _with_data(recipe: Recipe, given: GivenData) -> Recipe:
    validates = "validation" in given.parts
    if validates and recipe.validation > 0:
        raise UsageError(
            f"the recipe holds out `validation: {recipe.validation}` of the training data, and `data` has a part "
            "'validation', too; leave out one of the two"
        )
    if isinstance(recipe.data, GivenSet) and recipe.data.validation and not validates:
        raise UsageError(
            "the recipe says `data: {given: {validation: true}}`, but `data` has no part 'validation': give "
            "`data={'train': …, 'validation': …}`"
        )
    return recipe._replace(data=GivenSet(validation=validates))


def _with_loss(recipe: Recipe) -> Recipe:
    if recipe.metrics:
        names = ", ".join(f"`{item.metric.name()}`" for item in recipe.metrics)
        raise UsageError(
            f"the recipe's `metrics` ({names}) compare what its own loss compares, and a loss is given in its place: "
            "leave them out, and give `metrics=`, too"
        )
    for key in ("mixup", "cutmix"):
        if getattr(recipe, key) > 0:
            raise UsageError(
                f"the recipe says `{key}: {getattr(recipe, key)}`, which mixes the targets of a loss that the recipe "
                "names; leave it out, and mix in the data"
            )
    return recipe._replace(loss=Function())


def _with_best(recipe: Recipe) -> Recipe:
    """With the metric that chooses the best checkpoint, where what is given has changed what there is."""
    if not recipe.validates:
        follows = recipe.early_stopping is not None or (recipe.scheduler is not None and recipe.scheduler.metric)
        if follows:
            what = "early_stopping" if recipe.early_stopping is not None else "scheduler"
            raise UsageError(
                f"`{what}` of the recipe follows validation data, and `data` has none: give "
                "`data={'train': …, 'validation': …}`, or a share with `validation: 0.1` in the recipe"
            )
        return recipe._replace(best=None)
    best = recipe.best
    if best is None or (best == "validation_accuracy" and not recipe.has_accuracy):
        best = best_metric(recipe)
    stopping = recipe.early_stopping
    if stopping is not None and (
        stopping.metric is None or (stopping.metric == "validation_accuracy" and not recipe.has_accuracy)
    ):
        stopping = stopping.model_copy(update={"metric": best})
    return recipe._replace(best=best, early_stopping=stopping)
