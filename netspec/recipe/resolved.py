"""What a recipe is: the resolved values of a spec's `train:` section."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from netspec.arguments import Arguments
from netspec.recipe.base import Interval, Loss, Named, Precision, Sampler
from netspec.recipe.measures import MetricItem
from netspec.recipe.terms import LossItem

if TYPE_CHECKING:
    from netspec.recipe.base import DataSet, Optimizer, Transform
    from netspec.recipe.schedulers import Scheduler
    from netspec.recipe.settings import CheckpointEvery, EarlyStopping, Ema, Group, Warmup


class Recipe(NamedTuple):
    """A training run, resolved: every default filled in. Made by `read.read_recipe`."""

    data: DataSet
    """What to train on: a data set, with its arguments if it has any."""
    loss: Loss | tuple[LossItem, ...]
    """What training minimises: a loss, or the weighted sum of several, each `of` outputs."""
    optimizer: Optimizer
    """What changes the parameters, with its learning rate."""
    batch_size: int
    """Examples of a batch, over all processes together; the last batch of an epoch may be smaller, see `drop_last`."""
    epochs: int
    """Passes over the training set."""

    drop_last: bool = False
    """True leaves out the last batch of a training epoch if it is smaller; which examples those are is drawn anew in
    every epoch. Validation and test data are always measured in full."""
    sampler: Sampler | None = None
    """`balanced` draws the examples of a training epoch with replacement, every class as often as any other, as torch's
    WeightedRandomSampler does with one over the number of examples of the class; None takes each example once."""
    validation: float = 0.0
    """Share of the training set held out for validation, drawn by `seed`, stratified by class, or the last part of a
    text; 0 for none."""
    fold: int = 1
    """Which share is held out where `validation` divides the training set into equal ones: of `validation: 0.2`, the
    first to the fifth fifth. `netspec train --folds 5` trains with each."""
    transforms: tuple[Transform, ...] = ()
    """Applied to every image, in training and evaluation."""
    augment: tuple[Transform, ...] = ()
    """Applied in training only: after `transforms`, but before a `Normalize` at their end. Masks move with images."""

    scheduler: Scheduler | None = None
    """How the learning rate changes over the run; null leaves it as it is."""
    schedule_by: Interval = "epoch"
    """What the scheduler counts: it steps after each epoch, or after each optimiser step."""
    warmup: Warmup | None = None
    """Epochs, or optimiser steps, over which the learning rate rises to its value before the schedule begins."""

    groups: tuple[Group, ...] = ()
    """Parameters with a learning rate or weight decay of their own, or that are frozen for some epochs; the first group
    that matches wins."""
    layer_decay: float = 1.0
    """By what the learning rate of a layer is that of the layer behind it: with 0.75, the last layer has the whole, the
    one before it three quarters, the one before that 0.75². A layer is an item of the network's list, a turn of a loop
    too; a normalisation belongs to the layer before it."""
    no_decay: tuple[str, ...] = ()
    """Which parameters have no weight decay: patterns as in `groups`."""
    freeze: tuple[str, ...] = ()
    """Which parameters do not train: patterns as in `groups`."""
    clip_grad_norm: float | None = None
    """Largest Euclidean norm of all gradients together."""
    clip_grad_value: float | None = None
    """Largest magnitude of one gradient element."""
    accumulate: int = 1
    """Batches whose gradients are averaged into one optimiser step."""
    global_batch: int | None = None
    """Examples of an optimiser step, over all processes and accumulated batches: `accumulate` follows, as 256 by
    `batch_size: 64` is 4. Where memory wants another `batch_size`, the steps stay the same."""
    ema: Ema | None = None
    """An exponential moving average of the weights, used for evaluation."""

    mixup: float = 0.0
    """alpha of the Beta(alpha, alpha) distribution that mixes pairs of examples; 0 is off. Not for masks of classes."""
    cutmix: float = 0.0
    """alpha of CutMix, of masks too; 0 is off. With mixup too, each batch takes one of them by a fair coin."""
    aux_weight: float = 0.3
    """Weight of each auxiliary head's loss (`aux:` in the net), GoogLeNet's 0.3."""

    metrics: tuple[MetricItem, ...] = ()
    """What is measured on validation and test data beside loss and accuracy; `of` names the output."""
    best: str | None = None
    """The figure of the best checkpoint: `validation_loss`, `validation_accuracy`, or `validation_` and the name of a
    metric, as `validation_f1`; None without validation. The run's `model.safetensors` has its weights, of which
    `report.html` shows the answers, and `last.safetensors` beside it those at the end."""
    early_stopping: EarlyStopping | None = None
    """After how many epochs without improvement training ends."""
    seed: int = 0
    """Seed of the initial parameters, of the order of the examples, and of all that is drawn in training."""
    precision: Precision | None = None
    """None is TF32 on a GPU that has it, fp32 elsewhere. bf16 and fp16 are autocast."""
    checkpoint_every: CheckpointEvery | None = None
    """Epochs, optimiser steps or minutes between checkpoints; None is every epoch."""
    checkpoint_keep: int = 2
    """How many of the newest checkpoints stay; the best one stays beside them."""

    def to_dict(self) -> dict[str, Any]:
        """The recipe in the form in which a spec writes it, every value filled in: plain lists, numbers and text.

        Reading it again gives an equal recipe.
        """
        values = {name: _plain(value) for name, value in self._asdict().items()}
        if self.scheduler is None:
            del values["schedule_by"]  # it says what a scheduler counts
        if self.global_batch is not None:
            del values["accumulate"]  # it follows, from another `batch_size` too
        return values

    @property
    def losses(self) -> tuple[LossItem, ...]:
        """The losses whose weighted sum is minimised; one without `of`, `target` and `weight` if it is written so."""
        return self.loss if isinstance(self.loss, tuple) else (LossItem(self.loss),)

    @property
    def parts(self) -> tuple[Named, ...]:
        """All that it calls by name."""
        measured = (item.metric for item in self.metrics)
        named = (self.data, *(item.loss for item in self.losses), self.optimizer, self.scheduler, *measured)
        return tuple(part for part in (*named, *self.transforms, *self.augment) if part is not None)

    @property
    def numbered_losses(self) -> tuple[tuple[int, LossItem], ...]:
        """The losses, each with its place in the list."""
        return tuple(enumerate(self.losses))

    @property
    def has_accuracy(self) -> bool:
        """True if exactly one loss is of classes, whose accuracy is that of the run; or a metric of the recipe is."""
        return self.is_classifier or "accuracy" in self.measured

    @property
    def is_classifier(self) -> bool:
        """True if exactly one loss is of classes."""
        return sum(item.loss.target == "classes" for item in self.losses) == 1

    @property
    def measured(self) -> dict[str, MetricItem]:
        """The metrics by the names of their figures."""
        return {item.label: item for item in self.metrics}

    @property
    def lower(self) -> frozenset[str]:
        """The figures of its metrics of which less is better."""
        return frozenset(label for label, item in self.measured.items() if item.metric.lower)

    @property
    def validates(self) -> bool:
        """True if there is validation data: a share of the training set, or a part of its own."""
        return self.validation > 0 or self.data.has_validation


def falls(column: str, lower: Collection[str] = ()) -> bool:
    """Whether less of a column of a run's records is better: of a loss, a perplexity, and the figures in `lower`."""
    figure = column.partition("_")[2] or column
    return figure in lower or figure.partition("/")[0] in ("loss", "perplexity")


def best_metric(recipe: Recipe) -> str:
    """The metric that chooses the best checkpoint where the recipe names none."""
    accurate = recipe.is_classifier and len(recipe.losses) == 1 and not recipe.data.next_token
    return "validation_accuracy" if accurate else "validation_loss"


class NotRead(Exception):
    """A check has asked for a part of a recipe that could not be read."""


class Draft:
    """What could be read of a recipe with mistakes: a `Recipe` whose other parts raise `NotRead` when asked for.

    Args:
        values: the values that were read, by key.
        unread: the keys that are missing or were refused; the others have their defaults.
        losses: those that were read of a list of losses, each with its place in it.
    """

    def __init__(
        self, values: Mapping[str, Any], unread: Collection[str], losses: tuple[tuple[int, LossItem], ...]
    ) -> None:
        self._values = {**Recipe._field_defaults, **values}
        self._unread = unread
        self._losses = losses

    def __getattr__(self, name: str) -> Any:
        if name == "numbered_losses" and "loss" in self._unread:
            return self._losses
        if isinstance(found := getattr(Recipe, name), property) and found.fget is not None:
            return found.fget(self)
        if name in self._unread or name not in self._values:
            raise NotRead
        return self._values[name]


def _plain(value: Any) -> Any:
    match value:
        case LossItem():
            beside = {"of": _plain(value.of), "target": value.target, "weight": value.weight}
            return {**_plain(value.loss), **{k: v for k, v in beside.items() if v not in (None, [])}}
        case MetricItem():
            return {**_plain(value.metric), **({} if value.of is None else {"of": value.of})}
        case Named():
            return {value.name(): {k: _plain(v) for k, v in value}}
        case Arguments():
            return {k: _plain(v) for k, v in value}
        case tuple() | list():
            return [_plain(v) for v in value]  # pyright: ignore[reportUnknownVariableType]  # any items
        case _:
            return value
