"""Capture the whole state of a run for a checkpoint, and restore it bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from netspec.diagnostics import UsageError
from netspec.trainer.machine.divided import divided_as, is_divided, whole
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.random_state import get_random_state, set_random_state
from netspec.trainer.run.checkpoint import Checkpoint
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.progress import Progress, progress_of
from netspec.trainer.run.sameness import plain_recipe, with_newer
from netspec.trainer.setup.trainer import Trainer

_SCHEDULED = (
    "optimizer", "scheduler", "schedule_by", "warmup", "epochs", "batch_size", "drop_last", "accumulate", "groups",
)  # fmt: skip
"""The keys of a recipe that the learning rates depend on."""


def capture(trainer: Trainer, progress: Progress, identity: Mapping[str, Any], versions: Any) -> Checkpoint | None:
    """Copy all state that the rest of the run depends on to the host. A collective call.

    Returns:
        The checkpoint in the first process, None in the others.
    """
    world, average = trainer.world, trainer.average
    random = world.gather(get_random_state(trainer.arithmetic.device))
    sums = world.gather(trainer.sums.total().cpu())
    model = on_first(trainer.model.state_dict(), world)
    optimizer = on_first(trainer.optimization.optimizer.state_dict(), world)
    averaged = None if average is None else on_first(average.module.state_dict(), world)
    if not world.first:
        return None
    state: dict[str, Any] = {
        "progress": asdict(progress) | {"records": [record.row() for record in progress.records]},
        "optimizer": optimizer,
        "schedule": trainer.schedule.state_dict(),
        "scale": trainer.step.scale.state_dict() if trainer.step.scale else None,
        "average": averaged,
        "random": random,
        "data": trainer.data.train.state(),
        "loss": trainer.loss.state_dict(),
        "sums": sums,
        "identity": dict(identity),
        "versions": versions,
    }
    return Checkpoint(model, _to_host(state))


def on_first(value: Any, world: World) -> Any:
    """What `_to_host` makes of a state of which each process may hold a part; None but in the first process. A
    collective call if it is divided."""
    if world.first:
        return _to_host(value)
    for tensor in _tensors(value):
        whole(tensor)
    return None


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors of a state, in the order in which `_to_host` copies them."""
    match value:
        case Tensor():
            yield value
        case dict():
            for inner in cast("dict[Any, Any]", value).values():
                yield from _tensors(inner)
        case list() | tuple():
            for inner in cast("list[Any]", value):
                yield from _tensors(inner)
        case _:
            pass


def _to_host(value: Any) -> Any:
    """A deep copy with tensors whole on the host and plain containers. It is written while training changes the
    original."""
    match value:
        case Tensor():
            return whole(value.detach()).to("cpu", copy=True)
        case dict():
            return {k: _to_host(v) for k, v in cast("dict[Any, Any]", value).items()}
        case list():
            return [_to_host(v) for v in cast("list[Any]", value)]
        case tuple():
            return tuple(_to_host(v) for v in cast("tuple[Any, ...]", value))
        case _:
            return value


def restore(
    trainer: Trainer,
    checkpoint: Checkpoint,
    note: Callable[[str], None] = lambda _: None,
    run: Path = Path("RUN"),
) -> Progress:
    """Restore the state of a run from a checkpoint.

    Args:
        trainer: the parts of the run, assembled by the current recipe. If it differs from the recipe of the checkpoint
            (with `--force`), it applies from here on.
        checkpoint: the state.
        note: is called with a message for each part of the state that is not used.
        run: the run directory, for messages.

    Returns:
        The progress of the run.

    Raises:
        UsageError: the checkpoint is of another model, or is not at the end of a step of the current recipe.
        LookupError, TypeError, ValueError, AttributeError, RuntimeError: the state does not have the expected layout.
    """
    state = checkpoint.state
    try:
        load_model(trainer.model, checkpoint.model)
    except RuntimeError as error:
        raise UsageError(f"the checkpoint is of another net: {str(error).splitlines()[-1].strip()}") from None
    progress = progress_of(state["progress"])
    then, now = with_newer(state["identity"]["recipe"]), plain_recipe(trainer.recipe)
    progress.batch = _batches_done(trainer, progress, then, run)
    if list(then["optimizer"]) == list(now["optimizer"]):
        _restore_optimizer(trainer, state["optimizer"])
    else:
        note("note: the optimizer is another one, so its state starts anew")
    if all(then.get(key) == now.get(key) for key in _SCHEDULED):
        trainer.schedule.load_state_dict(state["schedule"])
    else:
        trainer.schedule.catch_up(progress.records, progress.step)
        note("note: learning rates go on as if the run had been planned so from its start")
    if trainer.step.scale and state["scale"]:
        trainer.step.scale.load_state_dict(state["scale"])
    if trainer.average and then["ema"]:
        load_model(trainer.average.module, state["average"])
    elif trainer.average:  # the average is new: it starts from the current weights
        load_model(trainer.average.module, checkpoint.model)
    for key in ("random", "sums"):
        if len(state[key]) != state["identity"]["world_size"]:
            raise ValueError(f"`{key}` of {len(state[key])} processes")
    if (where := state.get("data")) is not None and (text := trainer.data.train.load(where)) is not None:
        note(text)
    trainer.loss.load_state_dict(state.get("loss", {}))
    rank = min(trainer.world.rank, len(state["random"]) - 1)  # `--force` allows another number of them
    set_random_state(state["random"][rank], trainer.arithmetic.device)
    sums: list[Tensor] = state["sums"]
    if len(sums) == trainer.world.size and sums[rank].shape == trainer.sums.total().shape:  # else another loss
        trainer.sums.load(sums[rank])
    return progress


def load_model(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load a state dict of whole tensors into a model, which may be divided.

    Raises:
        RuntimeError: it is of another model.
    """
    own: Mapping[str, Tensor] = model.state_dict()
    model.load_state_dict({key: divided_as(value, own[key]) if key in own else value for key, value in state.items()})


def _batches_done(trainer: Trainer, progress: Progress, then: Mapping[str, Any], run: Path) -> int:
    """The number of batches done in the current epoch, converted to the current batch size.

    Raises:
        UsageError: the examples seen are not a whole number of current optimizer steps.
    """
    size, accumulate = trainer.recipe.batch_size, trainer.recipe.accumulate
    train, old_size, old_accumulate = trainer.data.train, then["batch_size"], then["accumulate"]
    if (size, accumulate) == (old_size, old_accumulate):
        return min(progress.batch, trainer.batches_per_epoch)  # the last one may be dropped now
    seen = progress.batch * old_size
    if seen >= (trainer.examples_per_epoch or 0):
        return trainer.batches_per_epoch
    if seen % (size * accumulate) == 0:
        return seen // size
    left = -(-(train.steps(old_size, drop_last=then["drop_last"]) - progress.batch) // old_accumulate)
    step = f"step of {size * accumulate} (`train.batch_size` {size} × `train.accumulate` {accumulate})"
    raise UsageError(
        f"the run stands within epoch {progress.epoch + 1}, behind {seen} = {progress.batch} × {old_size} examples, "
        f"where no {step} ends; let the epoch end first, with what it was trained with: "
        f"`{RunDirectory(run).resumed_by(max_steps=progress.step + left)}`"
    )


def _restore_optimizer(trainer: Trainer, saved: dict[str, Any]) -> None:
    """Load the optimizer's state of each parameter.

    The hyperparameters of the groups stay those of the current recipe, and the learning rates are set by the schedule.
    The tensors of the learning rates are kept as objects, since a captured CUDA graph reads from them. State tensors
    keep the memory format of their parameter, which fused kernels rely on.

    Raises:
        UsageError: the state is of another optimizer or of other parameter groups.
    """
    optimizer = trainer.optimization.optimizer
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    numbers = [number for group in saved["param_groups"] for number in group["params"]]
    owners = dict(zip(numbers, parameters, strict=False))  # as torch assigns them; it refuses other counts below
    saved = saved | {"state": {number: _divided(of, owners.get(number)) for number, of in saved["state"].items()}}
    own, groups = [dict(group) for group in optimizer.param_groups], saved["param_groups"]
    if len(own) == len(groups):
        groups = [mine | {"params": group["params"]} for mine, group in zip(own, groups, strict=True)]
    try:
        optimizer.load_state_dict(saved | {"param_groups": groups})
    except ValueError as error:
        raise UsageError(f"the checkpoint's optimiser is another: {error}") from None
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape and not is_divided(value):
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
    for group, mine in zip(optimizer.param_groups, own, strict=True):
        group["lr"] = mine["lr"]


def _divided(state: Mapping[str, Any], parameter: Tensor | None) -> Mapping[str, Any]:
    """The optimizer's state of a parameter, divided as that is."""
    if parameter is None or not is_divided(parameter):
        return state
    return {key: divided_as(value, parameter) if isinstance(value, Tensor) else value for key, value in state.items()}
