"""The styles with a page: type that can be read, boxes apart, texts whole, colours with contrast."""

from __future__ import annotations

import json
import random
import re
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path
from xml.dom import minidom

import pytest
import yaml

import netspec
from netspec.cli.draw import command
from netspec.diagnostics import MissingExtra, UsageError
from netspec.drawing.page import SMALLEST, Sheet, paper
from netspec.drawing.scene import SMALL, Box, Phrase, Scene, Stroke, Words, flat
from netspec.drawing.styles import STYLES, picture
from netspec.drawing.text import fixed, lines, printable, width
from netspec.drawing.theme import THEMES, ThemeName, theme
from netspec.net import Leaf, Net
from tests.commands import invoke
from tests.drawing.held import faults
from tests.drawing.nets import NETS, ROOT, load, nets

SUITS = {style: list(NETS) for style in STYLES} | {
    "volumes": [name for name in NETS if name not in ("swin_t", "gpt2", "yolov8n")]
}
"""The networks that each style draws."""
CASES = [(style, name) for style, names in SUITS.items() for name in names]


def texts(svg: bytes) -> list[str]:
    """The text elements, each with its lines of several colours put together."""
    elements = minidom.parseString(svg).getElementsByTagName("text")

    def within(node: minidom.Node) -> str:
        return "".join(n.data if isinstance(n, minidom.Text) else within(n) for n in node.childNodes)

    return [within(element) for element in elements]


# ---- on a page


@pytest.mark.parametrize("fit", ["a4", "slide"])
@pytest.mark.parametrize(("style", "name"), CASES)
def test_every_network_fits_with_type_that_can_be_read_and_nothing_overlaps(style: str, name: str, fit: str) -> None:
    asked = paper(fit)
    drawn = picture(nets(name), style, Sheet(fit=asked, title=name))
    assert faults(drawn.scene) == []
    assert drawn.smallest >= SMALLEST
    assert drawn.width <= asked.width + 0.01
    assert drawn.height <= asked.height + 0.01
    sizes = re.findall(r'font-size="([\d.]+)"', drawn.file("svg").decode())
    assert min(map(float, sizes)) * drawn.scale >= drawn.smallest


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted((ROOT / "specs").rglob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("style", STYLES)
def test_nothing_overlaps_in_any_spec_that_we_ship(style: str, path: Path) -> None:
    variants = yaml.safe_load(path.read_text()).get("variants")
    net = netspec.load(str(path), variant=next(iter(variants), None) if variants else None)
    try:
        drawn = picture([net], style, Sheet(fit=paper("6000x9000")))
    except UsageError:
        assert style == "volumes"
        return
    assert faults(drawn.scene) == []


def test_the_checks_find_what_is_wrong() -> None:
    """Each fault in a scene of its own."""
    box, other = Box(0, 0, 20, 20, "group"), Box(10, 0, 20, 20, "group")
    text = Words(10, 12, (Phrase("a long text"),))
    frame = Box(0, 0, 30, 10, "frame", frame=True)
    for shapes, fault in {
        (box, other): "boxes overlap",
        (box, text): "runs out of its box",
        (text, replace(text, x=12)): "texts overlap",
        (text, Stroke(((0, 10), (40, 10)))): "a line runs through",
        (box, frame): "runs out of a frame",
        (Box(90, 0, 20, 20, "group"),): "outside the picture",
    }.items():
        assert any(fault in found for found in faults(Scene(100, 100, shapes))), fault


def test_what_does_not_fit_is_refused_with_what_does() -> None:
    """Each way out is taken."""
    unet = load("unet")
    with pytest.raises(UsageError, match=r"below 6; it fits with (.*)$") as refused:
        picture([unet], "stack", Sheet(fit=paper("column")))
    ways = re.findall(r"`--(\w+) (\S+)`", str(refused.value))
    assert ("style", "map") in ways
    assert ("fit", "a4") in ways
    for option, value in ways:
        style, fit = (value, "column") if option == "style" else ("stack", value)
        assert picture([unet], style, Sheet(fit=paper(fit))).smallest >= SMALLEST


def test_no_larger_page_is_advised_than_there_may_be() -> None:
    with pytest.raises(UsageError, match="below 6; it fits with `--fit a4`") as refused:
        picture([load("torchvision/vgg", "vgg16")], "stack", Sheet(fit=paper("20000x36")))
    assert re.findall(r"--fit \d+x", str(refused.value)) == ["--fit 20000x"]


def test_a_page_is_called_in_small_letters_and_in_capitals() -> None:
    assert paper("A4") == paper("a4")
    assert paper("90x3CM") == paper("90x3cm")


@pytest.mark.parametrize(
    ("name", "size"),
    [("300x200", (300, 200)), ("25.4x50.8mm", (72, 144)), ("2x3in", (144, 216)), ("2.54x5.08cm", (72, 144))],
)
def test_a_page_has_a_size_of_ones_own(name: str, size: tuple[float, float]) -> None:
    assert (paper(name).width, paper(name).height) == pytest.approx(size)


@pytest.mark.parametrize("name", ["", "a5", "300", "0x10", "1x1", "99999x99999cm", "-3x4", "3x4px"])
def test_a_page_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--fit"):
        paper(name)


# ---- texts


LETTERS = "".join(
    chr(code)
    for start, end in ((0, 0x7F), (0x80, 0x24F), (0x370, 0x52F), (0x5D0, 0x5EA), (0x621, 0x64A), (0x905, 0x939),
                       (0x2000, 0x206F), (0x2190, 0x22FF), (0x3041, 0x3096), (0x4E00, 0x4E80), (0xD7F0, 0xD810),
                       (0xFFF0, 0xFFFF), (0x1F600, 0x1F640))
    for code in range(start, end + 1)
)  # fmt: skip
MARKUP = ("</text><script>alert(1)</script>", "&nbsp;", "]]>", "<!--", "{{x}}", "\"'`", "&#0;", "\\N\\G", "%s", "‮abc")


def any_text(source: random.Random) -> str:
    if source.random() < 0.2:
        return source.choice(MARKUP)
    return "".join(source.choices(LETTERS, k=source.choice((1, 5, 20, 60, 200))))


def renamed(net: Net, title: str, label: str) -> Net:
    """A net with another title and a name for its first layer, whatever a spec would make of them."""
    first, *rest = net.root.children
    assert isinstance(first, Leaf)
    return replace(net, name=title, root=net.root._replace(children=(first._replace(name=label), *rest)))


def squeezed(words: str) -> str:
    return re.sub(r"\s", "", printable(words))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("style", STYLES)
def test_any_title_name_and_caption_is_whole_and_in_its_place(style: str, seed: int) -> None:
    """50 for each seed; lines are broken at blanks or between letters, and nothing else is changed."""
    source = random.Random(seed)
    for _ in range(50 // 3 + 1):
        name, label, title = (any_text(source) for _ in range(3))
        net = renamed(load("lenet"), name, label)
        drawn = picture([net], style, Sheet(title=title, caption=label))
        assert faults(drawn.scene) == []
        svg = drawn.file("svg")
        shown = squeezed("".join(texts(svg)))
        assert squeezed(title) in shown
        assert squeezed(name) in shown
        assert shown.count(squeezed(label)) >= 2  # on the layer and in the caption
        assert not any(unicodedata.category(c) == "Cc" and c != "\n" for c in svg.decode())
        assert b"<script" not in svg


@pytest.mark.parametrize("words", ["a", "", "two words", "x" * 300, "一个很长的名字" * 20, "مرحبا " * 30])
def test_lines_are_no_wider_than_they_may_be_and_lose_nothing(words: str) -> None:
    rows = lines(words, 80, 10)
    assert "".join(rows).replace(" ", "") == words.replace(" ", "")
    assert all(width(row, 10) <= 80 for row in rows)


def test_a_long_word_is_broken_between_its_parts() -> None:
    assert lines("PositionEmbedding", 70, SMALL) == ["Position", "Embedding"]
    assert lines("conv_bn_activation", 60, SMALL) == ["conv_bn_", "activation"]
    assert lines("x" * 30, 60, SMALL) == ["x" * 10] * 3


def test_the_measure_is_not_below_that_of_a_common_font() -> None:
    """Helvetica's widths of its AFM file, in thousandths."""
    helvetica = {"a": 556, "i": 222, "m": 833, "W": 944, "1": 556, " ": 278, "(": 333, "M": 833, "w": 722, "@": 1015}
    for letter, thousandths in helvetica.items():
        assert width(letter, 1000) >= thousandths
    assert width("层", 10) >= 10


def test_a_width_is_stated_where_only_a_font_knows_it() -> None:
    svg = picture([replace(load("lenet"), name="नेट 🙂")], "stack", Sheet()).file("svg").decode()
    assert len(re.findall("textLength", svg)) == 1
    assert fixed("🙂")
    assert not fixed("11×11 Conv (96), stride 4 → ½ ∞ сеть 网络")


@pytest.mark.parametrize(
    ("words", "least", "most"),
    [("שלום", 22, 28), ("مرحبا", 28, 40), ("नमस्ते", 22, 36), ("สวัสดี", 26, 34), ("தமிழ்", 26, 36), ("🙂", 12, 13.5)],
)
def test_a_text_of_a_further_script_has_about_the_room_that_its_fonts_take(
    words: str, least: float, most: float
) -> None:
    """Noto's and DejaVu's widths of these words at a size of 10, from 0.9 to 1.4 of them: what is stated as a text's
    length stretches it by no more than that."""
    assert least <= width(words, 10) <= most


def test_a_flag_has_the_room_of_one_emoji_and_marks_and_tones_have_none_of_their_own() -> None:
    emoji = width("🙂", 10)
    assert width("🇨🇳", 10) == pytest.approx(emoji, rel=0.1)
    assert width("👍🏽", 10) < 1.1 * emoji
    assert width("e\u0301\u0302", 10) < 1.25 * width("e", 10)


# ---- colours


def luminance(color: str) -> float:
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", THEMES)
def test_every_text_has_contrast_in_every_theme(name: ThemeName) -> None:
    colors = theme(name)
    pages = ["#ffffff", "#000000"] if colors.page is None else [colors.page]
    frames = [colors.fills["frame"].fill] if colors.fills["frame"].fill != "none" else pages
    for ink in ("text", "quiet"):
        for role, color in colors.fills.items():
            if role != "frame":
                assert contrast(colors.inks[ink], color.fill) >= 4.5, (ink, role)
    for ink in ("ink", "faint"):
        for page in (*pages, *frames):
            assert contrast(colors.inks[ink], page) >= 4.5, (ink, page)
    assert all(contrast(colors.line, page) >= 3 for page in (*pages, *frames))


def test_a_transparent_picture_has_no_page_and_a_printed_one_no_colour() -> None:
    svg = picture([load("lenet")], "stack", Sheet(theme="transparent")).file("svg").decode()
    assert svg.count("<rect") == picture([load("lenet")], "stack", Sheet()).file("svg").decode().count("<rect") - 1
    printed = picture([load("alexnet")], "stack", Sheet(theme="print")).file("svg").decode()
    assert ">linear<" in printed  # the greys are told, too
    assert all(len({color[0:2], color[2:4], color[4:6]}) == 1 for color in re.findall(r'"#([0-9a-f]{6})"', printed))


# ---- what is told


def test_tips_have_the_line_of_the_spec_and_all_arguments() -> None:
    svg = minidom.parseString(picture([load("alexnet")], "stack", Sheet()).file("svg"))
    tips = [e.firstChild.data for e in svg.getElementsByTagName("title") if e.firstChild]  # type: ignore[union-attr]
    (tip,) = (tip for tip in tips if "11×11" in tip)
    assert "Conv2d 96, 11×11, stride 4, padding 1\n1 × 224 × 224 → 96 × 54 × 54\n11,712 parameters" in tip
    line = 1 + next(n for n, row in enumerate((ROOT / "specs/alexnet.yaml").read_text().splitlines()) if "96" in row)
    assert f"alexnet.yaml, line {line}" in tip
    assert tips[0] == "alexnet"


def test_noise_is_left_out_unless_it_is_asked_for_and_numbers_say_what_they_are() -> None:
    vit = load("torchvision/vision_transformer", "vit_b_16")
    plain = texts(picture([vit], "stack", Sheet()).file("svg"))
    whole = texts(picture([vit], "stack", Sheet(everything=True)).file("svg"))
    assert "SelfAttention, 12 heads" in plain
    assert not any("eps" in text for text in plain)
    assert any("eps 1e-06" in text for text in whole)


@pytest.mark.parametrize("style", ["stack", "map"])
def test_a_table_of_constants_is_cut(style: str) -> None:
    table = [[number / 7 for number in range(100)] for _ in range(40)]
    net = netspec.loads(json.dumps({"name": "n", "input": [3], "layers": [{"Buffer": {"value": table}}]}))
    svg = picture([net], style, Sheet()).file("svg").decode()
    assert "40 × 100" in svg and "0.14" not in svg
    assert len(svg) < 5000


def test_the_few_words_are_chinese_if_asked() -> None:
    shown = texts(picture([load("alexnet")], "stack", Sheet(language="zh")).file("svg"))
    assert "11×11 卷积 (96), 步幅 4, 填充 1 · ReLU" in shown
    assert "输入 1 × 224 × 224" in shown
    assert "46,764,746 参数 · 938,146,176 乘加" in shown


@pytest.mark.parametrize("style", STYLES)
def test_the_same_spec_gives_the_same_bytes_wherever_it_lies(style: str, tmp_path: Path) -> None:
    copy = tmp_path / "alexnet.yaml"
    copy.write_text((ROOT / "specs/alexnet.yaml").read_text())
    for form in ("a.svg", "b.svg"):
        spec = copy if form == "b.svg" else ROOT / "specs/alexnet.yaml"
        assert invoke(command, spec, "-o", tmp_path / form, "--style", style).exception is None
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


# ---- the command


def test_the_command_says_the_size_of_type(tmp_path: Path) -> None:
    output = tmp_path / "both.svg"
    run = invoke(
        command, ROOT / "specs/lenet.yaml", ROOT / "specs/alexnet.yaml", "-o", output, "--style", "stack",
        "--fit", "a4", "--title", "LeNet & AlexNet", "--caption", "Two networks", "--no-legend", "--theme", "print",
    )  # fmt: skip
    assert run.exception is None
    assert re.search(r"both\.svg: \d+ × \d+ points, type of at least [67]\.\d points", run.stderr)
    shown = texts(output.read_bytes())
    assert {"LeNet & AlexNet", "Two networks", "lenet", "alexnet"} <= set(shown)
    assert "convolution" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--scale", "log"), "--scale is an option of `--style volumes`, not of `--style flow`"),
        (
            ("--style", "stack", "--direction", "LR"),
            "--direction is an option of `--style flow`, not of `--style stack`",
        ),
        (
            ("--style", "map", "--scale", "log", "--direction", "LR", "--timeout", "3"),
            "--direction and --timeout are options of `--style flow` and --scale is an option of `--style volumes`",
        ),
        (
            ("--fit", "a4", "--legend", "-o", "x.html"),
            "--fit and --legend: no option of a .html: it has --title, --caption",
        ),
        (("--theme", "print", "-o", "x.html"), "--theme print: a .html stands on a screen, light or dark"),
        (
            ("--theme", "dark", "-o", "x.dot"),
            "--theme: no option of a .dot: it has no page and no style; pictures have more: .svg",
        ),
        (("--style", "stack", "-o", "x.dot"), "`--style stack` writes .svg, .png, .pdf, .tex; .dot"),
    ],
)
def test_options_of_other_styles_are_refused(arguments: tuple[str, ...], message: str, tmp_path: Path) -> None:
    run = invoke(command, ROOT / "specs/lenet.yaml", "-o", tmp_path / "x.svg", *arguments)
    assert isinstance(run.exception, UsageError)
    assert message in str(run.exception)
    assert list(tmp_path.iterdir()) == []


def test_png_and_pdf_are_pictures_of_the_size_that_is_told(tmp_path: Path) -> None:
    pytest.importorskip("cairosvg")
    drawn = picture([load("lenet")], "stack", Sheet(fit=paper("a4")))
    png, pdf = drawn.file("png"), drawn.file("pdf")
    assert png.startswith(b"\x89PNG")
    assert int.from_bytes(png[16:20], "big") == pytest.approx(2 * drawn.width, abs=1)
    box = re.search(rb"MediaBox \[ 0 0 ([\d.]+) ([\d.]+)", pdf)
    assert box is not None
    assert (float(box[1]), float(box[2])) == pytest.approx((drawn.width, drawn.height), abs=0.5)


def test_without_the_converter_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    with pytest.raises(MissingExtra, match=r"need CairoSVG(.|\n)*pip install") as missing:
        picture([load("lenet")], "stack", Sheet()).file("png")
    assert missing.value.exit_status == 3
    assert list(flat(picture([load("lenet")], "stack", Sheet()).scene.shapes))


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("style", STYLES)
def test_every_style_has_every_theme(style: str, name: ThemeName) -> None:
    assert set(theme(name).fills) == set(theme("light").fills)
    assert picture([load("lenet")], style, Sheet(theme=name)).file("svg").startswith(b"<")
