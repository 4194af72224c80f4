"""PNG and PDF have the letters that the first font of a picture lacks, in a font that has them."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path
from shutil import which

import pytest

from netspec.cli.draw import command
from netspec.drawing import fonts
from tests.commands import ROOT, invoke

pytest.importorskip("cairosvg")

HAN = "输入参数乘加"
HAS_HAN = fonts.font_of("输", ("Noto Sans CJK SC",), False) is not None
with_han = pytest.mark.skipif(not HAS_HAN, reason="no font of this machine has Chinese")


def svg_of(text: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="400pt" height="40pt" viewBox="0 0 400 40" '
        f'font-family="Helvetica, Noto Sans CJK SC">{text}</svg>'
    )


def ink(svg: str) -> tuple[float, float]:
    """From where to where an SVG of 400 × 40 is not white, in its units."""
    image_module = pytest.importorskip("PIL.Image")
    cairosvg = pytest.importorskip("cairosvg")
    png = cairosvg.svg2png(svg, scale=1.5, background_color="white")
    with image_module.open(io.BytesIO(png)) as image:
        grey = image.convert("L").point([255] * 128 + [0] * 128)
        left, _, right, _ = grey.getbbox()
    return left * 400 / image.width, right * 400 / image.width


@with_han
@pytest.mark.parametrize("anchor", ["start", "middle", "end"])
def test_a_line_of_two_fonts_is_drawn_whole_and_in_its_place(anchor: str) -> None:
    text = f'<text x="200" y="20" font-size="10" text-anchor="{anchor}">MaxPool {HAN} 2</text>'
    made, lacking = fonts.lettered(svg_of(text))
    assert lacking == ""
    left, right = ink(made)
    latin = sum(fonts.advance(letter, "Helvetica", False) for letter in "MaxPool  2") * 10
    wide = latin + 10 * len(HAN)  # a Chinese letter is a square
    assert right - left == pytest.approx(wide, abs=4)
    place = {"start": left - 200, "middle": (left + right) / 2 - 200, "end": right - 200}
    assert place[anchor] == pytest.approx(0, abs=2)


def test_a_line_of_two_colours_is_centred() -> None:
    text = (
        '<text x="200" y="20" font-size="10" text-anchor="middle"><tspan fill="black">MMMM </tspan>'
        '<tspan fill="black" font-weight="bold">ii</tspan></text>'
    )
    left, right = ink(fonts.lettered(svg_of(text))[0])
    assert (left + right) / 2 == pytest.approx(200, abs=1.5)


def test_a_text_of_the_first_font_stays_as_it_is() -> None:
    text = '<text x="200" y="20" font-size="10" text-anchor="middle">MaxPool 3×3</text>'
    made, lacking = fonts.lettered(svg_of(text))
    assert lacking == ""
    assert 'text-anchor="middle">MaxPool 3×3</text>' in made


def test_letters_that_no_font_has_are_told(tmp_path: Path) -> None:
    letter = "\N{VITHKUQI CAPITAL LETTER A}"
    if fonts.font_of(letter, ("Helvetica",), True) is not None:
        pytest.skip("a font of this machine has even that")
    run = invoke(command, ROOT / "specs/lenet.yaml", "--title", f"LeNet {letter}", "-o", tmp_path / "x.png")
    assert run.exception is None
    assert f"no font on this machine has {letter}: missing in the PNG" in run.stderr
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_letters_from_right_to_left_are_told_to_stand_the_wrong_way(tmp_path: Path) -> None:
    result = invoke(command, ROOT / "specs/lenet.yaml", "-o", tmp_path / "a.png", "--title", "שלום")
    assert "from right to left stand the wrong way in the PNG: write .svg" in " ".join(result.stderr.split())
    assert "right to left" not in invoke(command, ROOT / "specs/lenet.yaml", "-o", tmp_path / "b.png").stderr


@with_han
@pytest.mark.parametrize("style", ["flow", "stack", "volumes"])
@pytest.mark.skipif(which("pdftotext") is None, reason="nothing reads PDF here")
def test_a_chinese_picture_has_its_words(style: str, tmp_path: Path) -> None:
    output = tmp_path / "x.pdf"
    run = invoke(command, ROOT / "specs/alexnet.yaml", "--lang", "zh", "--style", style, "-o", output)
    assert run.exception is None
    assert "no font" not in run.stderr
    said = subprocess.run(["pdftotext", output, "-"], capture_output=True, check=True).stdout.decode()
    words = "".join(re.findall(r"[\u4e00-\u9fff]+", said))
    for word in ("参数", "乘加", "输入", "卷积"):
        assert word in words
