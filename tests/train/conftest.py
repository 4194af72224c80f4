"""What all tests of training share: one thread, no picture per epoch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from netspec.trainer.loop import epochs
from netspec.trainer.step.drivers import RECORDERS
from tests.train.replay import Tape


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Small tensors are slower with several threads, and a test run shares the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _no_curves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than a small epoch; tests that look at the curves are marked `curves`."""
    if "curves" not in request.fixturenames:
        monkeypatch.setattr(epochs, "write_curves", lambda *_: None)


@pytest.fixture
def curves() -> None:
    """Ask for the curves to be drawn."""


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `driver="replay"` replay recorded steps, which needs no GPU."""
    monkeypatch.setitem(RECORDERS, "replay", Tape)
