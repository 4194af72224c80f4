"""Evaluate a trained run: `netspec eval`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netspec.asked import option
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.device import numerics
from netspec.trainer.measure.answers import Answers, gather_answers
from netspec.trainer.measure.confusion import describe, to_dict
from netspec.trainer.measure.evaluation import Examination, evaluate, examine
from netspec.trainer.measure.figures import make_metrics
from netspec.trainer.measure.metrics import Scores
from netspec.trainer.run.records import as_json, figure_text
from netspec.trainer.trained.opening import Trained


@dataclass(frozen=True)
class Inspection:
    """Loss and accuracy on one split of the data, and for classifiers an examination."""

    split: str
    examples: int
    score: Scores
    examination: Examination | None
    answers: Sequence[Answers]
    """What the net answers on the first examples."""
    available: int
    """The number of examples that the split has."""
    why: str | None
    """The option that reduced the number of examples; None if all were used."""

    def text(self, names: Sequence[str]) -> str:
        """The result as text; `names` are those of the classes."""
        accuracy = "" if self.score.accuracy is None else f", accuracy {self.score.accuracy:.4f}"
        count = f"{self.examples:,}" if self.why is None else f"{self.examples:,} of {self.available:,}"
        why = "" if self.why is None else f" ({self.why})"
        head = f"{self.split}, {count} examples{why}: loss {figure_text(self.score.loss)}{accuracy}"
        lines = [
            head,
            *(f"{name.replace('/', ' of ', 1):<24} {figure_text(value)}" for name, value in self.score.parts.items()),
        ]
        text = "\n".join(lines)
        return text if self.examination is None else f"{text}\n\n{describe(self.examination, names)}"

    def to_dict(self, names: Sequence[str]) -> dict[str, Any]:
        """The result as plain values, for JSON."""
        values: dict[str, Any] = {"split": self.split, "examples": self.examples, "available": self.available}
        values |= {"loss": as_json(self.score.loss), "accuracy": as_json(self.score.accuracy)}
        values |= {name: as_json(value) for name, value in self.score.parts.items()}
        return values if self.examination is None else values | to_dict(self.examination, names)


def inspect(
    trained: Trained, split: str, root: Path | None = None, examples: int | None = None, *, shown: bool = False
) -> Inspection:
    """Evaluate a run on one split of its data.

    Args:
        trained: the run.
        split: `train`, `validation` or `test`.
        root: the directory of the data; None for that of the run.
        examples: the most examples to use; None for the number that the run used.
        shown: also gather what a report shows of the answers.

    Raises:
        UsageError: the data have no such split.
        ResourceError: data are missing or damaged.
        NonFinite: the loss is NaN.
        MissingExtra: the recipe names metrics, and torchmetrics is not installed.
    """
    data = trained.data(root, examples)
    part = trained.part(data, split)
    wanted = (
        option("examples", examples)
        if examples
        else f"the run's {option('examples', trained.run.options.get('examples'))}"
    )
    why = wanted if len(part) < part.available else None
    objective = trained.objective(data.ignores)
    batch, found = trained.recipe.batch_size, None
    with numerics(trained.arithmetic):
        loss = objective.classifier
        if loss is not None and trained.classifies:
            classes = int(loss.scores[0])  # pyright: ignore[reportArgumentType]  # a net that trains has numbers for sizes
            found = examine(
                trained.model, part, loss, trained.arithmetic,
                classes=classes, batch_size=batch, count=len(trained.net.outputs),
            )  # fmt: skip
        metrics = make_metrics(trained.recipe, objective, trained.names, trained.arithmetic.device)
        plain = metrics is None and objective.only is not None
        if found is not None and loss is not None and plain and loss.weight == 1:
            score = Scores(*found.score)
        else:
            score = evaluate(trained.model, part, objective, trained.arithmetic, batch_size=batch, metrics=metrics)
    if math.isnan(score.loss):
        raise NonFinite(
            f"`{trained.run.path}`: the loss on the {split} data is not a number, though every weight is finite: an "
            "output of the net is not, or no target counts"
        )
    answers = gather_answers(trained.model, part, objective, trained.arithmetic, batch_size=batch) if shown else []
    return Inspection(split, len(part), score, found, answers, part.available, why)
