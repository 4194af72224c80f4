"""Three ways to run the same step: call it, replay a record of it, replay a CUDA graph of it.

`Eager` calls. `Tape` records the tensor operations of one call and from then on runs only those, on static buffers,
without autograd or any of the step's Python: the same discipline as a CUDA graph, on any device, so that the tests can
hold replayed and eager steps equal to the bit. `Graph` is the CUDA graph; where capture fails it says why and stays
eager.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

from netspec.trainer.step.feed import Feed, Phase, StaticFeed
from netspec.trainer.step.work import Step

DRIVERS = ("auto", "eager", "replay", "graph")
"""What `--driver` takes."""


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


Key = tuple[Phase, tuple[torch.Size | None, ...]]


def _key(feed: Feed, phase: Phase) -> Key:
    return phase, tuple([value.shape if isinstance(value, Tensor) else None for value in vars(feed).values()])


class Tape:
    """Records each kind of step once, as a list of tensor operations, and replays it.

    The first two calls of a kind run eagerly, so that optimiser state exists, the third is recorded as it runs. If that
    or the first replay fails, every later step runs eagerly and `reason` says why.
    """

    name = "replay"
    records = True

    def __init__(self, step: Step) -> None:
        self._step = step
        self.reason: str | None = None
        self._calls: dict[Key, int] = {}
        self._records: dict[Key, tuple[StaticFeed, _Recorder]] = {}

    def __call__(self, feed: Feed, phase: Phase) -> None:
        """Call, record or replay the step."""
        key = _key(feed, phase)
        self._calls[key] = self._calls.get(key, 0) + 1
        if self._calls[key] < 3 or self.reason is not None:
            self._step(feed, phase)
            return
        if self._calls[key] > 4:
            self._replay(key, feed)
            return
        random = torch.get_rng_state()
        try:
            if self._calls[key] == 3:
                self._record(key, feed, phase)
            else:
                self._replay(key, feed)
        except RuntimeError as error:  # what of it passes by the dispatch is missing, as in an LSTM's gradient
            torch.set_rng_state(random)
            self.name, self.reason = "eager", f"the step cannot be replayed: {str(error).splitlines()[0]}"
            self._step(feed, phase)

    def _record(self, key: Key, feed: Feed, phase: Phase) -> None:
        static = StaticFeed(feed)
        with _Recorder() as recorder:
            self._step(static.own, phase)
        self._records[key] = static, recorder

    def _replay(self, key: Key, feed: Feed) -> None:
        static, recorder = self._records[key]
        static.load(feed)
        recorder.replay()


class _Recorder(TorchDispatchMode):
    """Notes every operation with the slots of its tensors: slots of results are filled anew at each replay."""

    def __init__(self) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
        self._operations: list[tuple[Callable[..., Any], Any, Any, list[int | None]]] = []
        self._slots: dict[int, int] = {}
        self._values: list[Tensor] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        recorded = tree_map_only(Tensor, self._slot, (args, kwargs or {}))
        result = func(*args, **(kwargs or {}))
        outputs = [self._slot(v).index if isinstance(v, Tensor) else None for v in tree_flatten(result)[0]]
        self._operations.append((func, *recorded, outputs))
        return result

    def _slot(self, tensor: Tensor) -> _Slot:
        """The tensor's slot. Values are kept alive, so that an id is never used twice."""
        index = self._slots.get(id(tensor))
        if index is None:
            index = self._slots[id(tensor)] = len(self._values)
            self._values.append(tensor)
        return _Slot(index)

    def replay(self) -> None:
        """Run the operations again on what the static tensors hold now."""
        values = self._values
        with torch.no_grad():
            for func, args, kwargs, outputs in self._operations:
                args, kwargs = tree_map_only(_Slot, lambda slot: values[slot.index], (args, kwargs))
                for slot, value in zip(outputs, tree_flatten(func(*args, **kwargs))[0], strict=True):
                    if slot is not None:
                        values[slot] = value


class _Slot:
    __slots__ = ("index",)

    def __init__(self, index: int) -> None:
        self.index = index


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

    def __call__(self, feed: Feed, phase: Phase) -> None:
        """Call, record or replay the step."""
        key = _key(feed, phase)
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


def choose_driver(name: str, step: Step, momentum_cycles: bool, *, alone: bool = True) -> Driver:
    """The driver for a `--driver` value; `auto` is the CUDA graph on a GPU and eager elsewhere.

    Args:
        name: auto, eager, replay or graph.
        step: what it runs.
        momentum_cycles: the schedule changes the momentum.
        alone: there is only this process. In a recorded exchange of gradients nobody would notice a lost peer.
    """
    on_gpu = step.arithmetic.device.type == "cuda"
    if not alone:
        return Eager(step, "several processes exchange gradients" if name in ("graph", "replay") else None)
    if name == "eager" or (name == "auto" and not on_gpu):
        return Eager(step)
    if name == "graph" and not on_gpu:
        return Eager(step, "CUDA graphs need an NVIDIA GPU")
    if not step.optimization.tensor_lr:
        kind = type(step.optimization.optimizer).__name__
        return Eager(step, f"{kind} keeps its learning rate on the host, so a recorded step could not follow it")
    if momentum_cycles:
        return Eager(step, "the schedule changes the momentum, which a recorded step holds fixed")
    return Tape(step) if name == "replay" else Graph(step)
