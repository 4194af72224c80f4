"""Random graphs against the interpreter. `python -m tests.graphs` checks 100,000."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from tests.graphs.check import check
from tests.graphs.generator import Generator

SEEDS = 500
PARTS = 10


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_random_graphs_are_what_the_interpreter_makes_of_them(part: int) -> None:
    for seed in range(part * SEEDS // PARTS, (part + 1) * SEEDS // PARTS):
        check(seed)


def test_the_random_graphs_have_all_that_the_language_of_values_has() -> None:
    texts = [str(Generator(seed).spec()) for seed in range(300)]
    for word in (
        "'as'", "'use'", "'output': 'a", "'output': 'p", "'policy'", "'levels'", "'second'", "'int64'", "'bool'", "[i",
        "'when': False", "'gate'", "'residual'", "'shortcut'", "'concat': 'p", "'concat': 'q", "'repeat'",
        "'sequential'", "** 2", "/ 4", "'name': 'call",
    ):  # fmt: skip
        assert any(word in text for text in texts), word
