"""Open a trained run: its net, its model with weights, and its data."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from netspec.asked import option, setting
from netspec.compiler import load_offered
from netspec.diagnostics import ResourceError, UsageError
from netspec.dims import Shape
from netspec.layers import OWN, Offer
from netspec.net import Net
from netspec.recipe.resolved import Recipe
from netspec.torch.build import build
from netspec.trainer.data.ends import given_of
from netspec.trainer.data.load import load_data
from netspec.trainer.data.splits import DataSplits, Split
from netspec.trainer.errors import NonFinite
from netspec.trainer.machine.device import Arithmetic, choose_arithmetic, choose_device
from netspec.trainer.measure.losses import Objective
from netspec.trainer.measure.objective import make_objective
from netspec.trainer.run.checkpoint import Checkpoint, best_of, newest_used, pointed, used
from netspec.trainer.run.directory import RunDirectory, class_names, find_run
from netspec.trainer.run.plugins import need_plugins, plugin_notes
from netspec.trainer.run.progress import progress_of
from netspec.trainer.setup.options import Options
from netspec.trainer.show.reporters import say
from netspec.trainer.step.weights import load_weights, not_finite


@dataclass(frozen=True)
class Trained:
    """A run's model with its weights, on a device."""

    run: RunDirectory
    net: Net
    recipe: Recipe
    model: nn.Module
    arithmetic: Arithmetic
    origin: str
    """Where the weights come from, as text."""
    elsewhere: bool = False
    """True if the data are others than those of the run: paths count from the working directory, and all examples are
    taken."""

    def objective(self, ignores: Sequence[bool] = ()) -> Objective:
        """The losses of the recipe on the device; `ignores` is `DataSplits.ignores`."""
        return make_objective(self.net, self.recipe, self.arithmetic.device, ignores)

    @property
    def names(self) -> list[str]:
        """The names of the classes; `"0"`, `"1"` … if the data have none."""
        return class_names(self.run.class_names, self._scores or self.net.output_shape)

    @property
    def classifies(self) -> bool:
        """True if one output of the net, and no other, has one score per class, so that a confusion matrix is
        defined."""
        return self._scores is not None and len(self._scores) == 1

    @property
    def _scores(self) -> Shape | None:
        """The shape of the output that is compared with classes, if there is exactly one."""
        loss = self.objective().classifier
        return None if loss is None else loss.scores

    def _check_names(self, data: DataSplits) -> None:
        """Other data must count the classes as the run does.

        Raises:
            ResourceError: their classes are others, or stand in another order.
        """
        then, now = self.run.class_names, list(data.names)
        if then and now and then != now:
            place = next((i for i, pair in enumerate(zip(then, now, strict=False)) if pair[0] != pair[1]), None)
            number = min(len(then), len(now)) if place is None else place
            names = [f"`{names[number]}`" if number < len(names) else "missing" for names in (then, now)]
            raise ResourceError(
                f"the classes of these data are others than those of `{self.run.path}`: there are {len(now)} and "
                f"{len(then)}, and class {number} is {names[1]}, but was {names[0]}; give the data the run's classes, "
                "an empty folder for one without examples"
            )

    def part(self, data: DataSplits, name: str) -> Split:
        """A part of the run's data by its name.

        Raises:
            UsageError: the data have no such part.
        """
        found = data.split(name)
        if found is None:
            raise UsageError(
                f"{option('split', name)}: the data of this run have no such part; there are {', '.join(data.parts)}"
            )
        return found

    def data(self, root: str | Path | None = None, examples: int | None = None) -> DataSplits:
        """Load the data of the run for its device. `root` and `examples` replace the options of the run.

        Raises:
            UsageError: a program gave the data, which are in no file of the run.
            ResourceError: data are missing or damaged.
        """
        if "data" in self.run.given and not self.elsewhere:
            told = ", ".join(f"{name}: {what}" for name, what in self.run.parts_given.items())
            more = ", loss=…" * ("loss" in self.run.given)
            raise UsageError(
                f"the data of `{self.run.path}` were given by a program ({told}) and are in no file of the run: call "
                f'`netspec.open_run("{self.run.path}").evaluate(data{more})`'
            )
        options = Options().remembered(self.run.options)
        splits = load_data(
            self.recipe, *given_of(self.net), self.arithmetic.device,
            root=root or options.data_root, base=None if self.elsewhere else options.base, budget=options.budget,
            workers=options.workers, kept=self.run.kept(self.recipe.data),
        )  # fmt: skip
        if self.elsewhere:
            self._check_names(splits)
        examples = examples or (None if self.elsewhere else options.examples)
        if examples is not None:
            splits.limit(examples, self.recipe.seed)
        return splits


def open_trained(
    path: Path,
    *,
    device: str = "auto",
    best: bool = False,
    last: bool = False,
    offer: Offer = OWN,
    set: Mapping[str, Any] | None = None,
) -> Trained:
    """Open a run with its weights, the best where its recipe has a `best`, else those at the end; or with those of its
    newest checkpoint if it is unfinished.

    Args:
        path: the run directory.
        device: a value of `--device`.
        best: use the weights of the best checkpoint instead.
        last: use the weights at the end instead, or of the newest checkpoint.
        offer: the layers that the run's spec may name.
        set: keys of the recipe with other values, such as `train.data`: the net stays.

    Raises:
        UsageError: `path` is not a run, the run has no best checkpoint, or both are asked for.
        PluginError: the run's net has layers of a plugin that is not there.
        ResourceError: the weights are damaged, or there are none yet.
        NonFinite: a weight is not finite.
    """
    if best and last:
        raise UsageError(f"{option('best', True)} and {option('last', True)} ask for two checkpoints; give one of them")
    run = find_run(path)
    need_plugins(run, offer.plugins)
    for note in plugin_notes(run, offer.plugins):
        _warn(note)
    if strange := [key for key in set or {} if key.partition(".")[0] != "train"]:
        raise UsageError(f"{setting(strange[0], '…')}: the net of a run is what was trained; of its recipe keys may be "
                         f"set, as {setting('train.data', 'FashionMNIST')}")  # fmt: skip
    net = load_offered(run.spec, offer, set=set)
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
        origin = run.origin(last=last)
        load_weights(model, run.last if last and run.last.is_file() else run.weights)
    else:
        at, _ = newest_used(run.checkpoints, _warn, lambda found: _load(model, found))
        origin = f"unfinished run, {at.name}"
    _check_finite(model, path, origin)
    elsewhere = any(key == "train" or key.startswith("train.data") for key in set or {})
    return Trained(run, net, net.recipe, model.to(target).eval(), arithmetic, origin, elsewhere)


def _check_finite(model: nn.Module, path: Path, origin: str) -> None:
    if (found := not_finite(model)) is not None:
        raise NonFinite(
            f"`{path}` ({origin}): {found}, so there is nothing to measure; no run keeps such weights by itself: take "
            "those of another checkpoint or run"
        )


def _load(model: nn.Module, checkpoint: Checkpoint) -> None:
    """Load the weights that evaluation uses: those of the moving average if there is one."""
    average: dict[str, Any] | None = checkpoint.state["average"]
    try:
        model.load_state_dict(average or checkpoint.model)
    except RuntimeError as error:
        raise ResourceError(f"the checkpoint does not fit the run's own spec: {error}") from None


def _lost_best(run: RunDirectory, recipe: Recipe) -> Path:
    """The best checkpoint by the records of the newest one, if the file `best` is missing.

    Raises:
        UsageError: the run has no best epoch.
        ResourceError: the checkpoint does not exist any more.
    """
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
