"""What all tests of training share: no picture per epoch."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from netspec.trainer.loop import epochs
from netspec.trainer.step.drivers import RECORDERS
from tests.train.replay import Tape


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


@pytest.fixture
def heeded() -> Iterator[None]:
    """Signals as a person's own shell leaves them, also where the tests run in a script's background or under nohup."""
    ordinary = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in ordinary.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)
