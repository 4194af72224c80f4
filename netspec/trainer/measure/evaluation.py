"""Evaluate a model on a data set: loss and accuracy, and for classifiers the details per class."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from netspec.trainer.data.splits import Batch, Split
from netspec.trainer.machine.device import Arithmetic
from netspec.trainer.machine.host import floats, ints
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.values import Values, each
from netspec.trainer.measure.figures import Metrics
from netspec.trainer.measure.losses import LossFunction, Objective
from netspec.trainer.measure.metrics import Entry, HeldSums, LossSums, Score, Scores, Sums


@contextmanager
def evaluating(model: nn.Module) -> Generator[None]:
    """Set the model to eval mode without gradients, and restore the mode of each module afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training


def autocast(arithmetic: Arithmetic) -> Any:
    """The autocast context for forward passes; a null context without autocast."""
    dtype = arithmetic.autocast
    return nullcontext() if dtype is None else torch.autocast(arithmetic.device.type, dtype=dtype)


def evaluate(
    model: nn.Module,
    split: Split,
    objective: Objective,
    arithmetic: Arithmetic,
    *,
    batch_size: int,
    world: World = World(),  # noqa: B008  # an immutable value
    metrics: Metrics | None = None,
    together: bool = False,
) -> Scores:
    """Mean loss and accuracy of a model on a split, over all processes.

    Targets that the loss ignores do not count. The device is read once, at the end.

    Args:
        model: the model.
        split: the data.
        objective: the recipe's losses.
        arithmetic: device and precision.
        batch_size: examples per forward pass, over all processes.
        world: the processes, each of which evaluates its share.
        metrics: those of the recipe and of the program, whose figures are `parts` of the result; that of labels which
            is called `accuracy` is its accuracy.
        together: the model is divided among the processes, so that each calls it for every batch, even for one in which
            it has no share.
    """
    device = arithmetic.device
    sums = LossSums(objective, device, held=device.type == "cpu")
    if metrics is not None:
        metrics.reset()
    with evaluating(model):
        for x, y in split.batches(batch_size, shard=world.shard):
            if count := len(each(x)[0]):  # the share of a small last batch may be empty
                outputs, values, entries = entries_of(model, Batch(x, y), objective, arithmetic)
                sums.add(entries)
                if metrics is not None:
                    metrics.add(objective.answer(outputs), objective.aim(values), count, entries)
            elif together:
                _result(model, _one_of_zeros(x), arithmetic)
    scores = sums.read(world.sum_(sums.total()))
    if metrics is None:
        return scores
    figures = metrics.read()
    accuracy = figures.pop("accuracy", None) if scores.accuracy is None else scores.accuracy
    return scores._replace(accuracy=accuracy, parts={**scores.parts, **figures})


def _one_of_zeros(x: Values) -> Values:
    """An example for a model that must be called, and whose answer nobody reads."""
    zeros = tuple(value.new_zeros((1, *value.shape[1:])) for value in each(x))
    return zeros if isinstance(x, tuple) else zeros[0]


def entries_of(
    model: nn.Module, batch: Batch, objective: Objective, arithmetic: Arithmetic
) -> tuple[Sequence[Tensor], tuple[Tensor, ...], list[Entry]]:
    """The outputs of a net for a batch, the inputs with the targets behind them, and each loss."""
    outputs = objective.outputs(_result(model, batch.x, arithmetic))[0]
    values = (*each(batch.x), *each(batch.y))
    return outputs, values, [_entry(term, outputs, values) for term in objective.terms]


def _result(model: nn.Module, x: Values, arithmetic: Arithmetic) -> Any:
    """What the net gives."""
    with autocast(arithmetic):
        return model(*each(x))


def _entry(term: LossFunction, outputs: Sequence[Tensor], values: Sequence[Tensor]) -> Entry:
    """A loss of a batch with its output in float32. Losses are computed outside of autocast, which refuses some."""
    output, y, further = term.reads(outputs, values)
    return Entry(term(output, y, *further), output, y)


@dataclass(frozen=True)
class Examination:
    """The detailed evaluation of a classifier on a data set."""

    score: Score
    confusion: Tensor
    """int64 (classes, classes), on the host: rows are the true class, columns the predicted class."""
    worst: list[WrongAnswer]
    """The wrong predictions with the largest losses, in descending order."""

    @property
    def recall(self) -> list[float | None]:
        """The recall of each class; None for a class without examples."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(1))

    @property
    def precision(self) -> list[float | None]:
        """The precision of each class; None for a class that is never predicted."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(0))


@dataclass(frozen=True)
class WrongAnswer:
    """A wrong prediction."""

    position: int
    """The index of the example in the split, from 0."""
    image: Tensor
    """The first input of the net, float32 on the host."""
    truth: int
    answer: int
    probability: float
    """The predicted probability of `answer`."""
    loss: float
    """The cross entropy of the example."""


def _ratio(part: Tensor, whole: Tensor) -> list[float | None]:
    return [a / b if b else None for a, b in zip(ints(part), ints(whole), strict=True)]


def examine(
    model: nn.Module,
    split: Split,
    loss: LossFunction,
    arithmetic: Arithmetic,
    *,
    classes: int,
    batch_size: int,
    worst: int = 24,
    count: int = 1,
) -> Examination:
    """Evaluate a classifier's output (N, C) in detail.

    Args:
        model: the model.
        split: the data.
        loss: the loss of the classes.
        arithmetic: device and precision.
        classes: the number of classes, C.
        batch_size: examples per forward pass.
        worst: the number of wrong predictions to keep.
        count: the number of the net's outputs.
    """
    device = arithmetic.device
    sums = HeldSums(True, loss) if device.type == "cpu" else Sums(device, True, loss)
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=device)
    kept: list[WrongAnswer] = []
    with evaluating(model):
        position = 0
        for x, targets in split.batches(batch_size):
            outputs = Objective([loss], count).outputs(_result(model, x, arithmetic))[0]
            entry = _entry(loss, outputs, (*each(x), *each(targets)))
            sums.add(*entry)
            _, output, y = entry
            answer = output.argmax(1)
            counted = loss.counted(y)
            real = slice(None) if counted is None else counted
            confusion += torch.bincount((y * classes + answer)[real], minlength=classes * classes)
            kept = sorted(
                kept + _mistakes(each(x)[0], y, output, answer, counted, position, worst), key=lambda m: -m.loss
            )[:worst]
            position += len(y)
    return Examination(sums.read(), confusion.view(classes, classes).cpu(), kept)


def _mistakes(
    x: Tensor, y: Tensor, output: Tensor, answer: Tensor, counted: Tensor | None, start: int, count: int
) -> list[WrongAnswer]:
    """The wrong predictions of a batch with the largest losses. Targets that are not `counted` are left out."""
    right = answer == y
    if counted is not None:
        right |= ~counted
        y = y.masked_fill(~counted, 0)
    losses = F.cross_entropy(output, y, reduction="none").masked_fill(right, -1.0)
    chosen = losses.topk(min(count, len(losses))).indices
    chosen = chosen[losses[chosen] >= 0]
    probability = output[chosen].softmax(1).amax(1)
    rows = zip(
        ints(chosen), ints(y[chosen]), ints(answer[chosen]), floats(probability), floats(losses[chosen]), strict=True
    )
    return [WrongAnswer(start + i, x[i].float().cpu(), truth, said, p, value) for i, truth, said, p, value in rows]
