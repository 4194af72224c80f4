"""Try out what a program gives on a first batch, before anything is written or trained."""

from __future__ import annotations

from contextlib import nullcontext

import torch

from netspec.diagnostics import UsageError
from netspec.trainer.errors import Refusals
from netspec.trainer.machine.device import numerics
from netspec.trainer.machine.random_state import get_random_state, set_random_state
from netspec.trainer.measure.evaluation import entries_of, evaluating
from netspec.trainer.setup.supplied import Supplied
from netspec.trainer.setup.trainer import Trainer


def try_out(trainer: Trainer, given: Supplied) -> None:
    """Run the net, the program's loss and its metrics on a first batch of each part that can be read again.

    Nothing is changed by it: neither generators, nor the net, nor metrics.

    Raises:
        UsageError: the loss or a metric gives no number, or there is nothing to measure metrics on.
        ResourceError: a batch does not fit the net.
    """
    metrics = trainer.metrics
    if metrics is not None and trainer.data.validation is None and trainer.data.test is None:
        raise UsageError(
            f"`metrics` ({', '.join(metrics.names)}) are measured on validation and test data, and there are none: "
            "give `data={'train': …, 'validation': …}`, or a share with `validation: 0.1` in the recipe; training "
            "data may be given once more as 'validation'"
        )
    if given.loss is None and metrics is None and given.data is None:
        return
    device = trainer.arithmetic.device
    state = get_random_state(device)
    for name, split in trainer.data.parts.items():
        with Refusals(lambda: f"a first batch of the {name} data"), numerics(trainer.arithmetic):  # noqa: B023  # at once
            batch = split.peek(min(trainer.recipe.batch_size, 32))
            if batch is None:
                continue
            training = name == "train"
            with evaluating(trainer.model), torch.enable_grad() if training else nullcontext():
                outputs, values, entries = entries_of(trainer.model, batch, trainer.loss, trainer.arithmetic)
                if metrics is not None and not training:
                    metrics.reset()
                    metrics.add(trainer.loss.answer(outputs), trainer.loss.aim(values), len(values[0]), entries)
                    metrics.read()
    set_random_state(state, device)
