"""Pictures as TikZ: what LaTeX makes of them, and that no text of a spec is read as TeX."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from netspec.cli.draw import command
from netspec.drawing.page import Sheet, paper
from netspec.drawing.scene import Box, Words, flat
from netspec.drawing.styles import picture
from netspec.drawing.text import printable
from netspec.drawing.tikz import tikz
from netspec.views import latex
from tests.commands import invoke
from tests.drawing.nets import ROOT, load
from tests.drawing.test_pages import renamed

HOSTILE = (
    r"\end{document}", r"\input{/etc/passwd}", "}}{{", "a_b^c~d#e%f&g", "^^M^^J", r"\\", "``a'' ,,b <<c>> --- !`?`",
    '"|<>', "% comment", "[x](0,0)", "$x$ \\[y\\]", "  two  blanks ", "naïve Ångström čšž ßæø Łł őű", "αβγ → ½ ≤ ∞",
    "é", "a\tb\nc\x00d\ud800", "‘’“”–—", "¡¿€£¥§¶©°",
)  # fmt: skip
CODES = "😀 مرحبا שלום ĸŧ ﬁ \u0308"
"""Letters that the fonts of pdfTeX have not."""


def compiled(tex: str, folder: Path, engine: str = "pdflatex") -> str:
    """The text of the one page that LaTeX makes of a document."""
    if shutil.which(engine) is None or shutil.which("pdftotext") is None:
        pytest.skip(f"needs {engine} with TikZ, and pdftotext")
    (folder / "picture.tex").write_text(tex, encoding="utf-8")
    run = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "picture.tex"], cwd=folder, capture_output=True,
        timeout=300, check=False,
    )  # fmt: skip
    said = run.stdout.decode(errors="replace")
    assert run.returncode == 0, said[-3000:]
    assert "(1 page" in said
    assert "Overfull" not in said
    assert "Missing character" not in (folder / "picture.log").read_text(errors="replace")
    return subprocess.run(
        ["pdftotext", "-layout", "picture.pdf", "-"], cwd=folder, capture_output=True, check=True
    ).stdout.decode()


def squeezed(words: str) -> str:
    return re.sub(r"\s", "", printable(words))


@pytest.mark.parametrize("engine", ["pdflatex", "lualatex"])
def test_a_document_compiles_alone_and_has_the_size_of_the_picture(tmp_path: Path, engine: str) -> None:
    drawn = picture([load("alexnet")], "volumes", Sheet(fit=paper("a4"), title="AlexNet & co."))
    text = compiled(tikz(drawn), tmp_path, engine)
    assert "AlexNet & co." in text
    assert "96×54×54" in text
    info = subprocess.run(["pdfinfo", tmp_path / "picture.pdf"], capture_output=True, check=True).stdout.decode()
    size = re.search(r"Page size: +([\d.]+) x ([\d.]+) pts", info)
    assert size is not None
    assert (float(size[1]), float(size[2])) == pytest.approx((drawn.width, drawn.height), abs=0.5)


@pytest.mark.parametrize(
    ("spec", "variant", "fit"), [("language/gpt2", "gpt2_small", "column"), ("graphs/yolov8n", None, "a4")]
)
def test_a_picture_that_fills_its_page_is_on_the_first_one(
    spec: str, variant: str | None, fit: str, tmp_path: Path
) -> None:
    drawn = picture([load(spec, variant)], "map", Sheet(fit=paper(fit)))
    assert drawn.label in compiled(tikz(drawn), tmp_path)


def test_any_text_is_whole_and_none_is_read_as_tex(tmp_path: Path) -> None:
    every = " @ ".join(HOSTILE)
    net = renamed(load("lenet"), every, every)
    text = compiled(tikz(picture([net], "stack", Sheet(title=every, caption=CODES))), tmp_path)
    assert "root:" not in text
    whole = squeezed(text)
    for words in HOSTILE:
        assert whole.count(squeezed(words)) >= 3, words  # the title, the net's name, the layer's name
    for letter in squeezed(CODES):
        assert f"{ord(letter):X}" in whole


def test_chinese_is_left_to_ctex(tmp_path: Path) -> None:
    tex = tikz(picture([load("lenet")], "stack", Sheet(language="zh")))
    assert latex.CHINESE in tex
    assert "卷积" in tex
    finder = shutil.which("kpsewhich")
    found = finder and subprocess.run([finder, "ctex.sty", "xeCJK.sty"], capture_output=True, check=False).stdout
    if not found or found.count(b"\n") < 2:
        pytest.skip("needs ctex and xeCJK")
    assert "卷积" in compiled(tex, tmp_path, "xelatex")


@pytest.mark.parametrize("theme", ["light", "dark", "print", "transparent"])
@pytest.mark.parametrize("style", ["stack", "map", "volumes"])
def test_every_shape_of_a_picture_is_there_in_every_theme(style: str, theme: str) -> None:
    """Also where there is no LaTeX: each box and text, braces in pairs, every style and colour defined."""
    drawn = picture([load("unet")], style, Sheet(theme=theme))  # type: ignore[arg-type]
    tex = tikz(drawn)
    shapes = list(flat(drawn.scene.shapes))
    code = re.sub(r"^%.*$", "", tex, flags=re.MULTILINE)
    assert len(re.findall(r"rectangle \+\+", code)) == sum(isinstance(shape, Box) for shape in shapes)
    assert len(re.findall(r"anchor=base", code)) == sum(isinstance(shape, Words) for shape in shapes)
    bare = re.sub(r"\\[{}]", "", code)
    assert bare.count("{") == bare.count("}")
    styles = set(re.findall(r"\bns (\w+(?: [\d.]+)?)/\.style", code))
    assert set(re.findall(r"[\[ ]ns (\w+(?: [\d.]+)?)(?=[,\]])", code)) <= styles
    defined = set(re.findall(r"\\definecolor{(\w+)}", code))
    used = set(re.findall(r"(?:fill|draw|text)=(ns\w+)", code)) | set(re.findall(r"\\textcolor{(\w+)}", code))
    assert used <= defined
    assert "% unet.yaml, line " in tex


def test_the_same_net_gives_the_same_bytes() -> None:
    once, again = (tikz(picture([load("alexnet")], "stack", Sheet())) for _ in range(2))
    assert once == again


def test_a_snippet_is_the_picture_alone_and_a_document_may_have_it(tmp_path: Path) -> None:
    drawn = picture([load("lenet")], "stack", Sheet())
    snippet = tikz(drawn, snippet=True)
    assert r"\documentclass" not in snippet
    (tmp_path / "lenet.tex").write_text(snippet, encoding="utf-8")
    head = "\\documentclass{article}\\usepackage{tikz}\\begin{document}"
    text = compiled(head + "Before.\\par\\input{lenet}\\par After.\\end{document}", tmp_path)
    assert "Before." in text
    assert "FC (120)" in text


def test_blanks_and_ligatures_are_kept() -> None:
    assert latex.escaped(" a  b ") == r"\ a \ b\ "
    assert latex.escaped("--") == "-{}-"
    assert latex.escaped("50%_$") == r"50\%\_\$"
    assert latex.escaped("\x1b\ud800\u202e") == ""


def test_tikz_is_drawn_as_a_stack_unless_a_style_is_named(tmp_path: Path) -> None:
    spec, file = str(ROOT / "specs/lenet.yaml"), tmp_path / "lenet.tex"
    assert invoke(command, spec, "-o", str(file)).exit_code == 0
    assert "5×5 Conv (6)".replace("×", r"\texttimes{}") in file.read_text()
    refused = invoke(command, spec, "-o", str(file), "--style", "flow")
    assert "`--style flow` writes no .tex" in str(refused.exception)
    assert invoke(command, spec, "-o", str(file), "--snippet", "--style", "volumes").exit_code == 0
    assert file.read_text().startswith("% lenet, drawn by netspec\n% It needs \\usepackage{tikz}.\n")
    refused = invoke(command, spec, "-o", str(tmp_path / "a.svg"), "--snippet", "--style", "stack")
    assert "--snippet is an option of .tex, not of .svg" in str(refused.exception)
