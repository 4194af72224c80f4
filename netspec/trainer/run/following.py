"""The figure that a recipe chooses its best epoch by."""

from __future__ import annotations

import math
from collections.abc import Sequence

from netspec.recipe.resolved import Recipe, falls
from netspec.trainer.run.records import Record


def rising(figure: str | None, record: Record, recipe: Recipe) -> float:
    """The value of a figure with the sign that makes greater values better; −∞ if it was not measured or is NaN."""
    value = None if figure is None else record.figure(figure)
    if figure is None or value is None or math.isnan(value):
        return -math.inf
    return -value if falls(figure, recipe.lower) else value


def best_epoch(records: Sequence[Record], recipe: Recipe | None) -> int | None:
    """The epoch, from 1, that is the best by the figure that the recipe follows, of equal ones the first; None where it
    follows none."""
    if recipe is None or recipe.best is None or not records:
        return None
    best = max(records, key=lambda record: rising(recipe.best, record, recipe))
    return best.epoch
