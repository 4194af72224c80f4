"""Calls a program's functions after steps, evaluations and epochs.

What they are given is read-only, and what they do to the generators of random numbers is undone, so that a run with
callbacks gives the numbers of a run without. They may end the training; one that fails ends it with a checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import torch

from netspec.diagnostics import UsageError
from netspec.trainer.machine.processes import World
from netspec.trainer.machine.random_state import get_random_state, set_random_state
from netspec.trainer.measure.metrics import Scores
from netspec.trainer.run.records import Record

POINTS = ("after_step", "after_evaluation", "after_epoch")
"""The methods of a callback."""

Answer = bool | str | None
"""What a callback returns: True, or a text that says why, ends the training; None and False do not."""


@dataclass(frozen=True)
class Event:
    """What a callback is told. Nothing of it can be changed."""

    run: Path
    """The run directory."""
    epoch: int
    """From 1; the one that a step belongs to."""
    step: int
    """Optimizer steps since the start of the run."""
    part: str = "train"
    """Which part of the data was evaluated, `validation` or `test`; else `train`."""
    figures: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """What the evaluation found, by name: `loss`, `accuracy` of classes, and the program's metrics."""
    record: Record | None = None
    """The record of the epoch, after an epoch."""
    scores: Callable[[], Scores] | None = field(default=None, repr=False, compare=False)
    """After a step, returns the training figures of the epoch so far; on a GPU this waits for the device."""
    rates: Callable[[], Sequence[float]] | None = field(default=None, repr=False, compare=False)
    """Returns the learning rates; see `learning_rates`."""

    @property
    def loss(self) -> float:
        """The training loss, a mean over the epoch so far. After a step on a GPU this waits for the device."""
        if self.record is not None:
            return self.record.train_loss
        return self.figures["loss"] if self.scores is None else self.scores().loss

    @property
    def learning_rates(self) -> tuple[float, ...]:
        """The learning rate of each group of parameters, as the next step takes it."""
        return () if self.rates is None else tuple(self.rates())


class Callback:
    """Base of callbacks with several methods; each is called where its name says, and does nothing here.

    A method may return True, or a text that says why, to end the training: after a step the epoch ends there. It is
    evaluated and recorded, and the run is finished.

    >>> class Enough(netspec.Callback):
    ...     def after_epoch(self, event):
    ...         return event.record.train_loss < 10
    >>> run = netspec.train(
    ...     netspec.loads(
    ...         "{input: [8], layers: [Linear: 4], train: {data: synthetic, "
    ...         "batch_size: 64, epochs: 2, optimizer: SGD, loss: CrossEntropyLoss}}"
    ...     ),
    ...     run=folder / "third", quiet=True, callbacks=Enough(),
    ... )
    >>> len(run.records)
    1
    """

    def after_step(self, event: Event) -> Answer:
        """An optimizer step is done."""

    def after_evaluation(self, event: Event) -> Answer:
        """A part of the data is evaluated, after each epoch; `event.part` and `event.figures` say which, and how."""

    def after_epoch(self, event: Event) -> Answer:
        """An epoch is done, evaluated and recorded in `event.record`."""


Call = Callable[[Event], Any]


class Callbacks:
    """The callbacks of a run.

    Args:
        given: what `netspec.train(net, callbacks=…)` is given: functions, which are called after each epoch, and
            objects with methods of `POINTS`; one of them, or a list.
        world: the processes of the run, of which the first calls them.
        device: whose generators are kept.

    Raises:
        UsageError: something can be no callback.
    """

    def __init__(self, given: Any, world: World, device: torch.device) -> None:
        self._world, self._device = world, device
        self._calls: dict[str, list[tuple[str, Call]]] = {point: [] for point in POINTS}
        listed: list[Any] = [] if given is None else [given]
        if isinstance(given, list | tuple):
            listed = list(cast("Sequence[Any]", given))
        for callback in listed:
            self._add(callback)
        self.names = [_name(callback) for callback in listed]
        self.stop: str | None = None
        """Why a callback ended the training."""
        self.failure: tuple[str, Exception] | None = None
        """The callback that failed, and how."""

    def _add(self, callback: Any) -> None:
        if isinstance(callback, type):
            raise UsageError(f"the callback `{callback.__name__}` is a class: call it, `{callback.__name__}(…)`")
        own = [p for p in POINTS if _overridden(callback, p)]
        for point in own:
            self._calls[point].append((f"{_name(callback)}.{point}", getattr(callback, point)))
        if own:
            return
        if not callable(callback):
            raise UsageError(
                f"the callback {callback!r} can do nothing: give a function, which is called after each epoch, or an "
                f"object with {', '.join(f'`{p}`' for p in POINTS[:-1])} or `{POINTS[-1]}`"
            )
        self._calls["after_epoch"].append((_name(callback), cast(Call, callback)))

    def has(self, point: str) -> bool:
        """True if a callback is called at a point."""
        return bool(self._calls[point])

    @property
    def any(self) -> bool:
        """True if there are callbacks."""
        return any(self._calls.values())

    def call(self, point: str, event: Event) -> None:
        """Call those of a point, in their order, in the first process; the first that fails is the last."""
        if not self._calls[point] or not self._world.first or self.failure is not None:
            return
        before = get_random_state(self._device)
        try:
            for name, call in self._calls[point]:
                try:
                    answer = call(event)
                    if answer is not None and not isinstance(answer, bool | str):
                        raise UsageError(
                            f"a callback returns None, or True or a text to end the training, and this one {answer!r}"
                        )
                except Exception as error:  # whatever the program's code raises
                    self.failure = name, error
                    return
                if answer is True or isinstance(answer, str):
                    self.stop = f"`{name}`" + (f": {answer}" if isinstance(answer, str) and answer else "")
        finally:
            set_random_state(before, self._device)

    def agree(self) -> bool:
        """Let all processes know what the callbacks of the first one want. A collective call.

        Returns:
            True if one has failed.
        """
        if not self._world.alone:
            self.stop, failed = self._world.tell((self.stop, self.failure is not None))
            return failed
        return self.failure is not None


def _overridden(callback: Any, point: str) -> bool:
    method: Any = getattr(callback, point, None)
    return callable(method) and getattr(method, "__func__", method) is not getattr(Callback, point)


def _name(callback: Any) -> str:
    own: Any = getattr(callback, "__qualname__", None)
    return own if isinstance(own, str) else cast("type[Any]", type(callback)).__qualname__
