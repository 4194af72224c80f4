"""A run that is there: its net, its model, its data, for those who look at it."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from netspec.compiler import load
from netspec.diagnostics import ResourceError, UsageError
from netspec.net import Net
from netspec.recipe.resolved import Recipe
from netspec.torch.build import build
from netspec.trainer.data.load import load_data
from netspec.trainer.data.splits import DataSplits
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.device import Arithmetic, choose_arithmetic, choose_device
from netspec.trainer.run.checkpoint import Checkpoint, best_of, newest_used, pointed, used
from netspec.trainer.run.directory import RunDirectory, class_names, open_run
from netspec.trainer.run.progress import progress_of
from netspec.trainer.setup.options import Options
from netspec.trainer.show.reporters import say
from netspec.trainer.step.weights import load_weights, not_finite


@dataclass(frozen=True)
class Trained:
    """A run's net with its weights, on a device."""

    run: RunDirectory
    net: Net
    recipe: Recipe
    model: nn.Module
    arithmetic: Arithmetic
    origin: str
    """Where the weights come from, in words."""

    @property
    def names(self) -> list[str]:
        """The names of the classes, `"0"` to `"9"` where the data gave none."""
        return class_names(self.run.class_names, self.net.output_shape)

    @property
    def classifies(self) -> bool:
        """True if the net gives one score per class, so that there is a confusion."""
        return self.recipe.loss.target == "classes" and len(self.net.output_shape) == 1

    def data(self, root: str | Path | None = None, examples: int | None = None) -> DataSplits:
        """The run's data, on its device: from where it had them, and as few examples, unless told otherwise."""
        options = Options().remembered(self.run.options)
        splits = load_data(
            self.recipe, self.net.input, self.net.output, self.arithmetic.device,
            root=root or options.data_root, base=options.base, budget=options.budget, workers=options.workers,
        )  # fmt: skip
        examples = examples or options.examples
        if examples is not None:
            splits.limit(examples, self.recipe.seed)
        return splits


def open_trained(path: Path, *, device: str = "auto", best: bool = False) -> Trained:
    """Open a run: the weights at its end, those of its best checkpoint, or, while it is unfinished, of its newest.

    Raises:
        UsageError: no run there, or no best checkpoint.
        ResourceError: its weights are damaged, or it has none yet.
        NonFinite: a weight is not finite, so that every answer would mean nothing.
    """
    run = open_run(path)
    net = load(run.spec)
    if net.recipe is None:
        raise UsageError(f"`{run.spec}` has no `train:` recipe any more, so this is no run to look at")
    target = choose_device(device)
    precision = net.recipe.precision if target.type == "cuda" or net.recipe.precision != "tf32" else None
    arithmetic = choose_arithmetic(target, precision)
    model = build(net, seed=0)
    if best:
        at = pointed(run.checkpoints, "best") or _lost_best(run, net.recipe)
        origin = f"best checkpoint, {at.name}"
        used(at, lambda found: _load(model, found))
    elif run.finished:
        origin = "weights at the end"
        load_weights(model, run.weights)
    else:
        at, _ = newest_used(run.checkpoints, _warn, lambda found: _load(model, found))
        origin = f"unfinished run, {at.name}"
    _check_finite(model, path, origin)
    return Trained(run, net, net.recipe, model.to(target).eval(), arithmetic, origin)


def _check_finite(model: nn.Module, path: Path, origin: str) -> None:
    if (found := not_finite(model)) is not None:
        raise NonFinite(
            f"`{path}` ({origin}): {found}, so there is nothing to measure; no run keeps such weights by itself: take "
            "those of another checkpoint or run"
        )


def _load(model: nn.Module, checkpoint: Checkpoint) -> None:
    """The weights that evaluation uses: the moving average's, if there is one."""
    average: dict[str, Any] | None = checkpoint.state["average"]
    try:
        model.load_state_dict(average or checkpoint.model)
    except RuntimeError as error:
        raise ResourceError(f"the checkpoint does not fit the run's own spec: {error}") from None


def _lost_best(run: RunDirectory, recipe: Recipe) -> Path:
    """The best checkpoint where nothing points to it."""
    if recipe.best is None:
        raise UsageError(f"`{run.path}` has no best checkpoint: its recipe has no `validation` share to choose one by")
    _, progress = newest_used(run.checkpoints, _warn, lambda found: progress_of(found.state["progress"]))
    if not progress.best_epoch:
        raise UsageError(f"`{run.path}` has no best checkpoint yet: no epoch of it is finished")
    at = best_of(run.checkpoints, progress.best_epoch, progress.records)
    if at is None:
        raise ResourceError(
            f"the best checkpoint of `{run.path}`, of epoch {progress.best_epoch}, is not there any more; "
            f"`netspec eval {run.path}` measures the weights at the end"
        )
    return at


def _warn(reason: str) -> None:
    say(reason, sys.stderr)
