"""`report.html`: what it says of a run, that it fetches and runs nothing, on a screen and on paper."""

from __future__ import annotations

import base64
import io
import json
import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.result import RunResult
from netspec.trainer.show.report import make_report
from tests.browser import CHROMIUM, MISSING, UNREACHED, Page
from tests.train.small_runs import PLAIN, finish, small_net

IMAGES = PLAIN.replace("synthetic: {train: 36, test: 12}", "synthetic: {train: 36, test: 40, shape: [1, 6, 6]}")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunResult:
    """A finished run of a classifier of small images."""
    return finish(small_net(IMAGES), tmp_path_factory.mktemp("runs") / "plain-1", report=True)


class Links(HTMLParser):
    """Collects what a page would fetch or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]


@pytest.mark.slow
def test_the_report_is_one_file_that_fetches_and_runs_nothing(run: RunResult) -> None:
    page = (run.run / "report.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(page)
    assert "script" not in links.tags
    assert "link" not in links.tags
    assert links.sources
    assert all(source.startswith("data:image/") for source in links.sources)
    for title in (
        "Curves",
        "Epochs",
        "Confusion",
        "Worst mistakes",
        "Network",
        "Layers",
        "Spec and recipe",
        "Environment",
    ):
        assert f"<h2>{title}</h2>" in page
    for source in links.sources:
        head, data = source.split(",", 1)
        if "png" in head:
            assert Image.open(io.BytesIO(base64.b64decode(data))).size == (6, 6)


@pytest.mark.slow
def test_the_report_of_a_net_without_accuracy_shows_the_losses_of_all_parts(tmp_path: Path) -> None:
    text = PLAIN.replace("CrossEntropyLoss", "MSELoss")
    finish(small_net(text, epochs=1, validation=0.3), tmp_path / "run", report=True)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    for part in ("train", "validation", "test"):
        assert f"</b><span>{part} loss</span>" in page
    assert "accuracy</th>" not in page
    assert "accuracy</span>" not in page


def test_the_report_names_the_first_layer_and_leaves_counts_of_zero_out(run: RunResult) -> None:
    layers = (run.run / "report.html").read_text(encoding="utf-8").partition("<h2>Layers</h2>")[2]
    flatten, linear, *_ = re.findall(r"<tr><td>.*?</tr>", layers)
    assert flatten == "<tr><td>0</td><td class=left>Flatten</td><td class=left></td><td>36</td><td></td><td></td></tr>"
    assert linear.startswith("<tr><td>1</td><td class=left>Linear</td><td class=left>8</td><td>8</td><td>296</td>")


@pytest.mark.slow
def test_the_report_shows_markup_in_names_as_text(tmp_path: Path) -> None:
    text = IMAGES.replace("name: plain", 'name: plain\ndescription: "<script>alert(1)</script>"')
    finish(small_net(text, epochs=1), tmp_path / "run", report=True)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


@pytest.mark.slow
def test_the_report_says_when_on_which_data_and_what_share_beside_the_accuracy(tmp_path: Path, run: RunResult) -> None:
    started = datetime.now(UTC)
    finish(small_net(PLAIN), tmp_path / "run", report=True, examples=9)
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert f"{started.day} {started:%B %Y, %H:}" in page
    assert "synthetic: 9 of 36 examples for train, 9 of 12 examples for test" in page
    shares = "<span>trained on 25 % of the data</span><span>measured on 75 % of the test data</span>"
    assert f"<span>test accuracy</span>{shares}</li>" in page
    assert "<span>test loss</span>" in page
    whole = (run.run / "report.html").read_text(encoding="utf-8")
    assert "trained on" not in whole
    assert "measured on" not in whole
    assert "synthetic: 36 examples for train, 40 examples for test" in whole


@pytest.mark.slow
def test_the_report_of_a_run_that_noted_no_time_says_none(tmp_path: Path) -> None:
    path = finish(small_net(PLAIN), tmp_path / "run").run
    facts = json.loads((path / "environment.json").read_text())
    del facts["started"], facts["data"]["available"]
    (path / "environment.json").write_text(json.dumps(facts | {"device": {}}))
    page = make_report(RunDirectory(path), small_net(PLAIN), None, ())
    assert "UTC" not in page
    assert "synthetic: 36 examples for train, 12 examples for test" in page


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_the_report_is_dark_where_the_screen_is_and_light_on_paper(run: RunResult, page: Page) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    chosen = "atob(document.querySelector('picture img').currentSrc.split(',')[1]).includes('#0d1117')"
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    found: list[tuple[str, bool]] = []
    page.errors.clear()
    for media, features in (("screen", []), ("screen", dark), ("print", dark)):
        page.call("Emulation.setEmulatedMedia", media=media, features=features)
        page.open(run.run / "report.html")
        found.append((page.js(ground), page.js(chosen)))
        assert page.js("document.documentElement.scrollWidth <= innerWidth")
    page.call("Emulation.setEmulatedMedia", media="", features=[])
    assert found == [("rgb(255, 255, 255)", False), ("rgb(13, 17, 23)", True), ("rgb(255, 255, 255)", False)]
    assert page.errors == []


@pytest.mark.skipif(CHROMIUM is None, reason=MISSING)
def test_on_a_telephone_what_is_wider_than_it_is_reached_by_keyboard(run: RunResult, page: Page) -> None:
    page.resize(390, 800)
    page.open(run.run / "report.html")
    assert page.js("document.documentElement.scrollWidth") <= 390
    assert page.js("[...document.querySelectorAll('.wide')].some(part => part.scrollWidth > part.clientWidth)")
    assert page.js(UNREACHED) == []
