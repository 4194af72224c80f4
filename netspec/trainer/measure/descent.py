"""A loss while the learning rate rises: smoothed, where it diverges, where it falls."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from math import exp, log
from statistics import median
from typing import Final

BETA: Final = 0.98
"""The share of the past in the moving average of the loss, as of fastai and Lightning."""
DIVERGED: Final = 4.0
"""The loss has diverged when it is so many times the best so far, likewise."""


class Smoothed:
    """The exponential moving average of a loss, divided by the sum of its weights so that it does not begin at 0."""

    def __init__(self) -> None:
        self._sum = self._weights = 0.0
        self.values: list[float] = []
        """Behind each loss."""

    def add(self, loss: float) -> float:
        """Add a loss. Returns the average."""
        self._sum = BETA * self._sum + (1 - BETA) * loss
        self._weights = BETA * self._weights + (1 - BETA)
        self.values.append(self._sum / self._weights)
        return self.values[-1]

    @property
    def diverged(self) -> bool:
        """Whether the average is more than `DIVERGED` times its best. One that falls below 0 has no such multiple: it
        has risen by as many times its fall, or its size."""
        first, best, last = self.values[0], min(self.values), self.values[-1]
        if best > 0:
            return last > DIVERGED * best
        return last > best + (DIVERGED - 1) * max(-best, first - best)


def looked_at(count: int, steps: int) -> range:
    """Which of `count` losses are looked at: not the first tenth of all steps, where the average is of few, nor the
    last five, where the loss diverges. As fastai's `lr_find`."""
    return range(steps // 10, count - 5)


def falls(losses: Sequence[float], smoothed: Sequence[float]) -> bool:
    """Whether an average falls by more than batches differ: the median difference between one and the next, which is
    about three times the deviation of an average of ten."""
    noise = median(abs(b - a) for a, b in pairwise(losses))
    return smoothed[0] - min(smoothed) > noise


def valley(smoothed: Sequence[float]) -> tuple[int, int]:
    """The longest valley: the longest sequence in which each value is below the one before, whatever lies between.

    Returns:
        Where it would begin if nothing lay between, and its end. So a flat stretch before the fall, of which it holds
        few values, does not count as a part of it.

    Source: `valley` in https://github.com/fastai/fastai/blob/main/fastai/callback/schedule.py
    """
    lowest: list[float] = []  # negated, of the sequences of each length the largest last value
    end = length = 0
    for place, value in enumerate(smoothed):
        at = bisect_left(lowest, -value)
        lowest[at : at + 1] = [-value]
        if at + 1 > length:
            end, length = place, at + 1
    return end - length + 1, end


def valley_middle(smoothed: Sequence[float]) -> int:
    """The place in the middle of the longest valley, behind a third of it and half of the next."""
    begin, end = valley(smoothed)
    third = (end - begin) / 3
    return begin + int(third) + int(third / 2)


def steepest(rates: Sequence[float], smoothed: Sequence[float], reach: int) -> int:
    """The place around which the average falls most by the logarithm of the rate: over a stretch of so many places
    before and behind it, since from one to the next it falls most where it is of few losses, at the beginning."""
    reach = max(1, min(reach, (len(rates) - 1) // 2))
    places = range(reach, len(rates) - reach)

    def slope(place: int) -> float:
        before, behind = place - reach, place + reach
        return (smoothed[behind] - smoothed[before]) / log(rates[behind] / rates[before])

    return min(places, key=slope)


def spaced(lowest: float, highest: float, steps: int) -> list[float]:
    """So many rates from the lowest to the highest, each by the same factor above the one before."""
    low, high = log(lowest), log(highest)
    inner = [exp(low + (high - low) * i / (steps - 1)) for i in range(1, steps - 1)]
    return [lowest, *inner, highest]
