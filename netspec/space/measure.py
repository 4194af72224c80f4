"""What a sweep looks at in the records of its runs, and whether more of it is better."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Literal, NamedTuple

from netspec.diagnostics import did_you_mean
from netspec.recipe.figures import figure_meant
from netspec.recipe.measuring import per_class
from netspec.recipe.resolved import Recipe, best_metric, falls
from netspec.text.source import MapNode
from netspec.validation import Reader

Direction = Literal["minimize", "maximize"]
PARTS: Final = ("validation", "test", "train")


class Measure(NamedTuple):
    """A column of a run's records."""

    column: str
    direction: Direction

    def better(self, value: float, other: float) -> bool:
        """Whether a value is better than another."""
        return value > other if self.direction == "maximize" else value < other


def direction_of(column: str, lower: Collection[str] = ()) -> Direction:
    """Which way is better; `lower` are the figures of metrics of which less is."""
    return "minimize" if falls(column, lower) else "maximize"


def measure_of(
    node: MapNode, metric: str | None, direction: Direction | None, recipe: Recipe | None, reader: Reader
) -> Measure | None:
    """The column that `metric` names: `accuracy` is `validation_accuracy`. None once it is reported that the recipe
    measures no such thing; without a recipe every name is taken."""
    at = node.get("metric") or node
    if recipe is None:
        column = metric or "validation_loss"
        return Measure(column, direction or direction_of(column))
    known = columns(recipe)
    column = metric if metric is not None else recipe.best or best_metric(recipe)
    if metric is not None and column not in known and f"validation_{column}" in known:
        column = f"validation_{column}"
    if column in known:
        return Measure(column, direction or direction_of(column, recipe.lower))
    quantity = column.rpartition("_")[2]
    if not recipe.validates and quantity in _quantities(recipe) and not column.startswith(("train_", "test_")):
        reader.report(
            "unknown-figure", f"nothing is held out of the data, so that there is no `validation_{quantity}`", at,
            help=f"give the recipe `validation: 0.1`; or say `metric: test_{quantity}`, which the choice then overfits",
        )  # fmt: skip
        return None
    meant = figure_meant(column, known, recipe)
    near = meant.figure or (None if meant.help else did_you_mean(column, [*known, *_quantities(recipe)]))
    if near is not None and column.startswith("test_"):
        near = near.replace("validation_", "test_")
    help_ = meant.help or f"it measures {', '.join(f'`{name}`' for name in known)}"
    reader.report(
        "unknown-figure", f"a run of this recipe measures no `{column}`", at,
        help=f"did you mean `{near}`?" if near else help_,
    )  # fmt: skip
    return None


def columns(recipe: Recipe) -> list[str]:
    """What the records of a recipe's run have for certain, or may have of test data."""
    parts = [part for part in PARTS if part != "validation" or recipe.validates]
    found = [f"{part}_{quantity}" for quantity in _always(recipe) for part in parts]
    named = [label for label, item in recipe.measured.items() if not per_class(item)]
    return found + [f"{part}_{label}" for label in named for part in parts if part != "train"]


def _quantities(recipe: Recipe) -> list[str]:
    return [*_always(recipe), *recipe.measured]


def _always(recipe: Recipe) -> list[str]:
    return ["loss"] + ["accuracy"] * recipe.is_classifier + ["perplexity"] * recipe.data.next_token
