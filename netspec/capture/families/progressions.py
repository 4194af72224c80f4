"""Numbers that grow by equal steps, as the shares of layers that are left out do with their depth."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from netspec.capture.families.values import Value, value_text

_FEWEST = 3
_MOST = 512
"""Steps."""
_DIGITS = 3
"""Behind the point of a number that somebody has typed."""


class Progression(NamedTuple):
    """Numbers `last * k / steps`, to the bit."""

    last: float
    steps: int

    def at(self, number: float) -> int | None:
        """The `k` of a number; None if it has none."""
        k = round(number * self.steps / self.last)
        return k if self.last * k / self.steps == number else None

    def text(self, values: Sequence[Value]) -> str | None:
        """Some of its numbers as a comprehension; None where they do not follow on each other."""
        places = [self.at(number) for number in _numbers([tuple(values)])]
        if len(places) != len(values) or len(places) < _FEWEST or None in places:
            return None
        known = [place for place in places if place is not None]
        if any(b - a != 1 for a, b in pairwise(known)):
            return None
        span = f"{known[0]}, {known[-1] + 1}" if known[0] else f"{known[-1] + 1}"
        return f'"[{self.last!r} * k / {self.steps} for k in range({span})]"'


def progression(values: Iterable[Value]) -> Progression | None:
    """That of which all numbers with a point are, in lists of a member; None if there is none."""
    numbers = sorted({*_numbers(value for value in values if isinstance(value, tuple))})
    if len(numbers) < _FEWEST:
        return None
    step = min(b - a for a, b in pairwise(numbers))
    for steps in range(max(round(numbers[-1] / step), 1), _MOST):
        last = round(step * steps, _DIGITS)
        found = Progression(last, steps)
        if last > 0 and all(found.at(number) is not None for number in numbers):
            return found
    return None


def told(value: Value, steps: Progression | None) -> str:
    """A value as it is written, with lists of such numbers as what they are computed of."""
    if not isinstance(value, tuple) or steps is None:
        return value_text(value)
    return steps.text(value) or f"[{', '.join(told(each, steps) for each in value)}]"


def _numbers(values: Iterable[Value]) -> Iterator[float]:
    """The numbers that are no whole ones, in lists and in lists of lists."""
    for value in values:
        if isinstance(value, tuple):
            yield from _numbers(value)
        elif value is not None and (found := _COMPUTED.fullmatch(value)):
            yield 1 / int(found[1]) if found[1] else float(value)


_COMPUTED: Final = re.compile(r"\"1 / (\d+)\"|\d+\.\d+(?:e-?\d+)?|\d+e-?\d+")
