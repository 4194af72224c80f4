"""Two ways to run a step: call it eagerly, or replay a CUDA graph of it.

`Graph` captures each kind of step once and then replays it, without autograd and without the Python code of the step.
If the capture fails, it continues eagerly. The tests add a recorder that works on any device to `RECORDERS`.
"""

from __future__ import annotations

from typing import Protocol

import torch

from netspec.trainer.machine.values import each, is_values
from netspec.trainer.step.feed import Feed, Phase, StaticFeed
from netspec.trainer.step.work import Step


class Driver(Protocol):
    """Runs steps."""

    name: str
    """The driver that runs, by its name in `--driver`."""
    reason: str | None
    """Why steps run eagerly although another driver was requested; None if that is not the case."""
    records: bool
    """True if steps are recorded; then the fetching of resident batches should be part of the step."""

    def __call__(self, feed: Feed, phase: Phase) -> None:
        """Run the step for one batch."""
        ...


class Eager:
    """Runs every step eagerly."""

    name = "eager"
    records = False

    def __init__(self, step: Step, reason: str | None = None) -> None:
        self._step = step
        self.reason = reason

    def __call__(self, feed: Feed, phase: Phase) -> None:
        """Call the step."""
        self._step(feed, phase)


class Recorder(Driver, Protocol):
    """A driver that records steps and replays them."""

    def __init__(self, step: Step) -> None: ...

    @staticmethod
    def lacks(device: torch.device) -> str | None:
        """Why the driver cannot be used on a device; None if it can."""
        ...


Key = tuple[Phase, tuple[torch.Size | None, ...]]
"""What distinguishes recorded steps: the phase, and the shapes of the inputs."""


def key_of(feed: Feed, phase: Phase) -> Key:
    """The key of a step. Each key has its own recording, since a graph has fixed shapes and control flow."""
    shapes: list[torch.Size | None] = []
    for value in vars(feed).values():
        shapes += [tensor.shape for tensor in each(value)] if is_values(value) else [None]
    return phase, tuple(shapes)


class Graph:
    """Captures each kind of step in a CUDA graph, and replays it.

    A graph is a fixed sequence of kernels that read and write fixed memory addresses. So the inputs of each step are
    copied into static tensors (`StaticFeed`), and everything else that changes from step to step, such as the learning
    rate, must be in tensors that are changed in place.

    The first three calls of a kind run eagerly on a side stream: a capture needs such a warm-up, which initialises
    lazily created state. They are ordinary steps of the run. If the capture fails, all later steps run eagerly, and
    `reason` says why.

    Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
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
        """Replay the step if it is captured, else run it eagerly, or capture it after three eager calls."""
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
        # The side stream starts after the work launched so far, and later work waits for it: the steps stay in order.
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            self._step(feed, phase)
        torch.cuda.current_stream().wait_stream(self._stream)

    def _capture(self, key: Key, feed: Feed, phase: Phase) -> None:
        """Capture the step, and replay it: kernels are not executed during a capture. Or fall back to eager steps."""
        static, graph = StaticFeed(feed), torch.cuda.CUDAGraph()
        random = torch.cuda.get_rng_state()
        try:
            # thread_local: else a CUDA call of another thread, such as the loader's that pins memory, fails the capture
            with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                self._step(static.own, phase)
        except RuntimeError as error:
            torch.cuda.synchronize()
            graph.reset()
            torch.cuda.set_rng_state(random)
            cause = error.__context__ or error  # the context is the original error, this one only ends the capture
            self.name, self.reason = "eager", f"the step cannot be captured: {str(cause).splitlines()[0]}"
            self._step(feed, phase)
            return
        self._graphs[key] = static, graph
        graph.replay()


RECORDERS: dict[str, type[Recorder]] = {"graph": Graph}
"""The drivers that record steps, by their names in `--driver`."""

GONE = ("replay",)
"""Drivers of earlier versions. A run that was started with one is resumed eagerly."""


def driver_names() -> tuple[str, ...]:
    """The values of `--driver`."""
    return ("auto", "eager", *RECORDERS)


def choose_driver(name: str, step: Step, momentum_cycles: bool, *, alone: bool = True) -> Driver:
    """The driver for a `--driver` value; `auto` is the CUDA graph on a GPU and eager elsewhere.

    Args:
        name: one of `driver_names()`.
        step: the step to run.
        momentum_cycles: the schedule changes the momentum, which is a constant in a recorded step.
        alone: there is only this process. With several, steps are eager: the loss of a process would not be noticed in
            a recorded all-reduce.

    Returns:
        The driver; `Eager` with a `reason` if the requested one cannot be used.
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
