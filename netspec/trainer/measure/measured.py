"""The metrics that a recipe names, as objects of torchmetrics on the device of the outputs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from netspec.diagnostics import MissingExtra, ResourceError
from netspec.extras import install
from netspec.recipe.base import Loss
from netspec.recipe.measures import MetricItem, Reads, candidates, count_of, reads_of
from netspec.recipe.resolved import Recipe
from netspec.torch.foreign_modules import called
from netspec.trainer.machine.host import floats
from netspec.trainer.measure.losses import LossFunction, Objective
from netspec.trainer.measure.metrics import Entry


@contextmanager
def _unwarned() -> Generator[None]:
    """Without the library's warnings of its memory, and of classes without examples: the reference of recipes says
    both."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=UserWarning, module="torchmetrics")
        yield


class Measured:
    """A metric of a recipe on the device.

    Args:
        item: the metric.
        term: the loss whose output and target it reads.
        names: the names of the classes, as far as the data have some.
        device: the device of outputs and targets.

    Attributes:
        label: the name of its figure.
    """

    def __init__(self, item: MetricItem, term: LossFunction, names: Sequence[str], device: torch.device) -> None:
        self.label, self._item, self._term, self._names = item.label, item, term, names
        loss = term.term.loss
        reads = reads_of(loss)
        assert reads is not None, "the metric goes with the loss"
        self._reads: Reads = reads
        self._likely = likelihood(loss)
        self._count = count_of(reads, term.scores, -1 if term.perplexed else 0) or 1
        self._strange = torch.zeros((), dtype=torch.bool, device=device)
        module, name, arguments = item.metric.measure(reads, self._count)
        if reads != "values":
            ignored = {} if term.ignored is None else {"ignore_index": term.ignored}
            arguments = {**arguments, **ignored, "validate_args": False}
        with _unwarned():
            self._metric: Any = getattr(import_module(module), name)(**arguments).to(device)
        if reads == "values":
            self._metric.set_dtype(torch.float64)  # sums of squares of large values lose all digits in float32

    def reset(self) -> None:
        """Begin a set."""
        self._metric.reset()
        self._strange.zero_()

    def update(self, entry: Entry) -> None:
        """Add a batch."""
        output, y = entry.output, entry.y
        if self._reads == "values":
            output = output.exp() if self._term.term.loss.logarithmic else output
            axis = self._item.metric.shape == 1 and self._count > 1
            self._metric.update(*(part.double() if axis else part.double().flatten() for part in (output, y)))
            return
        if self._reads == "labels":
            self._strange |= ((y != 0) & (y != 1)).any()
            if self._count == 1:
                output, y = output.flatten(), y.flatten()
            y = y.long()
        self._metric.update(self._likely(output), y)

    def figures(self) -> dict[str, float]:
        """The figures of the set, one for each class where there is no average. A collective call.

        Raises:
            ResourceError: targets of labels are neither 0 nor 1.
        """
        with _unwarned():
            found = floats(self._metric.compute().double().flatten())
        if bool(self._strange):
            raise ResourceError(
                f"the metric `{self.label}` is of labels, which are 0 or 1, and the data have targets between; a "
                "metric of such targets is none: leave it out of `metrics`"
            )
        if len(found) == 1:
            return {self.label: found[0]}
        names = self._names if len(self._names) == len(found) else list(map(str, range(len(found))))
        return {f"{self.label}.{name}": value for name, value in zip(names, found, strict=True)}


def likelihood(loss: Loss) -> Callable[[Tensor], Tensor]:
    """What makes probabilities of an output, of a loss of classes or labels."""
    takes = None if loss.ending is None else loss.ending.takes
    if takes == "probabilities":
        return torch.Tensor.detach
    if takes == "log-probabilities":
        return torch.exp
    return partial(torch.softmax, dim=1) if loss.target == "classes" else torch.sigmoid


def measured_of(
    recipe: Recipe, objective: Objective, names: Sequence[str], device: torch.device
) -> list[tuple[int, Measured]]:
    """The metrics of netspec's own that a recipe names, each with the place of its loss.

    Raises:
        MissingExtra: torchmetrics is not installed.
    """
    own = [item for item in recipe.metrics if not item.metric.is_foreign()]
    if own and find_spec("torchmetrics") is None:
        raise MissingExtra("`metrics` of the recipe needs torchmetrics", install("torch"))
    found: list[tuple[int, Measured]] = []
    for item in own:
        (place,) = candidates(item, recipe.losses)
        found.append((place, Measured(item, objective.terms[place], names, device)))
    return found


def can_measure(metric: Any) -> bool:
    """True for what sees all batches of an evaluation, or gives a number for each."""
    return sees_all(metric) or callable(metric)


def sees_all(metric: Any) -> bool:
    """True for an object with the methods of torchmetrics' own."""
    return not isinstance(metric, type) and all(callable(getattr(metric, name, None)) for name in METHODS)


METHODS = ("update", "compute", "reset")


def foreign_metrics(recipe: Recipe, device: torch.device) -> dict[str, tuple[int, Any]]:
    """The metrics of plugins that a recipe names, by the names of their figures, each with the place of its loss.

    Raises:
        PluginError: one is not there, or refuses its arguments.
    """
    found: dict[str, tuple[int, Any]] = {}
    for item in recipe.metrics:
        if item.metric.is_foreign():
            call = item.metric.call()
            (place,) = candidates(item, recipe.losses)
            found[item.label] = place, called(call, type(item.metric), call.arguments, device, can_measure)
    return found
