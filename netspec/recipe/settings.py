"""Recipe settings with several values each; imported when a recipe names one."""

from __future__ import annotations

from typing import ClassVar

from netspec.arguments import Arguments, Count, Natural, NonNegative, Positive, Probability
from netspec.recipe.fields import Figure


class Warmup(Arguments):
    """The learning rate rises linearly from `start_factor` times its value, before the schedule begins.

    `warmup: 5` is five epochs; `warmup: {steps: 500}` counts optimiser steps. The rate changes after every step.
    """

    scalar: ClassVar[str | None] = "epochs"

    epochs: NonNegative | None = None
    steps: Natural | None = None
    start_factor: Positive = 0.01


class Ema(Arguments):
    """After each optimiser step, average ← decay · average + (1 − decay) · weight.

    `every` is the number of optimiser steps between updates. `warmup` uses min(decay, (1 + t) / (10 + t)) at the
    t-th update, so that the first weights are soon forgotten. Buffers (running statistics) are copied.
    """

    scalar: ClassVar[str | None] = "decay"

    decay: Probability = 0.999
    every: Count = 1
    warmup: bool = False


class EarlyStopping(Arguments):
    """Training ends when `metric` has not improved by more than `min_delta` for `patience` epochs."""

    scalar: ClassVar[str | None] = "patience"

    metric: Figure | None = None
    patience: Count
    min_delta: NonNegative = 0.0


class CheckpointEvery(Arguments):
    """A checkpoint is written after so many epochs, optimiser steps or minutes; and after the last epoch, on a signal,
    and after an epoch that is the best.

    `checkpoint_every: 5` is five epochs, `{steps: 500}` counts optimiser steps since the start of the run, and
    `{minutes: 10}` the time since the last one. A run goes on from the middle of an epoch as from its end, to the bit.
    """

    scalar: ClassVar[str | None] = "epochs"

    epochs: Count | None = None
    steps: Count | None = None
    minutes: Positive | None = None


class Group(Arguments):
    """Parameters with their own learning rate or weight decay, or that begin to train later.

    `parameters` are patterns: one with a dot is a shell glob over the `state_dict` key (`"0.*"`, `"*.bias"`); one
    without is the parameter's own name (`bias`), a type of layer (`Linear`), or `norm` for all normalisation layers.
    `freeze` is for how many epochs, from the first, they do not train; norms keep their statistics meanwhile.
    """

    parameters: tuple[str, ...]
    lr: NonNegative | None = None
    weight_decay: NonNegative | None = None
    freeze: Count | None = None
