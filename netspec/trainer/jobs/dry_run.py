"""`--dry-run`: train a few steps with a checkpoint and a resume, and estimate the time and memory of the whole run."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch

from netspec.net import Net
from netspec.trainer.errors import Interrupted
from netspec.trainer.jobs.training import train
from netspec.trainer.jobs.tune import seconds_per_step
from netspec.trainer.machine.device import describe
from netspec.trainer.machine.processes import World
from netspec.trainer.run.checkpoint import checkpoints, newest
from netspec.trainer.run.directory import find_run
from netspec.trainer.run.records import read_records
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.memory import device_memory, estimated, memory_in_use
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.supplied import supplied
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.reporters import Quiet
from netspec.views.describe import bytes_text, plural


def rehearse(net: Net, options: Mapping[str, Any], resume: Path | None = None) -> str:
    """Train two steps in a temporary directory, write a checkpoint, resume, and time some more steps.

    Args:
        net: the net, with a recipe.
        options: the options of `train`.
        resume: a run that would be resumed. Its options are used; its files are not changed.

    Returns:
        The measurements and the estimates for the whole run, as text.

    Raises:
        NetspecError: any error that would end the real run.
    """
    net, _ = supplied(net, data=None, loss=None, metrics=None, batches_per_epoch=None, resume=resume)
    recipe = net.recipe
    if recipe is not None:  # three steps must not exceed the last epoch, even if an epoch is one step
        net = replace(net, recipe=recipe._replace(epochs=max(recipe.epochs, 4)))
    chosen, done = Options.of(options), 0
    if resume is not None:
        chosen, done = chosen.remembered(find_run(resume).options), len(read_records(resume))
        options = {f.name: getattr(chosen, f.name) for f in fields(chosen)}
    trainer = assemble(net, chosen, World(), chosen.device)
    with tempfile.TemporaryDirectory(prefix="netspec-") as place:
        run = Path(place) / "run"
        _until(net, 2, options, run=run)
        size = sum(file.stat().st_size for file in checkpoints(run / "checkpoints")[0].iterdir())
        first = _clock(run)
        _until(net, 3, options, resume=run)
    step = seconds_per_step(trainer) * (recipe.accumulate if recipe else 1)
    trainer.data.close()
    return _told(trainer, max((recipe.epochs if recipe else 0) - done, 0), first, step, size)


def _until(net: Net, step: int, options: Mapping[str, Any], **where: Path) -> None:
    try:
        train(net, max_steps=step, reporter=Quiet(), **where, **options)  # pyright: ignore[reportArgumentType]  # `run` or `resume`
    except Interrupted:
        return


def _clock(run: Path) -> float:
    """Seconds of training up to a run's newest checkpoint."""
    state = newest(run / "checkpoints", Quiet().note)[1].state["progress"]
    return sum(record["seconds"] for record in state["records"]) + state["seconds"]


def _told(trainer: Trainer, epochs: int, first: float, step: float, size: int) -> str:
    device, batch = trainer.arithmetic.device, trainer.recipe.batch_size * trainer.recipe.accumulate
    memory, available = estimated(trainer, trainer.recipe.batch_size), device_memory(trainer)
    epoch = step * trainer.steps_per_epoch
    lines = [
        f"{trainer.net.name} on {describe(device)}, {trainer.arithmetic.precision}, {trainer.driver.name} steps",
        "two steps, a checkpoint, a resume: all well",
        f"checkpoint  {bytes_text(size)}",
        f"memory      {bytes_text(memory)} by estimate: a step, and the data that stay",
        f"            {bytes_text(memory_in_use(device))} at the peak{_of_what(device)}"
        + (f", of {bytes_text(available)}" if available else ""),
        f"step        {step * 1000:.1f} ms for {batch} examples ({batch / step:,.0f} examples/s); "
        f"the first two took {first:.1f} s",
        f"epoch       {_duration(epoch)} for {trainer.steps_per_epoch} steps, evaluation not counted",
        f"run         {_duration(epoch * epochs)} for {plural(epochs, 'epoch')}",
    ]
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return "\n".join(lines)


def _of_what(device: torch.device) -> str:
    return "" if device.type == "cuda" else " of the whole process, torch's own code included"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.1f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
