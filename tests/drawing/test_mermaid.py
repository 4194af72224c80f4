"""Flowcharts of Mermaid: what Mermaid itself reads and draws, in Chromium, and what its text says."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.cli.draw import command
from netspec.diagnostics import UsageError
from netspec.drawing.mermaid import MOST_ARROWS, MOST_LETTERS, escaped, in_markdown, mermaid
from netspec.drawing.text import printable
from netspec.net import Net
from tests.browser import CHROMIUM, MISSING, Page, browser
from tests.commands import invoke
from tests.drawing.nets import NETS, ROOT, load, nets
from tests.random_texts import net_of, texts

HOSTILE = (
    "end", "graph", "style x fill:#f00;", "click", "default", "1. a", "- a", "* a", "+ b", "# h", "> q", "`code`",
    "1) a", "$$x$$", "%%{init: {}}%%", "_a_ b", "__a__ **b**", "fa:fa-car x", "\\n a\\nb", "<script>alert(1)</script>",
    "<br/>", "&amp; &#35; #35;", "\"q\" 'q'", "subgraph x", "end]", "]:::x", "a;b", "a|b", "-->", "o--o", "x--x",
    "style:#a;", "~~~", "---", "===", "  two  blanks ", "http://x.y/z", "![i](u)", "[l](u)", "😀 مرحبا שלום 层",
    "", "\x00\x1b\ud800", "one\nline", "x" * 300,
)  # fmt: skip


def script() -> Path | None:
    """Mermaid's own script: named by `MERMAID_JS`, or installed by `npm install --global mermaid`."""
    if "MERMAID_JS" in os.environ:
        return Path(os.environ["MERMAID_JS"])
    npm = shutil.which("npm")
    if npm is None:
        return None
    root = subprocess.run([npm, "root", "--global"], capture_output=True, text=True, check=False).stdout.strip()
    found = Path(root) / "mermaid/dist/mermaid.min.js"
    return found if found.is_file() else None


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    found = script()
    if CHROMIUM is None:
        pytest.skip(MISSING)
    if found is None:
        pytest.skip("needs Mermaid: `npm install --global mermaid`, or MERMAID_JS with the path of mermaid.min.js")
    file = tmp_path_factory.mktemp("mermaid") / "page.html"
    file.write_text(f'<!doctype html><meta charset="utf-8"><div id="x"></div><script src="{found.as_uri()}"></script>')
    with browser() as tab:
        tab.open(file)
        tab.js("mermaid.initialize({startOnLoad: false})")
        yield tab


def drawn(page: Page, chart: str) -> dict[str, Any]:
    """What Mermaid makes of a text: the texts of the boxes, of the frames and of the title."""
    answer = page.js(
        f"mermaid.render('g', {json.dumps(chart)}).then(({{svg}}) => {{"
        "const x = document.getElementById('x'); x.innerHTML = svg;"
        "const all = s => [...x.querySelectorAll(s)].map(e => e.textContent);"
        "return {boxes: all('.node .nodeLabel'), frames: all('.cluster .nodeLabel'), edges: all('.edgeLabel p'),"
        " title: all('.flowchartTitleText')} }, e => String(e))"
    )
    assert isinstance(answer, dict), answer
    return answer


def squeezed(words: str) -> str:
    return re.sub(r"\s", "", printable(words))


def test_mermaid_draws_what_the_text_says(page: Page) -> None:
    shown = drawn(page, mermaid([load("alexnet")])[0])
    assert shown["title"] == ["alexnet: 46,764,746 parameters, 938,146,176 MACs"]
    assert shown["boxes"][:3] == [
        "input 1 × 224 × 224",
        "Conv2d 96, 11×11, stride 4, padding 1ReLU",
        "MaxPool2d 3×3, stride 2",
    ]
    assert shown["edges"][0] == "96 × 54 × 54"
    assert len(shown["boxes"]) == 14


@pytest.mark.parametrize("name", NETS)
def test_mermaid_draws_every_network(page: Page, name: str) -> None:
    chart = mermaid(nets(name))[0]
    shown = drawn(page, chart)
    assert len(shown["boxes"]) == len(re.findall(r"^  n\d+[\[(]", chart, re.MULTILINE))
    assert "loss" not in shown["title"]


def test_any_text_is_shown_as_it_is(page: Page) -> None:
    for words in (*HOSTILE, *texts(15, 3)):
        kept = printable(words)
        want = kept if len(kept) <= 200 else kept[:199] + "…"
        shown = drawn(page, mermaid([net_of([words, words])])[0])
        assert [squeezed(label) for label in shown["frames"]] == [squeezed(want) or "…" * bool(words)], words
    assert page.errors == []


# ---- the text alone


def test_no_sign_of_a_text_is_one_of_mermaids() -> None:
    for words in (*HOSTILE, *texts(500, 5)):
        assert re.fullmatch(r"(?:[^\W_]|[ ,×()=·…→\u2060]|#\d+;)+", escaped(words)), words


def test_repetitions_blocks_joins_and_heads_have_signs_of_their_own() -> None:
    chart = mermaid([load("torchvision/resnet", "resnet18")])[0]
    assert re.search(r'subgraph n\d+ \["layer1"\]', chart)
    assert re.search(r'subgraph n\d+ \["basic\(64, 1\) ×2"\]', chart)
    assert '(("#43;")):::group' in chart  # a sum
    closed = mermaid([load("torchvision/resnet", "resnet18")], depth=1)[0]
    assert re.search(r'\[\["layer1<br/>12 layers, 147,968 parameters"\]\]:::group', closed)
    assert "-.->" in mermaid([load("torchvision/googlenet")])[0]  # heads that run in training alone


def test_operands_are_numbered_where_their_order_matters() -> None:
    net = netspec.loads("input: [4, 8, 8]\nlayers:\n  - concat: [[Conv2d: {out_channels: 2, kernel_size: 1}], []]\n")
    chart = mermaid([net])[0]
    assert re.search(r'-->\|"1 · 2 × 8 × 8"\| n3', chart)
    assert re.search(r'-->\|"2"\| n3', chart)


def test_the_same_net_gives_the_same_bytes() -> None:
    assert mermaid([load("unet")]) == mermaid([load("unet")])


def _wide(count: int) -> Net:
    lines = "\n".join(f"  - Conv2d: {{out_channels: {8 + n % 11}, kernel_size: 3, padding: 1}}" for n in range(count))
    return netspec.loads(f"input: [3, 8, 8]\nlayers:\n{lines}\n")


def test_more_than_mermaid_draws_is_refused_with_what_helps() -> None:
    with pytest.raises(
        UsageError, match=f"{MOST_LETTERS:,} letters and {MOST_ARROWS} arrows.*an SVG has no such limit"
    ):
        mermaid([_wide(MOST_ARROWS + 1)])


def test_a_markdown_file_has_the_chart_as_a_block(tmp_path: Path) -> None:
    spec = str(ROOT / "specs/lenet.yaml")
    for form in ("md", "mmd"):
        assert invoke(command, spec, "-o", str(tmp_path / f"lenet.{form}")).exit_code == 0
    chart = (tmp_path / "lenet.mmd").read_text()
    assert chart.startswith('---\ntitle: "lenet: 61,706 parameters, 416,520 MACs"\n')
    assert (tmp_path / "lenet.md").read_text() == in_markdown(chart) == f"```mermaid\n{chart}```\n"
    refused = invoke(command, spec, "-o", str(tmp_path / "lenet.md"), "--style", "stack")
    assert ".md is a format of `--style flow`" in str(refused.exception)
