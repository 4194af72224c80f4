"""The record of an epoch; which one is the best so far, and how long ago it was."""

from __future__ import annotations

import math
from collections.abc import Mapping

from netspec.recipe.resolved import Recipe
from netspec.trainer.measure.metrics import Scores
from netspec.trainer.run.following import rising
from netspec.trainer.run.progress import Progress
from netspec.trainer.run.records import Record


def make_record(
    progress: Progress, found: Mapping[str, Scores | None], seen: int, rates: Mapping[str, float | None]
) -> Record:
    """The record of an epoch that ends.

    Args:
        progress: where the run stands, before the epoch is counted.
        found: what was measured on the parts of the data, `train` among them.
        seen: the examples that the epoch trained on.
        rates: the columns of the learning rates.
    """
    none = Scores(math.nan)
    train, validation, test = (found[name] for name in ("train", "validation", "test"))
    assert train is not None, "an epoch trains"
    return Record(
        epoch=progress.epoch + 1,
        step=progress.step,
        train_loss=train.loss,
        train_accuracy=train.accuracy,
        validation_loss=None if validation is None else validation.loss,
        validation_accuracy=(validation or none).accuracy,
        test_loss=None if test is None else test.loss,
        test_accuracy=(test or none).accuracy,
        seconds=progress.seconds,
        examples_per_second=seen / max(progress.seconds, 1e-9),
        parts={
            f"{name}_{figure}": value
            for name, scores in found.items()
            if scores is not None
            for figure, value in scores.parts.items()
        },
        rates=rates,
    )


def note_best(progress: Progress, recipe: Recipe, record: Record) -> bool:
    """Update the best epoch and the state of early stopping. True if this epoch is the best so far."""
    if (stopping := recipe.early_stopping) is not None:
        value = rising(stopping.metric or recipe.best, record, recipe)
        if progress.stopping_best is None or value > progress.stopping_best + stopping.min_delta:
            progress.stopping_best, progress.waited = value, 0
        else:
            progress.waited += 1
    if recipe.best is None:
        return False
    value = rising(recipe.best, record, recipe)
    if progress.best is not None and value <= progress.best:
        return False
    progress.best, progress.best_epoch = value, record.epoch
    return True
