"""What all tests share: under continuous integration hypothesis draws the same examples every time, and no test writes
into the user's cache."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("ci", derandomize=True, deadline=None)
if os.environ.get("CI"):
    settings.load_profile("ci")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    os.environ["NETSPEC_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    del os.environ["NETSPEC_CACHE"]
