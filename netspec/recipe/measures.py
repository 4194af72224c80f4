"""What a metric of a recipe is, which loss's output and target it is measured on, and what its figures are called."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, ClassVar, Literal, NamedTuple

from netspec.dims import Shape
from netspec.layers.base import TorchCall
from netspec.recipe.base import Loss, Named
from netspec.recipe.terms import LossItem

Reads = Literal["classes", "labels", "values"]
"""What outputs and targets say: one class for each target; labels, each of which is there or not; values."""


class Metric(Named):
    """Base of the metrics, each a class of torchmetrics, measured on validation and test data after every epoch."""

    reads: ClassVar[tuple[Reads, ...]] = ("classes", "labels", "values")
    """What it can compare."""
    lower: ClassVar[bool] = False
    """True if less is better."""
    column: ClassVar[str] = ""
    """What records call its figure, behind `validation_` and `test_`."""
    renaming: ClassVar[tuple[dict[str, Any], ...]] = ()
    """Arguments that give its figure another name, as examples of such."""
    shape: ClassVar[int | None] = None
    """Of values: how many axes the target of an example may have; None for any, 0 for a single value."""
    one_label: ClassVar[bool] = False
    """True if there may be one label at most."""
    several_labels: ClassVar[bool] = False
    """True if one label is too few."""

    def tail(self) -> str:
        """What tells its figure from that of another with the same name."""
        return ""

    def label(self) -> str:
        """The name of its figure: `f1`, `top5`."""
        return (self.column or type(self).__name__.lower()) + self.tail()

    def measure(self, reads: Reads, count: int) -> tuple[str, str, dict[str, Any]]:
        """The module and the class of torchmetrics, and its arguments; `count` is the number of classes or labels."""
        raise NotImplementedError

    def call(self) -> TorchCall:
        """Of a plugin's: the class of an object with `update(output, target)`, `compute()` and `reset()`, or the
        function of output and target that gives a number for a batch, with its arguments by name."""
        raise NotImplementedError


class MetricItem(NamedTuple):
    """One metric of a recipe's list."""

    metric: Metric
    of: str | None = None
    """The output that it reads, by its name; None for the only one that it can read."""

    @property
    def label(self) -> str:
        """The name of its figure: `f1`, `f1/kind` of the output `kind`."""
        return self.metric.label() + (f"/{self.of}" if self.of else "")


def reads_of(loss: Loss) -> Reads | None:
    """What the output of a loss and its target say; None where nothing is known of them, or there is no target."""
    if loss.given or loss.vectors or loss.target == "nothing":
        return None
    if loss.target == "classes":
        return "classes"
    if len(loss.takes) > 1 and loss.target_at != 1:  # the target is not what its first output should be
        return None
    does_sigmoid = loss.ending is not None and loss.ending.does == "sigmoid"
    return "labels" if loss.shares or does_sigmoid else "values"


def count_of(reads: Reads, shape: Shape, axis: int) -> int | None:
    """The number of classes, or of labels, of an output of this shape; None where it is not known.

    Labels stand on the axis of the channels, and are one where there is none: a vector has a label for each of its
    values, (C, H, W) one for each channel, (H, W) one.
    """
    if reads == "classes":
        size = shape[axis] if shape else 1
    elif reads == "labels":
        size = shape[0] if len(shape) in (1, 3) else 1
    else:
        size = prod(shape) if all(isinstance(n, int) for n in shape) else None
    return size if isinstance(size, int) else None


def candidates(item: MetricItem, losses: Sequence[LossItem]) -> list[int]:
    """The places of the losses whose output and target a metric can compare."""
    return [
        place
        for place, loss in enumerate(losses)
        if (item.of is None or loss.of[:1] == (item.of,) or (not loss.of and len(losses) == 1))
        and (reads := reads_of(loss.loss)) is not None
        and reads in item.metric.reads
    ]
