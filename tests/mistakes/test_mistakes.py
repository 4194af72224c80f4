"""Random mistakes, each in a shipped spec: what netspec offers mends them, and gives back what was broken.

Here some of every kind are made, in small specs; `python -m tests.mistakes` makes 20,000 in all of them, and shows the
figures by kind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import islice

import pytest

from tests.mistakes.check import Broken, Outcome, broken, outcome, small_specs
from tests.mistakes.further import KINDS

EACH = 4
"""How many mistakes of each kind are made."""
TRIES = 200
"""In how many specs a place is looked for."""


@pytest.mark.parametrize("kind", KINDS)
def test_no_mend_that_is_offered_fails_to_mend(kind: str) -> None:
    assert made_of(kind), f"in none of {TRIES} specs is a place for it"
    assert [(x.name, x.kinds, x.faults) for x in made_of(kind) if x.faults] == []


def test_what_is_offered_mends_and_restores() -> None:
    made = [one for kind in KINDS for one in made_of(kind)]
    answered = [x for x in made if x.certain]
    assert sum(x.restored for x in answered) >= 0.95 * len(answered), others(answered)
    assert len(answered) >= 0.85 * len(made), Counter(x.kinds for x in made if not x.certain)


@pytest.mark.slow
def test_several_mistakes_at_once_are_mended_one_by_one() -> None:
    made = outcomes(found for seed in range(10_000, 10_080) if (found := broken(seed, 6, small_specs)) is not None)
    assert sum(x.restored for x in made) >= 0.6 * len(made), others(made)
    assert sum(x.answered for x in made) >= 0.8 * len(made)


@cache
def made_of(kind: str) -> Sequence[Outcome]:
    """What becomes of mistakes of a kind."""

    def found() -> Iterator[Broken]:
        for seed in range(TRIES):
            if (case := broken(seed, 1, small_specs, [kind])) is not None:
                yield case

    return outcomes(islice(found(), EACH))


def outcomes(cases: Iterable[Broken]) -> list[Outcome]:
    """What becomes of each. On a thread of its own: deep under pytest's frames every second call takes another page for
    the interpreter's stack and gives it back, a third of the time (CPython 3.11)."""
    with ThreadPoolExecutor(1) as pool:
        return list(pool.map(outcome, cases))


def others(made: list[Outcome]) -> list[tuple[str, tuple[str, ...]]]:
    return [(x.name, x.kinds) for x in made if not x.restored]
