"""A thousand random mistakes, each in a shipped spec: what netspec offers mends them, and gives back what was broken.

`python -m tests.mistakes` makes 20,000, and shows the figures by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mistakes.check import Outcome, tried

PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_offered_mends_and_restores(part: int) -> None:
    made = outcomes(range(part, 1000, PARTS), 1)
    assert [(x.name, x.kinds, x.faults) for x in made if x.faults] == []
    answered = [x for x in made if x.certain]
    assert sum(x.restored for x in answered) >= 0.95 * len(answered), others(answered)
    assert len(answered) >= 0.85 * len(made), Counter(x.kinds for x in made if not x.certain)


@pytest.mark.parametrize("part", range(4))
def test_several_mistakes_at_once_are_mended_one_by_one(part: int) -> None:
    made = outcomes(range(10_000 + part, 10_160, 4), 6)
    assert sum(x.restored for x in made) >= 0.6 * len(made), others(made)
    assert sum(x.answered for x in made) >= 0.8 * len(made)


def outcomes(seeds: Iterable[int], most: int) -> list[Outcome]:
    """What becomes of each seed's mistakes. On a thread of its own: deep under pytest's frames every second call takes
    another page for the interpreter's stack and gives it back, a third of the time (CPython 3.11)."""
    with ThreadPoolExecutor(1) as pool:
        return [found for found in pool.map(tried, ((seed, most) for seed in seeds)) if found is not None]


def others(made: list[Outcome]) -> list[tuple[str, tuple[str, ...]]]:
    return [(x.name, x.kinds) for x in made if not x.restored]
