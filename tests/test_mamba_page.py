"""docs/mamba.md, followed word by word. tests/torch/test_mamba.py holds the network against one written by hand."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.followed import Page, assert_typed, assert_written_as_the_rest, run

PAGE = Page("mamba")
WITHOUT_TORCH = """
import sys
sys.modules["torch"] = None
import netspec
from mamba_layers import SelectiveScan
for variant in sys.argv[1:]:
    print(f"{netspec.load('mamba.yaml', variant=variant, layers=[SelectiveScan]).params:,}")
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files of the page."""
    return PAGE.write(tmp_path_factory.mktemp("mamba"))


def test_the_page_has_what_is_followed_here() -> None:
    assert list(PAGE.files) == ["mamba_layers.py", "mamba_modules.py", "mamba.yaml"]
    assert len(PAGE.commands) == 3 and len(PAGE.programs) == 1 and len(PAGE.printed) == 2


def test_without_torch_the_spec_has_the_parameters_of_the_table(place: Path) -> None:
    """129,135,360: 24 blocks, a norm, and a table of 50,280 tokens that is the head too."""
    rows = re.findall(r"^\| (mamba_\w+) \| ([\d,]+) \|$", PAGE.text, re.MULTILINE)
    assert len(rows) == 5
    done = run(place, "-c", WITHOUT_TORCH, *(name for name, _ in rows))
    assert done.stdout.split() == [params for _, params in rows], done.stderr
    scan, convolution = 1536 * (2 * 48 + 3 * 16 + 2), 1536 * (4 + 1)
    block = 768 + 768 * 3072 + convolution + scan + 1536 * 768
    assert rows[0] == ("mamba_130m", f"{24 * block + 768 + 50_280 * 768:,}") == ("mamba_130m", "129,135,360")


def test_the_spec_is_checked(place: Path) -> None:
    done = run(place, "-m", *PAGE.commands[0].split())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "1 spec checked, no mistakes\n")


def test_the_table_ends_as_it_says(place: Path) -> None:
    done = run(place, "-m", *PAGE.commands[1].split(), torch=True)
    assert done.returncode == 0, done.stderr
    assert PAGE.printed[1].strip() in " ".join(done.stdout.split())
    written = (place / "build" / "mamba_130m" / "mamba_130m.py").read_text(encoding="utf-8")
    line = "from mamba_modules import SelectiveScan"
    assert f"`{line}`" in PAGE.text and line in written.splitlines()


@pytest.mark.needs_torch
def test_every_layer_is_verified(place: Path) -> None:
    done = run(place, "-m", *PAGE.commands[2].split(), torch=True)
    assert done.returncode == 0, done.stderr
    assert "25 layers" in done.stderr and "agree with torch" in done.stderr


@pytest.mark.needs_torch
def test_the_class_agrees_with_its_module(place: Path) -> None:
    done = run(place, "-c", PAGE.programs[0], torch=True)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", PAGE.printed[0])


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is a tool of developers")
def test_what_the_page_says_to_write_is_written_as_the_rest(place: Path) -> None:
    assert_written_as_the_rest(place, PAGE)


@pytest.mark.slow
def test_what_the_page_says_to_write_is_typed(tmp_path: Path) -> None:
    assert_typed(tmp_path, PAGE)
