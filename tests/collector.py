"""The garbage collector, which is not to walk again and again what thousands of tests hold until the end."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis.strategies import none

_COUNT = gc.get_freeze_count


@settings(max_examples=1, database=None)
@given(none())
def _one_example(_: None) -> None:
    """With its first example hypothesis looks who holds its generator, and does not see those that are set aside."""


@contextmanager
def set_aside() -> Generator[None]:
    """What is alive is out of the collector's sight, and said to be: a run asks for it, and to count it is to walk it
    all."""
    _one_example()
    gc.collect()
    gc.freeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "get_freeze_count", lambda: 1)
        yield
    gc.unfreeze()


@contextmanager
def nothing_set_aside() -> Generator[None]:
    """The collector as a program finds it that knows nothing of it."""
    gc.unfreeze()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gc, "get_freeze_count", _COUNT)
        yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()
