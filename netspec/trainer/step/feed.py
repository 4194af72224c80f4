"""What a step is given: a batch, or what it is to be fetched by, and where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from torch import Tensor

MIX_PLAIN = (1.0, 1.0, 0.0, 0.0, 0.0, 0.0)
"""`Buffers.mix` for a batch that is left as it is."""


@dataclass
class Buffers:
    """All that changes from one step to the next, as tensors."""

    x: Tensor
    """(N, ...): the examples, transformed and augmented."""
    y: Tensor
    """(N,) int64 class indices, or (N, ...) float32 values."""
    weight: Tensor
    """0-dim: this batch's share of the optimiser step's examples (1 unless gradients are accumulated or sharded)."""
    mix: Tensor
    """(6,): weight of the own pixel, weight of the own target, and the box top, bottom, left, right that comes from the
    neighbour: mixup has an empty box, CutMix has pixel weight 1."""

    @property
    def examples(self) -> int:
        """How many there are in the batch."""
        return self.x.shape[0]

    def ready(self) -> Buffers:
        """Itself."""
        return self


@dataclass
class Rows:
    """The same where the examples are gathered and transformed within the step."""

    rows: Tensor
    """(N,) int64: the numbers of the examples."""
    key: Tensor | None
    """(2,) int64: of this epoch's augmentation, if there is one."""
    weight: Tensor
    mix: Tensor
    fetch: Callable[[Tensor, Tensor | None], tuple[Tensor, Tensor]]
    """Gives examples and targets; the same function for the whole run."""

    @property
    def examples(self) -> int:
        """How many there are in the batch."""
        return self.rows.shape[0]

    def ready(self) -> Buffers:
        """Fetch them."""
        return Buffers(*self.fetch(self.rows, self.key), self.weight, self.mix)


Feed = Buffers | Rows
"""What a step is given."""


class StaticFeed:
    """A feed in memory of its own, for a recorded step to read from."""

    def __init__(self, first: Feed) -> None:
        self._tensors = [name for name, value in vars(first).items() if isinstance(value, Tensor)]
        self.own = replace(first, **{name: getattr(first, name).clone() for name in self._tensors})
        self._last = first

    def load(self, feed: Feed) -> None:
        """Take over these values, in place; what is the same tensor as last time is there already."""
        for name in self._tensors:
            given = getattr(feed, name)
            if given is not getattr(self._last, name):
                getattr(self.own, name).copy_(given, non_blocking=True)
        self._last = feed


class Phase(NamedTuple):
    """Where in an optimiser step a batch stands. Each phase is recorded by itself."""

    first: bool = True
    """It is the first batch: gradients start at zero."""
    last: bool = True
    """It is the last one: the optimiser moves."""
    average: bool = False
    """The moving average follows."""
