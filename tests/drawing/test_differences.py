"""Two networks as one picture: what is paired with what, how it is marked, and that it can be read."""

from __future__ import annotations

import random
import re
from pathlib import Path
from xml.dom import minidom

import pytest

import netspec
from netspec.cli.compare import command
from netspec.comparison import Comparison, SeveralNets, compare
from netspec.comparison.parts import SideBySide
from netspec.diagnostics import UsageError
from netspec.drawing.differences import differences, page, rounded, table_of
from netspec.drawing.drawn_rows import RowMaker
from netspec.drawing.page import SMALLEST, Sheet, paper
from netspec.drawing.scene import Box, Words, flat
from netspec.drawing.short import Voice
from netspec.drawing.theme import THEMES
from netspec.drawing.tikz import tikz
from netspec.net import Net
from netspec.views.fold import Join, LayerGroup, Unit
from tests.browser import CHROMIUM, MISSING, UNREACHED, browser
from tests.commands import invoke
from tests.drawing.held import faults, words_of
from tests.drawing.nets import ROOT, load
from tests.drawing.test_pages import any_text, renamed, squeezed, texts

PAIRS: dict[str, tuple[tuple[str, str | None], tuple[str, str | None]]] = {
    "lenet and alexnet": (("lenet", None), ("alexnet", None)),
    "resnet18 and 34": (("torchvision/resnet", "resnet18"), ("torchvision/resnet", "resnet34")),
    "bert and albert": (("language/bert", "bert_base"), ("graphs/albert", None)),
    "vgg and resnet": (("torchvision/vgg", "vgg16"), ("torchvision/resnet", "resnet50")),
    "densenet and yolo": (("torchvision/densenet", "densenet121"), ("graphs/yolov8n", None)),
}


def compared(name: str) -> Comparison:
    return compare(*(load(spec, variant) for spec, variant in PAIRS[name]))


def unet(depth: int) -> Net:
    text = (ROOT / "specs/unet.yaml").read_text()
    downwards = ", ".join(map(str, range(depth - 1, -1, -1)))
    return netspec.loads(
        text.replace("range(4)", f"range({depth})").replace("2**4", f"2**{depth}").replace("3, 2, 1, 0", downwards)
    )


def said(pairs: tuple[SideBySide, ...]) -> list[str]:
    """Each pair as its sign and what stands on either side, those inside of it behind it."""
    signs = {"same": "=", "changed": "~", "replaced": "≠", "removed": "-", "added": "+"}

    def words(portion: object) -> str:
        item = getattr(portion, "item", None)
        match item:
            case None:
                return ""
            case Unit():
                return item.layers[0].type
            case LayerGroup():
                return f"{item.label} ×{item.count}"
            case Join():
                return item.combinator.kind
            case _:
                return type(item).__name__

    found: list[str] = []
    for pair in pairs:
        found.append(f"{signs[pair.kind]} {words(pair.a)} | {words(pair.b)}")
        found += (f"  {line}" for line in said(pair.inside))
    return found


# ---- what stands for what


def test_a_block_of_which_there_are_more_is_repeated_more_often() -> None:
    assert said(compared("resnet18 and 34").pairs) == [
        "= Conv2d | Conv2d",
        "= MaxPool2d | MaxPool2d",
        "~ layer1 ×1 | layer1 ×1",
        "  ~ basic(64, 1) ×2 | basic(64, 1) ×3",
        "~ layer2 ×1 | layer2 ×1",
        "  = basic(128, 2) ×1 | basic(128, 2) ×1",
        "  ~ basic(128, 1) ×1 | basic(128, 1) ×3",
        "~ layer3 ×1 | layer3 ×1",
        "  = basic(256, 2) ×1 | basic(256, 2) ×1",
        "  ~ basic(256, 1) ×1 | basic(256, 1) ×5",
        "~ layer4 ×1 | layer4 ×1",
        "  = basic(512, 2) ×1 | basic(512, 2) ×1",
        "  ~ basic(512, 1) ×1 | basic(512, 1) ×2",
        "= AdaptiveAvgPool2d | AdaptiveAvgPool2d",
        "= Flatten | Flatten",
        "= Linear | Linear",
    ]


def test_layers_of_one_type_are_changed_and_those_of_one_family_replaced() -> None:
    assert said(compared("lenet and alexnet").pairs) == [
        "~ Conv2d | Conv2d",
        "≠ AvgPool2d | MaxPool2d",
        "~ Conv2d | Conv2d",
        "≠ AvgPool2d | MaxPool2d",
        "+  | Conv2d",
        "+  | Conv2d",
        "+  | Conv2d",
        "+  | MaxPool2d",
        "= Flatten | Flatten",
        "~ Linear | Linear",
        "~ Linear | Linear",
        "= Linear | Linear",
    ]


def test_a_deeper_unet_has_a_stretch_in_its_middle_and_nothing_else() -> None:
    lines = said(compare(unet(3), unet(4)).pairs)
    assert [line[0] for line in lines] == ["="] * 7 + ["+"] * 5 + ["="] * 10
    assert [line[0] for line in said(compare(unet(4), unet(3)).pairs)] == ["="] * 7 + ["-"] * 5 + ["="] * 10


def test_a_loop_and_a_named_chain_of_the_same_layers_are_versions_of_each_other() -> None:
    lines = said(compared("bert and albert").pairs)
    assert "~ repeat ×12 | layer ×1" in lines
    assert any("SelfAttention" in line for line in lines)  # opened to where they differ


@pytest.mark.parametrize("name", PAIRS)
def test_every_part_of_either_net_stands_once_and_in_order(name: str) -> None:
    comparison = compared(name)
    for side in ("a", "b"):
        alone = [getattr(pair, side) for pair in comparison.pairs if getattr(pair, side) is not None]
        itself = compare(getattr(comparison, side), getattr(comparison, side)).pairs
        assert [part.item for part in alone] == [pair.a.item for pair in itself if pair.a is not None]
        assert all(pair.kind == "same" for pair in itself)


def test_long_chains_of_layers_are_paired_in_seconds() -> None:
    lines = "\n".join(f"  - Conv2d: {{out_channels: {8 + n % 97}, kernel_size: 3, padding: 1}}" for n in range(1500))
    a = netspec.loads(f"input: [3, 4, 4]\nlayers:\n{lines}\n")
    b = netspec.loads(
        f"input: [3, 4, 4]\nlayers:\n  - ReLU\n{lines.replace('kernel_size: 3, padding: 1', 'kernel_size: 1')}\n"
    )
    assert len(compare(a, b).pairs) >= 1500


# ---- the picture


@pytest.mark.parametrize("fit", [None, "a4", "slide"])
@pytest.mark.parametrize("name", PAIRS)
def test_nothing_overlaps_and_type_can_be_read(name: str, fit: str | None) -> None:
    drawn = differences(compared(name), Sheet(fit=None if fit is None else paper(fit), title=name))
    assert faults(drawn.scene) == []
    assert drawn.smallest >= SMALLEST


def test_every_row_has_a_sign_and_borders_say_the_same_without_colour() -> None:
    drawn = differences(compared("lenet and alexnet"), Sheet(theme="print"))
    signs = [words_of(s) for s in flat(drawn.scene.shapes) if isinstance(s, Words) and words_of(s) in set("=~≠−+")]
    assert sorted(signs) == sorted("~≠~≠++++=~~=")
    boxes = [shape for shape in flat(drawn.scene.shapes) if isinstance(shape, Box) and not shape.frame]
    assert all(box.heavy == (box.role == "added") and box.dashed == (box.role == "removed") for box in boxes)
    assert {"added", "removed", "changed", "same"} <= {box.role for box in boxes}
    svg = drawn.file("svg").decode()
    assert all(len({color[0:2], color[2:4], color[4:6]}) == 1 for color in re.findall(r'"#([0-9a-f]{6})"', svg))
    assert "= in both, ~ differs, ≠ another layer in its place, + in the right one alone" in texts(svg.encode())


@pytest.mark.parametrize("fit", [None, "a4", "slide", "column"])
@pytest.mark.parametrize(("a", "b"), [("unet", "graphs/unet_resnet34"), ("lenet", "alexnet")])
def test_the_legend_names_the_signs_that_are_drawn_and_no_other(a: str, b: str, fit: str | None) -> None:
    drawn = differences(compare(load(a), load(b)), Sheet(fit=None if fit is None else paper(fit)))
    said = [words_of(shape) for shape in flat(drawn.scene.shapes) if isinstance(shape, Words)]
    signs = {text for text in said if text in set("=~≠−+")}
    meanings = {"=": "in both", "~": "differs", "≠": "another layer", "−": "in the left", "+": "in the right"}
    legend = " ".join(said)
    assert signs
    assert {sign for sign, meaning in meanings.items() if f"{sign} {meaning}" in legend} == signs


def test_equal_rows_are_folded_and_numbers_stand_beside_the_boxes() -> None:
    lines = texts(differences(compared("resnet18 and 34"), Sheet()).file("svg"))
    assert lines.count("AdaptiveAvgPool (1×1) … FC (1000)") == 2
    assert lines.count("128 × 28 × 28") == 6
    assert {"886,272", "693,633,024"} <= set(lines)  # three blocks of 128 channels
    assert "21,797,672" in lines  # the table below


def test_tips_have_the_line_of_the_spec() -> None:
    svg = minidom.parseString(differences(compared("lenet and alexnet"), Sheet()).file("svg"))
    tips = [e.firstChild.data for e in svg.getElementsByTagName("title") if e.firstChild]  # type: ignore[union-attr]
    assert any("Conv2d 96, 11×11" in tip and "alexnet.yaml, line " in tip for tip in tips)
    assert any("Conv2d 6, 5×5" in tip and "lenet.yaml, line " in tip for tip in tips)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("RMSNorm: {eps: 1e-5}", "RMSNorm: {eps: 1e-6}"),
        ("BatchNorm1d: {momentum: 0.01}", "BatchNorm1d"),
        ("Linear: {out_features: 8, bias: false}", "Linear: 8"),
        ("LeakyReLU: 0.2", "LeakyReLU"),
        ("GELU", "GELU: {approximate: tanh}"),
    ],
)
@pytest.mark.parametrize("lines", ["  - Linear: 8\n  - {}\n  - ReLU\n", "  - {}\n", "  - residual: [{}]\n"])
def test_what_is_changed_does_not_read_the_same(one: str, other: str, lines: str) -> None:
    a, b = (netspec.loads(f"input: [8]\nlayers:\n{lines.format(item)}") for item in (one, other))
    changed = [row for row in RowMaker(Voice(), 9).rows(compare(a, b).pairs) if row.kind == "changed" and not row.opens]
    assert changed
    assert all(row.a is not None and row.b is not None and row.a.runs != row.b.runs for row in changed)


def test_fewer_levels_are_open_where_that_is_asked() -> None:
    drawn = differences(compared("resnet18 and 34"), Sheet(), depth=1)
    assert "basic(64, 1) ×2" in "".join(texts(drawn.file("svg")))
    whole = differences(compared("bert and albert"), Sheet(), depth=1)
    assert "SelfAttention" not in "".join(texts(whole.file("svg")))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_any_title_and_name_is_whole_and_in_its_place(seed: int) -> None:
    source = random.Random(seed)
    for _ in range(8):
        name, label, title = (any_text(source) for _ in range(3))
        comparison = compare(renamed(load("lenet"), name, label), renamed(load("alexnet"), name, label))
        drawn = differences(comparison, Sheet(title=title))
        assert faults(drawn.scene) == []
        svg = drawn.file("svg")
        shown = squeezed("".join(texts(svg)))
        assert squeezed(title) in shown
        assert shown.count(squeezed(name)) >= 2
        assert b"<script" not in svg + page(comparison, Sheet())
        assert tikz(drawn).count("\\begin{tikzpicture}") == 1
        for text in (comparison.to_html(), comparison.to_latex(), comparison.to_csv(), comparison.to_markdown()):
            assert "\x00" not in text or "\x00" in name + label


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (99_999, "99,999"), (117_600, "118 k"), (999_600, "1 M"), (46_764_746, "46.8 M"), (3 * 10**12, "3 T")],
)
def test_rounded_counts_have_three_digits(count: int, text: str) -> None:
    assert rounded(count) == text


# ---- the command


def test_the_command_draws_each_format(tmp_path: Path) -> None:
    for form, begins in {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "tex": b"% lenet | alexnet"}.items():
        file = tmp_path / f"both.{form}"
        made = invoke(command, "specs/lenet.yaml", "specs/alexnet.yaml", "--draw", str(file))
        assert made.exit_code == 0
        assert "alexnet has 757.9 times the parameters of lenet" in made.stdout
        assert re.search(r"wrote .*: 871 × 537 points", made.stderr)
        assert file.read_bytes().startswith(begins)


def test_more_than_two_are_a_table_in_every_format(tmp_path: Path) -> None:
    several = ("specs/torchvision/resnet.yaml", *(w for n in (18, 34, 50) for w in ("--variant", f"resnet{n}")))
    table = invoke(command, *several, "--draw", str(tmp_path / "all.svg")).stdout
    assert max(map(len, table.splitlines())) <= 80
    assert re.search(r"resnet34 +109 +21,797,672 +1.86 × +3,663,761,408 +2.02 × +83.2 MiB", table)
    assert "21,797,672" in texts((tmp_path / "all.svg").read_bytes())
    assert "| resnet50 | 159 | 25,557,032 |" in invoke(command, *several, "--format", "markdown").stdout
    assert r"resnet50 & 159 & 25,557,032 &" in invoke(command, *several, "--format", "latex").stdout
    assert '<th scope="row">resnet50</th><td>159</td>' in invoke(command, *several, "--format", "html").stdout
    lines = invoke(command, *several, "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("net,layers,depth,params,")
    assert lines[3].startswith("resnet50,159,")
    assert '"format": "netspec.comparisons/1"' in invoke(command, *several, "--format", "json").stdout


def test_two_are_told_in_every_format() -> None:
    both = ("specs/lenet.yaml", "specs/alexnet.yaml")
    assert "params,61706,46764746,757.8638382004991" in invoke(command, *both, "--format", "csv").stdout
    assert (
        r"parameters & 61,706 & 46,764,746 & 757.9 \texttimes{} \\"
        in invoke(command, *both, "--format", "latex").stdout
    )
    shown = invoke(command, *both, "--format", "html").stdout
    assert "<td>46,764,746</td>" in shown
    minidom.parseString(f"<div>{shown}</div>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("specs/lenet.yaml",), "a comparison takes two networks: name a second spec"),
        (
            ("specs/lenet.yaml", "specs/alexnet.yaml", "--theme", "dark", "--depth", "1"),
            "--theme and --depth: those are",
        ),
        (("specs/lenet.yaml", "specs/alexnet.yaml", "--draw", "a.dot"), "`.dot` is no format of it"),
        (("specs/lenet.yaml", "specs/alexnet.yaml", "--draw", "a.svg", "--snippet"), "--snippet is an option of .tex"),
        (("specs/lenet.yaml", "specs/alexnet.yaml", "specs/unet.yaml", "--variant-a", "x"), "are for two networks"),
        (("specs/lenet.yaml", "specs/alexnet.yaml", "--draw", "a.svg", "--fit", "100x100"), "below 6"),
    ],
)
def test_what_cannot_be_compared_or_drawn_is_refused(arguments: tuple[str, ...], message: str) -> None:
    refused = invoke(command, *arguments)
    assert isinstance(refused.exception, UsageError)
    assert message in str(refused.exception)
    assert not Path("a.svg").exists()


def test_one_spec_is_enough_for_two_variants() -> None:
    path = "specs/torchvision/resnet.yaml"
    for words in (
        ("--variant", "resnet18", "--variant", "resnet34"),
        ("--variant-a", "resnet18", "--variant-b", "resnet34"),
    ):
        assert "resnet34 has 1.86 times the parameters of resnet18" in invoke(command, path, *words).stdout


def test_names_tell_apart_what_has_one_name() -> None:
    net = load("lenet")
    assert SeveralNets([net, net, load("alexnet")]).names == ["lenet (A)", "lenet (B)", "alexnet"]
    assert [row[0] for row in SeveralNets([net] * 28).cells[-2:]] == ["lenet (27)", "lenet (28)"]


@pytest.mark.parametrize("name", THEMES)
def test_a_table_of_several_has_every_theme(name: str) -> None:
    drawn = table_of(SeveralNets([load("lenet"), load("alexnet"), load("unet")]), Sheet(theme=name))
    assert faults(drawn.scene) == []


PLAIN = "name: {}\ninput: [{}, 16, 16]\nlayers:\n  - Conv2d: {{out_channels: 8, kernel_size: 3}}\n{}"


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        (PLAIN.format("a", 3, ""), PLAIN.format("b", 3, ""), ["a 与 b 的参数量和乘加次数相同。", "各层逐一相同。"]),
        (
            PLAIN.format("a", 3, "  - Dropout: 0.5\n"),
            PLAIN.format("b", 3, "  - ReLU\n").replace("size: 3", "size: 5"),
            ["b 的参数量为 a 的 2.71 倍，乘加次数为其 ", "层间有 3 处差异：新增 1，移除 1，修改 1", "仅在 a 中，附其"],
        ),
        ("name: a\ninput: [3]\nlayers: [ReLU]\n", PLAIN.format("b", 3, ""), ["a 有 0 个参数，b 有 224 个。"]),
        (
            PLAIN.format("a", 3, "").replace("16, 16", "H, 16"),
            PLAIN.format("b", 3, "").replace("16, 16", "H, 16").replace("size: 3}", "size: 3}\n    freeze: true"),
            ["b 的参数量为 a 的 1 倍。", "层间有 1 处差异：修改 1", "Conv2d: 冻结 false → true"],
        ),
    ],
)  # fmt: skip
def test_the_page_around_the_picture_is_chinese_if_asked(a: str, b: str, words: list[str]) -> None:
    nets = netspec.loads(a), netspec.loads(b)
    shown = re.sub(r"<svg.*?</svg>", "", page(compare(*nets), Sheet(language="zh")).decode(), flags=re.DOTALL)
    body = re.sub(r"<[^>]*>", "\n", shown.partition("<main>")[2])
    assert '<html lang="zh-Hans">' in shown
    for part in (*words, "比值", "参数", "乘加", "数值", "逐层比较"):
        assert part in body
    english = set(re.findall(r"[A-Za-z]{2,}", body))
    assert english <= {"Conv", "ReLU", "Dropout", "kernel", "size", "false", "true", "KiB"}
    assert '<html lang="en">' in page(compare(*nets), Sheet()).decode()


def test_the_page_of_several_is_chinese_if_asked_and_names_stay() -> None:
    nets = [netspec.loads(PLAIN.format(name, 3, "")) for name in ("ratio", "parameters", "layers")]
    shown = page(SeveralNets(nets), Sheet(language="zh")).decode()
    assert '<html lang="zh-Hans">' in shown
    for part in (">比值</th>", ">参数</th>", ">乘加</th>", ">层</th>", ">ratio</th>", ">parameters</th>"):
        assert part in shown
    two = page(compare(*nets[:2]), Sheet(language="zh")).decode()
    assert '<th scope="col">ratio</th><th scope="col">parameters</th><th scope="col">比值</th>' in two


def test_the_page_shows_the_picture_of_the_screen_and_asks_for_nothing(tmp_path: Path) -> None:
    if CHROMIUM is None:
        pytest.skip(MISSING)
    file = tmp_path / "both.html"
    assert invoke(command, "specs/lenet.yaml", "specs/alexnet.yaml", "--draw", str(file)).exit_code == 0
    with browser() as tab:
        for dark in (False, True):
            tab.resize(1280, 900, dark=dark)
            tab.open(file)
            seen = tab.js(
                "[...document.querySelectorAll('figure')].filter(f => f.offsetHeight > 0).map(f => f.className)"
            )
            assert seen == ["dark" if dark else "light"]
            assert tab.js("document.documentElement.scrollWidth") <= 1280
        tab.resize(390, 800)
        tab.open(file)
        assert tab.js("document.documentElement.scrollWidth") <= 390
        assert tab.js(UNREACHED) == []
        assert tab.errors == []
        assert [url for url in tab.requests if not url.startswith("file:")] == []
