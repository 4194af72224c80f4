"""The garbage of readings is collected where typing pauses, and where it does not after so many of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

pytest.importorskip("lsprotocol", reason="the language server is an extra")

from netspec.lsp.collecting import MOST, Collector
from tests.collector import nothing_set_aside


class Knot:
    """An object in a cycle."""

    def __init__(self) -> None:
        self.itself = self


@pytest.fixture
def collector() -> Iterator[Collector]:
    thresholds, enabled = gc.get_threshold(), gc.isenabled()
    made = Collector()
    with nothing_set_aside():
        made.begin()
        yield made
    gc.set_threshold(*thresholds)
    gc.enable() if enabled else gc.disable()


def old_knots(number: int) -> None:
    """Knots that are garbage and have outlived the collections of young objects."""
    held = [Knot() for _ in range(number)]
    gc.collect(1)
    gc.collect(1)
    del held


def left() -> int:
    return sum(isinstance(each, Knot) for each in gc.get_objects())


@pytest.mark.slow
def test_a_pause_collects_what_was_read(collector: Collector) -> None:
    old_knots(50)
    assert left() == 50
    collector.rest()  # nothing was read: nothing to collect
    assert left() == 50
    collector.read()
    collector.rest()
    assert left() == 0


@pytest.mark.slow
def test_typing_without_a_pause_collects_in_the_end(collector: Collector) -> None:
    old_knots(50)
    for _ in range(MOST - 1):
        collector.read()
    assert left() == 50
    collector.read()
    assert left() == 0
