"""The inputs of a step: a batch, or the indices to fetch it by; and its position in the optimizer step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

from netspec.trainer.machine.values import Values, each, is_values, mapped

MIX_PLAIN = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""`Buffers.mix` for a batch without mixup or CutMix."""


@dataclass
class Buffers:
    """The inputs of a step, all as tensors."""

    x: Values
    """(N, ...): the examples, transformed and augmented; several inputs are a tuple."""
    y: Values
    """(N,) int64 class indices, or (N, ...) float32 values; several targets are a tuple."""
    weight: Tensor
    """0-dim: this batch's share of the optimiser step's examples (1 unless gradients are accumulated or sharded)."""
    mix: Tensor
    """(6,): the weight of an example's own pixels, the weight of its own target, and top, bottom, left, right of the
    box that is taken from its neighbour in the batch. Mixup has an empty box, CutMix the pixel weight 1."""

    @property
    def examples(self) -> int:
        """The number of examples in the batch."""
        return each(self.x)[0].shape[0]

    def ready(self) -> Buffers:
        """The inputs themselves; see `Rows.ready`."""
        return self


@dataclass
class Rows:
    """The inputs of a step that gathers and transforms the examples itself; see `Buffers` for the other fields."""

    rows: Tensor
    """(N,) int64: the indices of the examples."""
    key: Tensor | None
    """(2,) int64: the key of the epoch's augmentation; None without augmentation."""
    weight: Tensor
    mix: Tensor
    fetch: Callable[[Tensor, Tensor | None], tuple[Values, Values]]
    """Returns examples and targets for `rows` and `key`; the same function in the whole run."""

    @property
    def examples(self) -> int:
        """The number of examples in the batch."""
        return self.rows.shape[0]

    def ready(self) -> Buffers:
        """Fetch the examples."""
        return Buffers(*self.fetch(self.rows, self.key), self.weight, self.mix)


Feed = Buffers | Rows
"""The inputs of a step."""


class StaticFeed:
    """Inputs with fixed memory addresses, from which a recorded step reads."""

    def __init__(self, first: Feed) -> None:
        self._names = [name for name, value in vars(first).items() if is_values(value)]
        self.own = replace(first, **{name: mapped(Tensor.clone, getattr(first, name)) for name in self._names})
        self._last = first

    def load(self, feed: Feed) -> None:
        """Copy the values of a feed in place. A tensor that is the same object as last time is not copied again."""
        for name in self._names:
            given, last = getattr(feed, name), getattr(self._last, name)
            if given is last:
                continue
            for own, tensor, before in zip(each(getattr(self.own, name)), each(given), each(last), strict=True):
                if tensor is not before:
                    own.copy_(tensor, non_blocking=True)
        self._last = feed


class Phase(NamedTuple):
    """The position of a batch in its optimizer step, which has several batches if gradients are accumulated."""

    first: bool = True
    """The first batch: gradients are reset."""
    last: bool = True
    """The last batch: the parameters are updated."""
    average: bool = False
    """The moving average is updated, too."""
    stage: int = 0
    """How many times parameters have begun to train: with each, a step is another."""
