"""`netspec draw -o FILE.html`: what the page holds, and what it does in a headless Chromium."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.cli.draw import command
from netspec.drawing.interactive import OnPage, page
from netspec.drawing.interactive.phrases import words
from netspec.net import Scope
from tests.browser import CHROMIUM, MISSING, Page
from tests.commands import invoke
from tests.test_diagram import NASTY, labelled

ROOT = Path(__file__).parent.parent

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason=MISSING)


def written(spec: str, *options: str, to: Path) -> Path:
    """The page of a shipped spec."""
    out = to / "net.html"
    result = invoke(command, ROOT / spec, *options, "-o", out)
    assert result.exit_code == 0, result.exception
    return out


def data_of(text: str) -> dict[str, Any]:
    (found,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', text, re.DOTALL)
    return json.loads(found)


def layers_of(items: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The layers of a page's data, in the order in which they run."""
    for item in items:
        if item["kind"] == "layer":
            yield item
        for branch in item.get("branches", [{"items": []}]):
            yield from layers_of(branch["items"])
        yield from layers_of(item["layers"] if item["kind"] == "unit" else item.get("items", []))


# ---- what it holds


def test_the_page_has_every_layer_with_its_line_arguments_shapes_derivation_and_costs(tmp_path: Path) -> None:
    net = netspec.load(ROOT / "specs/alexnet.yaml")
    (drawn,) = data_of(written("specs/alexnet.yaml", to=tmp_path).read_text())["nets"]
    found = list(layers_of(drawn["items"]))
    assert [(one["title"], one["path"], one["line"]) for one in found] == [
        (leaf.type, leaf.path, leaf.span.line) for leaf in net.layers
    ]
    first = found[0]
    assert first["arguments"] == "in_channels 1, out_channels 96, kernel_size 11×11, stride 4, padding 1"
    assert (first["input"], first["output"]) == ("1 × 224 × 224", "96 × 54 × 54")
    assert first["derivation"] == ["54 = (224 + 2·1 − 11) // 4 + 1"]
    assert first["parameters"] == {"weight": "96 × 1 × 11 × 11", "bias": "96"}
    assert (first["params"]["number"], first["macs"]["number"], first["memory"]["number"]) == (
        11_712, 33_872_256, 96 * 54 * 54 * 4,
    )  # fmt: skip
    assert sum(one["params"]["number"] for one in found) == net.params == drawn["params"]["number"]


def test_the_page_loads_nothing_and_no_text_of_a_spec_is_markup() -> None:
    net = labelled([*NASTY, "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>"])
    text = page([OnPage(net, "s.yaml", "# </script><b>\ninput: [8, 8, 8]\n")]).decode()
    assert text.count("</script>") == 2
    assert not re.findall(r"(?:src|href)=|url\(|@import|https?://", re.sub(r'<script id="data".*?</script>', "", text))
    assert data_of(text)["nets"][0]["text"].startswith("# </script><b>\n")


def test_several_specs_and_variants_stand_side_by_side(tmp_path: Path) -> None:
    out = tmp_path / "two.html"
    spec = ROOT / "specs/torchvision/resnet.yaml"
    assert invoke(command, spec, "--variant", "resnet18", "--variant", "resnet34", "-o", out).exit_code == 0
    assert [one["title"] for one in data_of(out.read_text())["nets"]] == ["resnet18", "resnet34"]


@pytest.mark.parametrize("path", sorted(ROOT.glob("specs/graphs/*.yaml")), ids=lambda path: path.stem)
def test_a_network_that_is_no_chain_is_on_its_page_layer_for_layer(path: Path) -> None:
    from tests.test_diagram import first_variant

    net = netspec.load(path, variant=first_variant(path))
    (drawn,) = data_of(page([OnPage(net, net.source, net.text)]).decode())["nets"]
    shown = list(layers_of(drawn["items"]))
    told = [leaf.path for leaf in net.layers]
    assert {one["path"] for one in shown} <= set(told)
    if not any(isinstance(node, Scope) for node in net.root.children):
        assert len(shown) <= len(told)


# ---- a wrong spec


def test_a_wrong_spec_is_drawn_as_far_as_it_is_known_with_its_errors(tmp_path: Path) -> None:
    out = tmp_path / "wrong.html"
    result = invoke(command, ROOT / "docs/examples/wrong_flatten.yaml", "-o", out)
    assert result.return_value == 1
    assert "width-mismatch" in result.stderr
    (drawn,) = data_of(out.read_text())["nets"]
    assert len(list(layers_of(drawn["items"]))) == 21
    (finding,) = drawn["findings"]
    assert (finding["code"], finding["line"], finding["column"]) == ("width-mismatch", 19, 27)


def test_a_spec_that_cannot_be_read_is_shown_as_text_with_its_errors(tmp_path: Path) -> None:
    spec, out = tmp_path / "bad.yaml", tmp_path / "bad.html"
    spec.write_text("input: [1, 8, 8\nlayers:\n  - Flatten\n")
    assert invoke(command, spec, "-o", out).return_value == 1
    (drawn,) = data_of(out.read_text())["nets"]
    assert drawn["findings"]
    assert drawn["text"] == spec.read_text()


FINDINGS = """\
input: [4]
blocks:
  twice(n):
    - Linear: n
    - Linear: m
layers:
  - Linear: {in_features: 5, out_features: 3}
  - repeat: 2
    do:
      - Tanh
      - Softplus: {beat: 1}
  - ReLu
  - twice: 2
  - Flatten
train: {data: MNIST, loss: [CrossEntropyLos], epochs: 1, batch_size: 2, optimizer: {SGD: {lr: 1}}}
"""


def test_a_finding_stands_at_its_item_or_at_the_one_in_front_and_a_recipes_at_none(tmp_path: Path) -> None:
    spec, out = tmp_path / "found.yaml", tmp_path / "found.html"
    spec.write_text(FINDINGS)
    invoke(command, spec, "-o", out)
    (drawn,) = data_of(out.read_text())["nets"]
    at = {(finding["code"], finding["line"]): finding["item"] for finding in drawn["findings"]}
    assert at[("width-mismatch", 7)] == [7, 5]
    assert at[("unknown-argument", 11)] == [11, 9]
    assert at[("unknown-layer", 12)] == [8, 5]
    assert {item for (_, line), item in at.items() if line == 15} == {None}


# ---- in Chromium


@needs_chromium
def test_blocks_open_and_close_by_keys_and_mouse_and_what_has_the_focus_is_told(page: Page, tmp_path: Path) -> None:
    page.resize(1280, 900)
    page.open(written("specs/torchvision/densenet.yaml", "--variant", "densenet121", to=tmp_path))
    page.js("document.querySelector('[role=treeitem][tabindex=\"0\"]').focus()")
    page.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown")
    focused = "document.activeElement.textContent"
    assert page.js(focused).startswith("dense ×6")
    assert page.js("getComputedStyle(document.activeElement).outlineStyle") == "solid"  # the focus is seen
    expanded = "document.activeElement.getAttribute('aria-expanded')"
    assert page.js(expanded) == "false"
    page.press("Enter")
    assert page.js(expanded) == "true"
    page.press("ArrowRight")
    assert page.js(focused).startswith("dense")
    page.press("ArrowLeft")
    assert page.js(focused).startswith("dense ×6")
    assert page.js(expanded) == "true"
    page.press("ArrowLeft")
    assert page.js(expanded) == "false"
    page.click(".bar-of-group")
    assert page.js("document.querySelector('[aria-expanded]').getAttribute('aria-expanded')") == "true"
    details = page.js("document.getElementById('details').innerText")
    assert "335,040" in details
    assert "256 × 56 × 56" in details
    lines = (ROOT / "specs/torchvision/densenet.yaml").read_text().splitlines()
    assert f"{1 + lines.index('  - for: i, depth in enumerate(depths)')} of " in details
    page.press("Home")
    assert page.js(focused) == "Conv2d9,408 parameters64, 7×7, stride 2, padding 3 gives 64 × 112 × 112"
    assert "in_channels 3, out_channels 64" in page.js("document.getElementById('details').innerText")
    assert page.errors == []


@needs_chromium
def test_a_head_of_training_stands_beside_the_line_closed_and_open(page: Page, tmp_path: Path) -> None:
    out = written("specs/torchvision/googlenet.yaml", to=tmp_path)
    heads = [item for item in data_of(out.read_text())["nets"][0]["items"] if item.get("training")]
    assert [(head["title"], head["input"], head["output"]) for head in heads] == [
        ("head", "512 × 14 × 14", "1000"), ("head", "528 × 14 × 14", "1000"),
    ]  # fmt: skip
    page.open(out)
    places = """(() => {
      const middle = (e) => { const r = e.getBoundingClientRect(); return r.x + r.width / 2; };
      const line = middle(document.querySelector(".net > .chain"));
      return [...document.querySelectorAll(".training")].map((e) => ({
        words: e.querySelector(".bar-of-group").textContent, apart: e.getBoundingClientRect().x - line,
        through: middle(e.parentElement.previousElementSibling) - line,
      }));
    })()"""
    for button in ("#close", "#open"):
        page.click(button)
        found = page.js(places)
        assert len(found) == 2
        assert all("headtraining only" in head["words"] for head in found)
        assert all(head["apart"] > 0 for head in found)
        assert all(abs(head["through"]) < 1.5 for head in found)
    assert page.js("document.querySelector('.training .training')") is None


@needs_chromium
def test_a_closed_block_says_the_values_that_it_reads_and_gives(page: Page, tmp_path: Path) -> None:
    page.open(written("specs/graphs/yolov8n.yaml", to=tmp_path))
    page.click("#close")
    bars = "[...document.querySelectorAll('.bar-of-group')].filter(e => e.getClientRects().length)"
    small = page.js(f"{bars}.map(e => [...e.querySelectorAll('small')].map(s => s.textContent))")
    said = [[word for word in words if word[0] in "←→"] for words in small]
    wires = [["→ c[3]"], ["→ c[4]"], ["← p[3]", "→ maps[3]"], ["← p[4]", "→ maps[4]"], ["← p[5]", "→ maps[5]"]]
    assert [words for words in said if words] == wires


@needs_chromium
def test_the_search_opens_what_is_around_a_layer_and_escape_goes_back(page: Page, tmp_path: Path) -> None:
    page.open(written("specs/torchvision/densenet.yaml", "--variant", "densenet121", to=tmp_path))
    page.press("/")
    assert page.js("document.activeElement.id") == "search"
    page.press(*"AvgPool")
    assert page.js("document.getElementById('found').textContent").endswith(" found")
    page.press("Enter", "Enter")  # the first one is the title of a block
    assert page.js("document.getElementById('found').textContent").startswith("2 of ")
    seen = page.js(
        "[...document.querySelectorAll('.hit')].filter(e => e.getClientRects().length).map(e => e.innerText)"
    )
    assert any(text.startswith("AvgPool2d\n2×2") for text in seen)  # inside a block that was closed
    page.press("Escape")
    assert page.js("document.getElementById('search').value") == ""
    assert page.js("document.activeElement.getAttribute('role')") == "treeitem"
    assert page.errors == []


@needs_chromium
def test_whoever_points_at_a_layer_is_told_of_it(page: Page, tmp_path: Path) -> None:
    page.resize(1280, 900)
    page.open(written("specs/lenet.yaml", to=tmp_path))
    assert page.js("document.getElementById('details').innerText").startswith(str(ROOT / "specs/lenet.yaml"))
    second = "document.querySelectorAll('.unit')[1].getBoundingClientRect()"
    x, y = page.js(f"[{second}.x + 9, {second}.y + 9]")
    page.mouse("mouseMoved", x - 2, y - 2)
    page.mouse("mouseMoved", x, y)
    details = page.js("document.getElementById('details').innerText")
    assert details.startswith("AvgPool2d")
    assert "14 = (28 − 2) // 2 + 1" in details


@needs_chromium
def test_no_wire_leads_into_a_value_that_comes_from_elsewhere(page: Page, tmp_path: Path) -> None:
    page.open(written("specs/unet.yaml", to=tmp_path))
    page.click("#open")
    before = "[...document.querySelectorAll('.box.value')].map(e => e.parentElement.previousElementSibling.className)"
    assert set(page.js(before)) == {"gap"}


@needs_chromium
def test_zoom_and_pan(page: Page, tmp_path: Path) -> None:
    page.resize(1280, 900)
    page.open(written("specs/unet.yaml", to=tmp_path))
    wide = "document.getElementById('sheet').getBoundingClientRect().width"
    before = page.js(wide)
    page.click("#larger")
    assert page.js(wide) == pytest.approx(before * 1.2, rel=0.01)
    page.press("0")
    assert page.js("document.getElementById('zoom').textContent") == "100 %"
    page.mouse("mouseWheel", 400, 400, deltaX=0, deltaY=-300, modifiers=2)
    page.painted()
    assert page.js(wide) == pytest.approx(before * 2.718, rel=0.02)
    top = page.js("document.getElementById('stage').scrollTop")
    page.mouse("mousePressed", 20, 500, button="left", clickCount=1)
    page.mouse("mouseMoved", 20, 300, button="left", buttons=1)
    page.mouse("mouseReleased", 20, 300, button="left", clickCount=1)
    assert page.js("document.getElementById('stage').scrollTop") == pytest.approx(top + 200, abs=2)


@needs_chromium
def test_light_and_dark_follow_the_system_and_the_switch(page: Page, tmp_path: Path) -> None:
    file = written("specs/lenet.yaml", to=tmp_path)
    ground = "getComputedStyle(document.body).backgroundColor"
    page.resize(1280, 900, dark=True)
    page.open(file)
    assert page.js(ground) == "rgb(20, 23, 27)"
    page.click("#theme")  # light
    assert page.js(ground) == "rgb(255, 255, 255)"
    page.click("#theme")  # dark
    page.resize(1280, 900)
    assert page.js(ground) == "rgb(20, 23, 27)"
    page.click("#theme")  # as the system
    assert page.js(ground) == "rgb(255, 255, 255)"


@needs_chromium
def test_on_a_telephone_nothing_is_wider_than_the_screen_but_the_drawing(page: Page, tmp_path: Path) -> None:
    page.resize(390, 844, mobile=True)
    page.open(written("specs/unet.yaml", to=tmp_path))
    assert page.js("document.documentElement.scrollWidth") == 390
    assert page.js("document.getElementById('details').getBoundingClientRect().top") > 300
    page.resize(1280, 900)


@needs_chromium
def test_errors_stand_where_they_are(page: Page, tmp_path: Path) -> None:
    out = tmp_path / "wrong.html"
    invoke(command, ROOT / "docs/examples/wrong_flatten.yaml", "-o", out)
    page.open(out)
    assert page.js("document.querySelector('.box.wrong strong').textContent") == "Linear"
    assert "gives 6400" in page.js("document.querySelector('.box.wrong .said').textContent")
    page.click(".findings button")
    assert page.js("document.activeElement.classList.contains('wrong')")
    assert page.errors == []


@needs_chromium
def test_the_page_of_resnet152_opens_and_folds_at_once(page: Page, tmp_path: Path) -> None:
    file = written("specs/torchvision/resnet.yaml", "--variant", "resnet152", to=tmp_path)
    opening, folding = list[float](), list[float]()
    for _ in range(5):  # the least of some, since other processes take their share
        start = time.perf_counter()
        page.open(file)
        opened = time.perf_counter()
        page.click("#open")
        page.click("#close")
        opening.append(opened - start)
        folding.append(time.perf_counter() - opened)
        if max(min(opening), min(folding)) < 1:  # what they take where nothing else runs
            break
    assert min(opening) < 4
    assert min(folding) < 4
    assert page.js("document.querySelectorAll('[role=treeitem]').length") > 50


@needs_chromium
def test_random_labels_stay_text_on_the_page(page: Page, tmp_path: Path) -> None:
    rng = random.Random(13)
    labels = [
        "".join(chr(rng.choice([rng.randrange(32, 127), rng.randrange(0x20, 0xD7FF)])) for _ in range(20))
        for _ in range(40)
    ]
    labels += [
        "</script><script>window.broken = 1</script>",
        "<img src=x onerror='window.broken = 1'>",
        "&lt;b&gt;",
        "x" * 200,
    ]
    out = tmp_path / "net.html"
    from netspec.drawing.interactive import page as made

    out.write_bytes(made([OnPage(labelled(labels), "s.yaml", "input: [8, 8, 8]\n")]))
    page.requests.clear()
    page.open(out)
    shown = page.js("[...document.querySelectorAll('.fold-title')].map(e => e.textContent)")
    assert [label for label in labels if label not in shown] == []
    assert page.js("window.broken") is None
    assert page.requests == [out.resolve().as_uri()]
    assert page.errors == []


# ---- its words and its look


def shown_with(*options: str, to: Path, spec: str = "specs/lenet.yaml") -> str:
    return written(spec, *options, to=to).read_text()


def test_a_title_stands_in_the_heading_and_the_window_and_a_caption_below(tmp_path: Path) -> None:
    text = shown_with("--title", "A <b> & $net {{fit}}", "--caption", "Fig. <1>", to=tmp_path)
    assert "<title>A &lt;b&gt; &amp; $net {{fit}}</title>" in text
    assert "<h1>A &lt;b&gt; &amp; $net {{fit}}</h1>" in text
    assert "<footer>Fig. &lt;1&gt;</footer>" in text
    plain = shown_with(to=tmp_path)
    assert "<title>lenet</title>" in plain
    assert "<footer>" not in plain


def test_every_word_of_the_page_is_in_the_table_of_its_languages() -> None:
    """Also those that a script makes of what is there: `theme: light`, `error`."""
    here = ROOT / "netspec/drawing/interactive"
    scripts = "".join(file.read_text() for file in sorted(here.glob("*.js")))
    written_words = set(re.findall(r'say\([^")`]*"([^"]+)"', scripts)) | set(re.findall(r'\? "(\{\}[^"]*)"', scripts))
    (metrics,) = re.findall(r"^const METRICS = .*$", scripts, re.MULTILINE)
    written_words |= set(re.findall(r', "(\w+)"\]', metrics))
    written_words |= {"{} layer", "{} layers", "error", "warning", "theme: auto", "theme: light", "theme: dark"}
    marked = set(re.findall(r"\{\{(.+?)\}\}", (here / "page.html").read_text()))
    assert len(marked) > 15
    assert len(written_words) > 25
    table = words("zh")
    assert (marked | written_words) - set(table) == set()
    assert set(table) - marked - written_words == set()
    assert all(word.count("{}") == other.count("{}") for word, other in table.items())
    assert words("en") == {}


@needs_chromium
def test_a_page_in_chinese_says_its_own_words_in_chinese(page: Page, tmp_path: Path) -> None:
    file = written("specs/torchvision/googlenet.yaml", "--lang", "zh", to=tmp_path)
    text = file.read_text()
    assert '<html lang="zh-Hans">' in text
    page.resize(1280, 900)
    page.open(file)
    page.js("document.getElementById('open').click()")
    page.js("[...document.querySelectorAll('[role=treeitem]')].at(9).focus()")
    page.painted()
    said = page.js("document.body.innerText + [...document.querySelectorAll('[aria-label],[title]')]"
                   ".map(e => e.ariaLabel + e.title).join(' ')")  # fmt: skip
    for word in ("全部展开", "个参数", "次乘加", "层", "主题：自动", "输入", "输出", "仅训练"):
        assert word in said
    ours = "open all|close all|parameters|layers?|theme|takes|gives|because|memory|most in|training only|Zoom|Search"
    assert not re.findall(
        rf"\b(?:{ours})\b",
        page.js(
            "document.querySelector('header').innerText + [...document."
            "querySelectorAll('dt, small, .bars')].map(e => e.innerText)"
        ),
    )
    assert page.errors == []


@needs_chromium
@pytest.mark.parametrize(("theme", "dark"), [("dark", True), ("light", False)])
def test_a_theme_is_the_first_look_whatever_the_system_has(page: Page, tmp_path: Path, theme: str, dark: bool) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    file = written("specs/lenet.yaml", "--theme", theme, to=tmp_path)
    page.resize(1280, 900, dark=not dark)
    page.open(file)
    assert page.js(background) == ("rgb(20, 23, 27)" if dark else "rgb(255, 255, 255)")
    assert page.js("document.getElementById('theme').textContent") == f"theme: {theme}"
    page.call("Emulation.setEmulatedMedia", media="print", features=[])
    assert page.js(background) == "rgb(255, 255, 255)"
    page.call("Emulation.setEmulatedMedia", media="")
