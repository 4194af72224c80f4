"""What all tests of training share: no picture per epoch."""

from __future__ import annotations

import pytest

from netspec.trainer import training


@pytest.fixture(autouse=True)
def _no_curves(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing takes longer than a small epoch; tests that look at the curves are marked `curves`."""
    if "curves" not in request.fixturenames:
        monkeypatch.setattr(training, "write_curves", lambda *_: None)


@pytest.fixture
def curves() -> None:
    """Ask for the curves to be drawn."""
