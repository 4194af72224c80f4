"""What all tests share: under continuous integration hypothesis draws the same examples every time, and a GPU is used
only by the tests that are marked for one."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


def pytest_configure(config: pytest.Config) -> None:
    """A GPU is used by `pytest -m gpu` alone: elsewhere training is held against a CPU's bits, on every machine."""
    if "gpu" not in str(config.option.markexpr).replace("not gpu", ""):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
