"""The axes of a sweep: for each key the values that it takes, listed or between two bounds; and all points."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, NamedTuple

from netspec.writing import flow

Point = dict[str, Any]
"""A value for each key, as `--set` takes them; `variant` is the name of one."""


class Choice(NamedTuple):
    """A key that takes one of several values."""

    key: str
    values: tuple[Any, ...]

    @property
    def size(self) -> int | None:
        """How many values there are."""
        return len(self.values)

    def listed(self) -> tuple[Any, ...]:
        """The values, in their order."""
        return self.values

    def drawn(self, generator: random.Random) -> Any:
        """One of them."""
        return generator.choice(self.values)


class Range(NamedTuple):
    """A key that takes a number between two bounds, both included."""

    key: str
    low: float
    high: float
    step: float | None = None
    """Between neighbours; None for any number, or for every integer."""
    log: bool = False
    """Whether equal ratios, and not equal differences, are equally likely."""

    @property
    def whole(self) -> bool:
        """Whether it takes integers: where bounds and step are."""
        return all(type(number) is int for number in (self.low, self.high, 1 if self.step is None else self.step))

    @property
    def size(self) -> int | None:
        """How many values there are; None for any number between the bounds."""
        if self.step is None and not self.whole:
            return 1 if self.low == self.high else None
        return math.floor((self.high - self.low) / (self.step or 1) + 1e-9) + 1

    def listed(self) -> tuple[Any, ...]:
        """The values from the least to the greatest; empty where they cannot be counted."""
        count = self.size
        step = self.step or 1
        return () if count is None else tuple(self.low + i * step for i in range(count))

    def drawn(self, generator: random.Random) -> Any:
        """One of them, each as likely as the others."""
        count = self.size
        if count is not None and not self.log:
            return self.low + generator.randrange(count) * (self.step or 1)
        if not self.log:
            return generator.uniform(self.low, self.high)
        if count is not None:
            middle = generator.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5))
            return min(max(round(math.exp(middle)), int(self.low)), int(self.high))
        found = math.exp(generator.uniform(math.log(self.low), math.log(self.high)))
        return min(max(found, self.low), self.high)


Axis = Choice | Range


class Space(NamedTuple):
    """All combinations of the values of several keys."""

    axes: tuple[Axis, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, in their order."""
        return tuple(axis.key for axis in self.axes)

    @property
    def size(self) -> int | None:
        """How many points it has; None where a key takes any number between two bounds."""
        counts = [axis.size for axis in self.axes]
        return None if None in counts else math.prod(count for count in counts if count is not None)

    def points(self) -> Iterator[Point]:
        """The points of a space that can be counted, the last key changing fastest.

        >>> from netspec.space.axes import Choice, Range, Space
        >>> list(Space((Choice("act", ("ReLU", "Tanh")), Range("k", 3, 5, 2))).points())[:3]
        [{'act': 'ReLU', 'k': 3}, {'act': 'ReLU', 'k': 5}, {'act': 'Tanh', 'k': 3}]
        """
        for values in product(*(axis.listed() for axis in self.axes)):
            yield dict(zip(self.keys, values, strict=True))

    def drawn(self, generator: random.Random) -> Point:
        """A point at random."""
        return {axis.key: axis.drawn(generator) for axis in self.axes}


def label(value: Any) -> str | int | float | bool | None:
    """A value as one scalar, which it is or which is the text of it."""
    return value if value is None or isinstance(value, str | int | float | bool) else flow(value)


def told(point: Mapping[str, Any]) -> str:
    """A point on one line: `width 8, kernel 5, lr 0.01`; of a dotted key the last name."""
    return ", ".join(f"{short(key, point)} {value_text(value)}" for key, value in point.items())


def short(key: str, among: Mapping[str, Any]) -> str:
    """The last name of a dotted key, where no other key ends with it."""
    last = key.rpartition(".")[2]
    return last if sum(other.rpartition(".")[2] == last for other in among) == 1 else key


def value_text(value: Any) -> str:
    """A value in few letters: a number with four digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(label(value))
