"""A driver that records a step's tensor operations, so that replayed steps can be held against eager ones.

From its third call on a kind of step runs as those operations alone, on static buffers, without autograd or any of the
step's Python: the same discipline as a CUDA graph, on any device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map_only

from netspec.trainer.step.drivers import Key, key_of
from netspec.trainer.step.feed import Feed, Phase, StaticFeed
from netspec.trainer.step.work import Step


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

    @staticmethod
    def lacks(device: torch.device) -> str | None:
        return None

    def __call__(self, feed: Feed, phase: Phase) -> None:
        """Call, record or replay the step."""
        key = key_of(feed, phase)
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
