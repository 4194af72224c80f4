"""A thousand random mistakes, each in a shipped spec: what netspec offers mends them, and gives back what was broken.

`python -m tests.mistakes` makes 20,000, and shows the figures by kind.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mistakes.check import Outcome, tried

PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_what_is_offered_mends_and_restores(part: int) -> None:
    made = [found for seed in range(part, 1000, PARTS) if (found := tried((seed, 1))) is not None]
    assert [(x.broken.name, x.broken.kinds, x.faults) for x in made if x.faults] == []
    answered = [x for x in made if x.certain]
    assert sum(x.restored for x in answered) >= 0.95 * len(answered), others(answered)
    assert len(answered) >= 0.85 * len(made), Counter(x.broken.kinds for x in made if not x.certain)


@pytest.mark.parametrize("part", range(4))
def test_several_mistakes_at_once_are_mended_one_by_one(part: int) -> None:
    made = [found for seed in range(part, 160, 4) if (found := tried((seed + 10_000, 6))) is not None]
    assert sum(x.restored for x in made) >= 0.6 * len(made), others(made)
    assert sum(x.answered for x in made) >= 0.8 * len(made)


def others(made: list[Outcome]) -> list[tuple[str, tuple[str, ...]]]:
    return [(x.broken.name, x.broken.kinds) for x in made if not x.restored]
