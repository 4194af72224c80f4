"""The metrics of a run: those that its recipe names, and those that a program gives.

A program gives functions of a batch, or objects that see all batches of an evaluation.

A function gives a number for each batch, and the figure of a set is their mean, weighted by the examples. An object has
`update(output, target)`, `compute()` and `reset()`, as those of torchmetrics have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, cast

import torch
from torch import Tensor

from netspec.diagnostics import NetspecError, UsageError
from netspec.recipe.resolved import Recipe
from netspec.torch.foreign import lacks_memory
from netspec.trainer.data.targets import sizes_text
from netspec.trainer.machine.processes import World
from netspec.trainer.measure.given import name_of
from netspec.trainer.measure.losses import Objective
from netspec.trainer.measure.measured import Measured, foreign_metrics, measured_of, sees_all
from netspec.trainer.measure.metrics import Entry

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}")
_TAKEN = ("loss", "accuracy", "perplexity")


class Metrics:
    """The metrics of a run, by name.

    Args:
        given: what `netspec.train(net, metrics=…)` is given: by name, or a list of functions, whose names are theirs.
        device: the device of outputs and targets.
        world: the processes of the run.
        named: those of netspec's own that the recipe names, each with the place of the loss that it goes with.
        places: of a plugin's that the recipe names, which are `given`, that place.

    Raises:
        UsageError: one is no metric, or its name cannot be a column of the records.
    """

    def __init__(
        self,
        given: Any,
        device: torch.device,
        world: World = World(),  # noqa: B008  # a value
        named: Sequence[tuple[int, Measured]] = (),
        places: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self._measured, self._places = named, places
        self._functions: dict[str, Callable[[Any, Any], Any]] = {}
        self._objects: dict[str, Any] = {}
        self._world = world
        for name, metric in _named(given).items():
            _check_name(name)
            if sees_all(metric):
                self._objects[name] = _placed(name, metric, device, world)
            elif callable(metric) and not isinstance(metric, type):
                self._functions[name] = metric
            else:
                call = f": call it, `{metric.__name__}(…)`" if isinstance(metric, type) else ""
                raise UsageError(
                    f"the metric `{name}` is {metric!r}, but wanted is a function `{name}(output, target)` or an "
                    f"object with `update`, `compute` and `reset`, as torchmetrics has them{call}"
                )
        self._sums = torch.zeros(len(self._functions) + 1, dtype=torch.float64, device=device)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the metrics."""
        return (*(metric.label for _, metric in self._measured), *self._functions, *self._objects)

    def reset(self) -> None:
        """Begin a set."""
        self._sums.zero_()
        for _, metric in self._measured:
            metric.reset()
        for name, metric in self._objects.items():
            self._asked(name, "reset", metric.reset)

    def add(self, output: Any, target: Any, count: int, entries: Sequence[Entry]) -> None:
        """Add a batch of so many examples: outputs and targets as a program knows them, and as each loss reads them.

        Raises:
            UsageError: a metric fails, or gives more than a number.
        """
        for place, measured in self._measured:
            measured.update(entries[place])
        for place, (name, metric) in enumerate(self._functions.items()):
            pair = self._read_by(name, output, target, entries)
            found = self._asked(name, f"{name}(output, target)", lambda m=metric, pair=pair: m(*pair))
            self._sums[place].add_(_number(name, found, f"for a batch of {count}"), alpha=count)
        self._sums[-1].add_(count)
        for name, metric in self._objects.items():
            pair = self._read_by(name, output, target, entries)
            self._asked(name, "update", lambda m=metric, pair=pair: m.update(*pair))

    def _read_by(self, name: str, output: Any, target: Any, entries: Sequence[Entry]) -> tuple[Any, Any]:
        """Output and target as a metric is given them: those of its loss, for one that the recipe names."""
        if name not in self._places:
            return output, target
        entry = entries[self._places[name]]
        return entry.output, entry.y

    def read(self) -> dict[str, float]:
        """The figures of the set. A collective call.

        Raises:
            UsageError: a metric fails, or gives more than a number.
            ResourceError: the data are not what a metric of the recipe is of.
        """
        sums = self._world.sum_(self._sums.clone())
        found = {name: value for _, metric in self._measured for name, value in metric.figures().items()}
        found |= {name: float(sums[place] / sums[-1]) for place, name in enumerate(self._functions)}
        for name, metric in self._objects.items():
            value = self._asked(name, "compute", metric.compute)
            if isinstance(value, Mapping):
                for key, part in cast("Mapping[Any, Any]", value).items():
                    found[f"{name}.{key}"] = float(_number(f"{name}.{key}", part, "by `compute()`"))
            else:
                found[name] = float(_number(name, value, "by `compute()`"))
            self._asked(name, "reset", metric.reset)
        return found

    def _asked(self, name: str, what: str, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except NetspecError:
            raise
        except Exception as error:  # whatever the program's code raises
            if lacks_memory(error):
                raise
            raise UsageError(f"the metric `{name}` fails in `{what}`: {type(error).__name__}: {error}") from error


def make_metrics(
    recipe: Recipe,
    objective: Objective,
    names: Sequence[str],
    device: torch.device,
    world: World = World(),  # noqa: B008  # a value
    given: Any = None,
) -> Metrics | None:
    """The metrics of a run; None if there are none.

    Args:
        recipe: names metrics.
        objective: its losses.
        names: of the classes, as far as the data have some.
        device: the device of outputs and targets.
        world: the processes of the run.
        given: what a program gives, as of `Metrics`.

    Raises:
        UsageError: one of the program's is no metric, or has the name of another.
        PluginError: one of a plugin's is not there, or refuses its arguments.
        MissingExtra: torchmetrics is not installed.
    """
    if not recipe.metrics and given is None:
        return None
    found = _named(given)
    foreign = foreign_metrics(recipe, device)
    twice = next((name for name in found if name in recipe.measured), None)
    if twice is not None:
        raise UsageError(f"the recipe has a metric `{twice}`, and so has `metrics`: give one of them another name")
    named = measured_of(recipe, objective, names, device)
    places = {name: place for name, (place, _) in foreign.items()}
    return Metrics({**found, **{name: call for name, (_, call) in foreign.items()}}, device, world, named, places)


def _named(given: Any) -> dict[str, Any]:
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return {str(name): metric for name, metric in cast("Mapping[Any, Any]", given).items()}
    metrics: Sequence[Any] = cast("Sequence[Any]", given) if isinstance(given, list | tuple) else [given]
    names = [name_of(metric) if hasattr(metric, "__qualname__") else type(metric).__name__ for metric in metrics]
    if len(set(names)) < len(names) or "<lambda>" in names:
        raise UsageError("metrics of a list are called by their functions' names, and these have none, or one twice: "
                         "give a dict, `metrics={'name': metric}`")  # fmt: skip
    return dict(zip(names, metrics, strict=True))


def _check_name(name: str) -> None:
    if name in _TAKEN:
        raise UsageError(f"the metric `{name}` has the name of a figure that the records have by themselves: rename it")
    if not _NAME.fullmatch(name):
        raise UsageError(f"`{name}` cannot be the name of a metric: letters, digits, `_`, `.`, `-`, at most 64 of them")


def _placed(name: str, metric: Any, device: torch.device, world: World) -> Any:
    """An object on the device.

    Raises:
        UsageError: there are several processes, and it does not add up what each of them sees.
    """
    if not world.alone and not hasattr(metric, "sync_on_compute"):
        raise UsageError(
            f"the metric `{name}` would see the examples of one process of {world.size}: give a function, or a metric "
            "of torchmetrics, which adds up what all see"
        )
    move: Callable[[torch.device], Any] | None = getattr(metric, "to", None)
    return metric if move is None else move(device)


def _number(name: str, value: Any, when: str) -> Any:
    """A single number.

    Raises:
        UsageError: it is something else.
    """
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, Tensor) or hasattr(value, "item"):
        size = value.numel() if isinstance(value, Tensor) else getattr(value, "size", 1)
        if size == 1:
            return value.detach().reshape(()) if isinstance(value, Tensor) else float(value.item())
        raise UsageError(
            f"the metric `{name}` gives {size} numbers, {sizes_text(tuple(value.shape))}, {when}, but wanted is 1: "
            "take their mean, `.mean()`, or give a metric for each"
        )
    raise UsageError(f"the metric `{name}` gives {value!r} {when}, but wanted is a number")
