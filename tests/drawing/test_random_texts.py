"""A sample of `python -m tests.random_texts`: any text is whole and in its place on a page, as Chromium shows it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec.drawing import engine
from netspec.drawing.styles import STYLES
from tests.browser import CHROMIUM, Page, browser
from tests.random_texts import ON_PAGE, texts, wrong_on_page

NEEDS_ENGINE = pytest.mark.skipif(engine() is None, reason="needs a Graphviz engine")


@pytest.fixture(scope="module")
def page() -> Iterator[Page | None]:
    if CHROMIUM is None:
        yield None
        return
    with browser() as tab:
        yield tab


@pytest.mark.parametrize("style", [*STYLES, pytest.param("flow", marks=NEEDS_ENGINE)])
def test_random_texts_are_whole_and_in_their_places(style: str, page: Page | None, tmp_path: Path) -> None:
    for seed in range(3 if style == "flow" else 8):
        assert wrong_on_page(texts(ON_PAGE, 1000 + seed), style, page, tmp_path) == []
