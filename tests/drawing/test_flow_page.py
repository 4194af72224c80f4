"""The style `flow` on a page: Graphviz's picture with a title, in every theme, folded until it can be read."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.dom import minidom

import pytest

import netspec
from netspec.cli.draw import command
from netspec.diagnostics import MissingExtra, UsageError
from netspec.drawing import engine, flow
from netspec.drawing.dot import diagram, levels_of
from netspec.drawing.mermaid import escaped, mermaid
from netspec.drawing.page import SMALLEST, Sheet, paper
from netspec.drawing.recolor import size_of
from netspec.drawing.rendering import LayoutTooLong, render
from netspec.drawing.rows import Cuts, columns
from netspec.drawing.styles import picture
from netspec.drawing.theme import THEMES, ThemeName, theme
from netspec.views.fold import fold, stacked
from netspec.views.graph import flow as flow_graph
from tests.commands import ROOT, invoke
from tests.drawing.nets import load
from tests.test_diagram import words

pytestmark = pytest.mark.skipif(engine() is None, reason="needs a Graphviz engine")


def texts(svg: bytes) -> list[str]:
    found = minidom.parseString(svg).getElementsByTagName("text")
    return ["".join(n.data for n in e.childNodes if hasattr(n, "data")) for e in found]  # type: ignore[union-attr]


def test_title_caption_and_legend_stand_around_it(tmp_path: Path) -> None:
    output = tmp_path / "a.svg"
    run = invoke(
        command, ROOT / "specs/lenet.yaml", "-o", output, "--fit", "a4", "--title", "LeNet & <co>", "--caption", "1998"
    )
    assert run.exception is None
    assert re.search(r"a\.svg: \d+ × \d+ points, type of at least \d+\.\d points", run.stderr)
    assert {"LeNet & <co>", "1998", "convolution", "linear"} <= set(texts(output.read_bytes()))


@pytest.mark.parametrize("fit", ["a4", "slide"])
def test_it_is_folded_until_type_can_be_read(fit: str) -> None:
    drawn = picture([load("torchvision/resnet", "resnet18")], "flow", Sheet(fit=paper(fit)))
    assert drawn.smallest >= SMALLEST
    assert drawn.folded.startswith("folded as by `--depth ")
    svg = drawn.file("svg").decode()
    scale = float(re.search(r"scale\(([\d.]+)\)", svg)[1]) * drawn.scale  # type: ignore[index]
    sizes = [float(size) for size in re.findall(r'font-size="(1[138])\.00"', svg)]
    assert min(sizes) * scale == pytest.approx(drawn.smallest, rel=1e-3)


def test_it_has_columns_or_rows_where_the_page_is_wide_and_neither_if_a_direction_is_asked_for() -> None:
    slide = Sheet(fit=paper("1280x720"))  # with room to spare: how wide type is depends on the fonts of a machine
    assert picture([load("alexnet")], "flow", slide).folded == "in 2 columns"
    both = picture([load("lenet"), load("alexnet")], "flow", slide)
    assert both.folded == "in rows as by `--direction LR`"
    assert picture([load("lenet")], "flow", slide, direction="TB").folded == ""


def test_what_fits_nowhere_is_refused_with_a_style_that_does() -> None:
    with pytest.raises(UsageError, match=r"below 6; it fits with .*`--style map`"):
        picture([load("graphs/yolov8n")], "flow", Sheet(fit=paper("a4")), depth=1)


@pytest.mark.parametrize("name", THEMES)
def test_every_colour_is_one_of_the_theme(name: ThemeName) -> None:
    """In a net with groups, joins, frames, dropouts and a title."""
    svg = picture([load("graphs/fpn_resnet34")], "flow", Sheet(theme=name)).file("svg").decode()
    colors = theme(name)
    known = {c for pair in colors.fills.values() for c in pair} | {*colors.inks.values(), colors.line, colors.page}
    assert set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) <= known | {"none"}
    assert colors.fills["group"].line in svg or colors.fills["frame"].line in svg


def test_a_text_that_looks_like_a_colour_stays_as_it_is() -> None:
    net = replace(load("lenet"), name='fill="#16191d" stroke="#0b5c94"')
    svg = picture([net], "flow", Sheet(theme="dark", title="x")).file("svg")
    assert {'fill="#16191d"', 'stroke="#0b5c94"'} <= set(texts(svg))


def test_the_few_words_are_chinese_if_asked() -> None:
    shown = " ".join(texts(picture([load("lenet")], "flow", Sheet(language="zh")).file("svg")))
    assert "61,706 参数" in shown
    assert "卷积" in shown
    assert "parameters" not in shown


def test_a_layout_that_runs_away_is_given_up_folded_further_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(graph: object, form: str, *, timeout: float) -> bytes:
        if ">basic" in str(graph):  # more than one level is open
            raise LayoutTooLong("given up")
        return render(graph, form, timeout=timeout)  # type: ignore[arg-type]

    monkeypatch.setattr(flow, "render", slow)
    drawn = picture([load("torchvision/resnet", "resnet18")], "flow", Sheet(fit=paper("a4")), timeout=7)
    assert "more levels took over 7 s" in drawn.folded
    with pytest.raises(LayoutTooLong):
        picture([load("torchvision/resnet", "resnet18")], "flow", Sheet(fit=paper("a4")), depth=3)


def test_without_page_options_it_is_what_it_was(tmp_path: Path) -> None:
    output = tmp_path / "a.svg"
    assert invoke(command, ROOT / "specs/lenet.yaml", "-o", output).exception is None
    assert output.read_bytes() == render(diagram(load("lenet")), "svg")


def test_png_and_pdf_have_the_page_too(tmp_path: Path) -> None:
    pytest.importorskip("cairosvg")
    drawn = picture([load("lenet")], "flow", Sheet(fit=paper("a4"), title="LeNet"))
    png = drawn.file("png")
    assert int.from_bytes(png[16:20], "big") == pytest.approx(2 * drawn.width, abs=1)
    assert drawn.file("pdf").startswith(b"%PDF")


def test_an_engine_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netspec.drawing.rendering.engine", lambda: None)
    with pytest.raises(MissingExtra, match="neither `dot` nor pygraphviz"):
        picture([load("lenet")], "flow", Sheet(title="x"))


def test_columns_are_of_about_one_height_and_hold_every_layer_once() -> None:
    net = load("torchvision/vgg", "vgg16")
    svg = picture([net], "flow", Sheet(fit=paper("a4"))).file("svg")
    assert svg.decode().count(">…</tspan>") == 2  # where it goes on
    whole = render(diagram(net), "svg")
    broken = render(diagram(net, cuts=Cuts(2)), "svg")
    for layer in ("Conv2d", "MaxPool2d", "Linear"):
        assert sum(layer in text for text in texts(broken)) == sum(layer in text for text in texts(whole))
    (width, height), (wide, high) = map(size_of, (whole.decode(), broken.decode()))
    assert high < 0.6 * height
    assert wide < 2.3 * width


@pytest.mark.parametrize(
    ("spec", "variant", "least"),
    [("alexnet", None, 0.7), ("torchvision/resnet", "resnet18", 0.5), ("language/gpt2", "gpt2_small", 0.2)],
)
def test_there_are_as_many_columns_as_is_said_and_none_is_the_rest(
    spec: str, variant: str | None, least: float
) -> None:
    """A column of GPT-2 is its block, which stands in one frame and cannot be broken."""
    net = load(spec, variant)
    drawn = picture([net], "flow", Sheet(fit=paper("slide")))
    said = re.search(r"in (\d) columns", drawn.folded)
    assert said is not None
    assert drawn.file("svg").decode().count(">…</tspan>") == 2 * (int(said[1]) - 1)
    level = re.search(r"--depth (\d)", drawn.folded)
    graph = flow_graph(net, stacked(fold(net, int(level[1]) if level else levels_of(net))), forks=True)
    counts = [len(part.vertices) for part in columns(graph, Cuts(int(said[1])))]
    assert min(counts) > least * max(counts)


def test_what_tells_nothing_of_the_structure_is_left_out_unless_it_is_asked_for(tmp_path: Path) -> None:
    text = """\
input: [T, 16]
layers:
  - LayerNorm: {eps: 1e-6}
  - SelfAttention: {num_heads: 4}
  - {Linear: {out_features: 8, bias: false}, name: narrow}
  - {LeakyReLU: 0.2, name: bent}
"""
    net = netspec.loads(text)
    said = " ".join(words(diagram(net)))
    assert all(phrase in said for phrase in ("4 heads", "narrow: Linear 8", "bent: LeakyReLU 0.2"))
    assert not any(noise in said for noise in ("eps", "bias"))
    chart, _ = mermaid([net])
    assert all(escaped(phrase) in chart for phrase in ("SelfAttention 4 heads", "narrow: Linear 8"))
    assert escaped("1e-06") not in chart
    spec = tmp_path / "n.yaml"
    spec.write_text(text, encoding="utf-8")
    for name in ("a.svg", "a.dot"):
        for options in ((), ("--all-arguments",)):
            assert invoke(command, spec, "-o", tmp_path / name, *options).exit_code == 0
            shown = (tmp_path / name).read_text(encoding="utf-8")
            assert ("LayerNorm eps 1e" in shown) == bool(options)
            assert ("no bias" in shown) == bool(options)
    tips = render(diagram(net), "svg").decode()
    assert "narrow: Linear · line 5" in tips


def test_what_has_a_skip_all_along_stays_in_one_column() -> None:
    layers = [{"Linear": 8 + at} for at in range(12)]
    net = netspec.loads(json.dumps({"name": "n", "input": [19], "layers": [{"residual": layers}]}))
    assert diagram(net, cuts=Cuts(2)).source == diagram(net).source
