"""Two ways to run the same step: call it, or replay a CUDA graph of it.

`Graph` records each kind of step once and from then on replays it, without autograd or any of the step's Python; where
capture fails it says why and stays eager. The tests have a recorder for any device, which they add to `RECORDERS`.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from netspec.trainer.step.feed import Feed, Phase, StaticFeed
from netspec.trainer.step.work import Step


class Driver(Protocol):
    """Runs steps. `reason` says why it is not the one that was asked for, if so."""

    name: str
    reason: str | None
    records: bool
    """True if steps are recorded, so that fetching a batch is better done within them."""

    def __call__(self, feed: Feed, phase: Phase) -> None:
        """Run one step on one batch."""
        ...


class Eager:
    """Calls the step."""

    name = "eager"
    records = False

    def __init__(self, step: Step, reason: str | None = None) -> None:
        self._step = step
        self.reason = reason

    def __call__(self, feed: Feed, phase: Phase) -> None:
        """Call the step."""
        self._step(feed, phase)


class Recorder(Driver, Protocol):
    """A driver that records steps."""

    def __init__(self, step: Step) -> None: ...

    @staticmethod
    def lacks(device: torch.device) -> str | None:
        """What a device lacks for it, as a reason; None for nothing."""
        ...


Key = tuple[Phase, tuple[torch.Size | None, ...]]
"""What a step is recorded by: where it stands, and the sizes of what it is given."""


def key_of(feed: Feed, phase: Phase) -> Key:
    """The key of a step: each has a record of its own."""
    return phase, tuple([value.shape if isinstance(value, Tensor) else None for value in vars(feed).values()])


class Graph:
    """Captures each kind of step in a CUDA graph and replays it.

    The first three calls of a kind run eagerly on a side stream, as capture demands; they are real steps. If capture
    fails, every later step runs eagerly and `reason` says why.
    """

    name = "graph"
    records = True

    def __init__(self, step: Step) -> None:
        self._step = step
        self.reason: str | None = None
        self._stream = torch.cuda.Stream()
        self._calls: dict[Key, int] = {}
        self._graphs: dict[Key, tuple[StaticFeed, torch.cuda.CUDAGraph]] = {}
        self._pool = torch.cuda.graph_pool_handle()

    @staticmethod
    def lacks(device: torch.device) -> str | None:
        """See `Recorder.lacks`."""
        return None if device.type == "cuda" else "CUDA graphs need an NVIDIA GPU"

    def __call__(self, feed: Feed, phase: Phase) -> None:
        """Call, record or replay the step."""
        key = key_of(feed, phase)
        if (captured := self._graphs.get(key)) is not None:
            static, graph = captured
            static.load(feed)
            graph.replay()
            return
        if self.reason is None:
            self._calls[key] = self._calls.get(key, 0) + 1
            if self._calls[key] > 3:
                self._capture(key, feed, phase)
                return
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._step(feed, phase)
        torch.cuda.current_stream().wait_stream(self._stream)

    def _capture(self, key: Key, feed: Feed, phase: Phase) -> None:
        static, graph = StaticFeed(feed), torch.cuda.CUDAGraph()
        random = torch.cuda.get_rng_state()
        try:
            # thread_local: a loader's thread that pins memory must not break the capture
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                self._step(static.own, phase)
        except RuntimeError as error:
            torch.cuda.synchronize()
            graph.reset()
            torch.cuda.set_rng_state(random)
            cause = error.__context__ or error  # the end of a capture that failed within has nothing to say of why
            self.name, self.reason = "eager", f"the step cannot be captured: {str(cause).splitlines()[0]}"
            self._step(feed, phase)
            return
        self._graphs[key] = static, graph
        graph.replay()


RECORDERS: dict[str, type[Recorder]] = {"graph": Graph}
"""The drivers that record steps, by their name in `--driver`."""

GONE = ("replay",)
"""Drivers of earlier versions: a run that was started with one goes on eagerly."""


def driver_names() -> tuple[str, ...]:
    """What `--driver` takes."""
    return ("auto", "eager", *RECORDERS)


def choose_driver(name: str, step: Step, momentum_cycles: bool, *, alone: bool = True) -> Driver:
    """The driver for a `--driver` value; `auto` is the CUDA graph on a GPU and eager elsewhere.

    Args:
        name: one of `driver_names()`.
        step: what it runs.
        momentum_cycles: the schedule changes the momentum.
        alone: there is only this process. In a recorded exchange of gradients nobody would notice a lost peer.
    """
    device = step.arithmetic.device
    if not alone:
        return Eager(step, "several processes exchange gradients" if name in RECORDERS else None)
    if name == "auto":
        name = "graph" if device.type == "cuda" else "eager"
    if name == "eager":
        return Eager(step)
    recorder = RECORDERS[name]
    if (lacking := recorder.lacks(device)) is not None:
        return Eager(step, lacking)
    if not step.optimization.tensor_lr:
        kind = type(step.optimization.optimizer).__name__
        return Eager(step, f"{kind} keeps its learning rate on the host, so a recorded step could not follow it")
    if momentum_cycles:
        return Eager(step, "the schedule changes the momentum, which a recorded step holds fixed")
    return recorder(step)
