"""The whole state of a run: taken for a checkpoint, put back on resume, to the bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import torch
from torch import Tensor

from netspec.diagnostics import UsageError
from netspec.train.checkpoint import Checkpoint
from netspec.train.random_state import get_random_state, set_random_state
from netspec.train.records import Record
from netspec.train.run import plain_recipe
from netspec.train.setup import Trainer

_SCHEDULED = ("optimizer", "scheduler", "schedule_by", "warmup", "epochs", "batch_size", "accumulate", "groups")
"""The keys of a recipe that decide the learning rates."""


@dataclass
class Progress:
    """Where a run stands."""

    epoch: int = 0
    """The current epoch, from 0."""
    batch: int = 0
    """Batches of it that are done; an optimiser step is never cut in two."""
    step: int = 0
    """Optimiser steps since the start of the run."""
    seconds: float = 0.0
    """Wall time that this epoch's training has taken."""
    computing: float = 0.0
    """The part of it that was not spent waiting for a batch."""
    best: float | None = None
    """The best value of the recipe's metric."""
    best_epoch: int = 0
    stopping_best: float | None = None
    """Early stopping's own best value, and the epochs since."""
    waited: int = 0
    records: list[Record] = field(default_factory=list[Record])


def capture(trainer: Trainer, progress: Progress, identity: Mapping[str, Any], versions: Any) -> Checkpoint | None:
    """Everything that decides the rest of the run, copied to the host. All processes must call it; the first one gets
    the checkpoint, the others None."""
    random = trainer.world.gather(get_random_state(trainer.arithmetic.device))
    sums = trainer.world.gather(trainer.sums.total().cpu())
    if not trainer.world.first:
        return None
    state: dict[str, Any] = {
        "progress": asdict(progress),
        "optimizer": trainer.optimization.optimizer.state_dict(),
        "schedule": trainer.schedule.state_dict(),
        "scale": trainer.step.scale.state_dict() if trainer.step.scale else None,
        "average": trainer.average.module.state_dict() if trainer.average else None,
        "random": random,
        "sums": sums,
        "identity": dict(identity),
        "versions": versions,
    }
    return Checkpoint(_to_host(trainer.model.state_dict()), _to_host(state))


def _to_host(value: Any) -> Any:
    """Tensors as copies on the host, containers as plain ones: training goes on while the copy is written."""
    match value:
        case Tensor():
            return value.detach().to("cpu", copy=True)
        case dict():
            return {k: _to_host(v) for k, v in cast("dict[Any, Any]", value).items()}
        case list():
            return [_to_host(v) for v in cast("list[Any]", value)]
        case tuple():
            return tuple(_to_host(v) for v in cast("tuple[Any, ...]", value))
        case _:
            return value


def restore(trainer: Trainer, checkpoint: Checkpoint, note: Callable[[str], None] = lambda _: None) -> Progress:
    """Put a run where a checkpoint left it.

    Args:
        trainer: the parts of the run, by the recipe of now.
        checkpoint: its state, by the recipe of then; if they differ, what is newly laid down applies from here on.
        note: is told what is not taken over.

    Raises:
        UsageError: the checkpoint is of another model.
    """
    state = checkpoint.state
    try:
        trainer.model.load_state_dict(checkpoint.model)
    except RuntimeError as error:
        raise UsageError(f"the checkpoint is of another net: {str(error).splitlines()[-1].strip()}") from None
    saved: dict[str, Any] = dict(state["progress"])
    progress = Progress(records=[Record(**record) for record in saved.pop("records")], **saved)
    then, now = state["identity"]["recipe"], plain_recipe(trainer.recipe)
    if list(then["optimizer"]) == list(now["optimizer"]):
        _restore_optimizer(trainer, state["optimizer"])
    else:
        note("note: the optimizer is another one, so its state starts anew")
    if all(then.get(key) == now.get(key) for key in _SCHEDULED):
        trainer.schedule.load_state_dict(state["schedule"])
    else:
        trainer.schedule.catch_up(progress.records, progress.step, trainer.recipe.best)
        note("note: learning rates go on as if the run had been planned so from its start")
    if trainer.step.scale and state["scale"]:
        trainer.step.scale.load_state_dict(state["scale"])
    if trainer.average and state["average"]:
        trainer.average.module.load_state_dict(state["average"])
    rank = min(trainer.world.rank, len(state["random"]) - 1)  # forced to another number of processes: as near as can be
    set_random_state(state["random"][rank], trainer.arithmetic.device)
    sums: list[Tensor] = state["sums"]
    if len(sums) == trainer.world.size and sums[rank].shape == trainer.sums.total().shape:  # else another loss's
        trainer.sums.load(sums[rank])
    return progress


def _restore_optimizer(trainer: Trainer, saved: dict[str, Any]) -> None:
    """Load what the optimiser keeps of each parameter. The groups' values are the recipe's, or the schedule sets them;
    the learning rates' tensors stay, since what was recorded reads from them, and so does the order in memory, which
    fused kernels take for granted."""
    optimizer = trainer.optimization.optimizer
    own, groups = [dict(group) for group in optimizer.param_groups], saved["param_groups"]
    if len(own) == len(groups):
        groups = [mine | {"params": group["params"]} for mine, group in zip(own, groups, strict=True)]
    try:
        optimizer.load_state_dict(saved | {"param_groups": groups})
    except ValueError as error:
        raise UsageError(f"the checkpoint's optimiser is another: {error}") from None
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    for group, mine in zip(optimizer.param_groups, own, strict=True):
        group["lr"] = mine["lr"]
