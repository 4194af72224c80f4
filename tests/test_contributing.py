"""docs/contributing.md is true: what it says to write makes netspec know a new thing, everywhere and by itself.

A scratch copy of the checkout gets the changes that stand on the page, and no others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.needs_torch

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")

NEW = {
    "A layer": "PointwiseConv2d",
    "A combinator": "halves",
    "A transform": "RandomAutocontrast",
    "A data set": "stripes",
    "A command": "count",
    "A diagnostic code": "odd-channels",
    "An optimizer": "Adamax",
    "A scheduler": "ExponentialLR",
    "A loss": "MultiMarginLoss",
}
"""Section of the page → what it adds."""
EXPLAINED = [name for name in NEW.values() if name != "count"]
"""`netspec explain` leaves commands to their `--help`."""

SPEC = """\
input: [1, 16, 16]
layers:
  - PointwiseConv2d: 8
  - halves:
      - [Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}, ReLU]
      - []
  - MaxPool2d: 2
  - Flatten
  - Linear: 4
train:
  data: {stripes: {train: 512, test: 64}}
  augment: [RandomAutocontrast]
  batch_size: 16
  epochs: 4
  optimizer: {Adamax: {lr: 0.02}}
  scheduler: {ExponentialLR: 0.9}
  loss: MultiMarginLoss
"""

ODD = "input: [1, 16, 16]\nlayers:\n  - PointwiseConv2d: 7\n  - halves: [[ReLU], [Sigmoid]]\n"

SUITES = [
    "tests/layers/test_layers.py", "tests/layers/test_extra.py", "tests/layers/test_reference.py",
    "tests/test_combinators.py", "tests/torch/test_combinators.py", "tests/test_codes.py", "tests/recipe",
    "tests/train/test_transforms.py", "tests/train/test_workers.py", "tests/train/test_data_sets.py",
]  # fmt: skip
"""The tests that have a case for each layer, combinator, code, and part of a recipe."""


class Change(NamedTuple):
    """A block of the page: what to write into a file, and in whose place."""

    file: str
    old: str
    """What stands there before; empty where a file is new, or its end is meant."""
    new: str

    @property
    def adds(self) -> bool:
        """False where lines are only taken out."""
        return not set(self.new.splitlines()) <= set(self.old.splitlines())


_BLOCK = re.compile(
    r"^(?:A new file, |At the end of |In )`([\w/.]+)`:\n\n```(python|diff)\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


def changes(section: str) -> list[Change]:
    """The blocks of a section, in order."""
    level = "###" if f"\n### {section}\n" in PAGE else "##"
    text = re.split(r"^##+ ", PAGE.partition(f"\n{level} {section}\n")[2], flags=re.MULTILINE)[0]
    found: list[Change] = []
    for file, kind, block in _BLOCK.findall(text):
        if kind == "python":
            found.append(Change(file, "", block))
        else:
            lines = block.splitlines(keepends=True)
            old, new = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
            found.append(Change(file, old, new))
    assert len(found) == text.count("```python") + text.count("```diff"), "a block has no file above it"
    return found


_APART = "\n\n"
"""What stands between two classes."""


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path}: {old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def apply(change: Change, root: Path) -> None:
    path = root / change.file
    if change.old:
        replaced(path, change.old, change.new)
    elif path.exists():
        path.write_text(f"{path.read_text(encoding='utf-8')}{_APART}{change.new}", encoding="utf-8")
    else:
        path.write_text(change.new, encoding="utf-8")


def take_out(change: Change, root: Path) -> None:
    """Undo a change that is in the checkout already."""
    apart = "" if change.old else _APART
    replaced(root / change.file, f"{apart}{change.new}", change.old)


def run(root: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(root), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, *words], cwd=root, env=environment, capture_output=True, text=True, check=False, **options
    )


def codes(root: Path, spec: str) -> list[str]:
    return [found["code"] for found in json.loads(run(root, "-m", "netspec", "check", "--format", "json", spec).stdout)]


class Scratch(NamedTuple):
    root: Path
    before: list[str]
    """What a check says of the spec where nothing has been added."""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Scratch:
    """A copy of the checkout with everything added."""
    root = tmp_path_factory.mktemp("checkout")
    for name in ("netspec", "docs", "tests", "specs"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", "images"))
    for name in ("README.md", "CHANGELOG.md", "pyproject.toml"):
        shutil.copy(ROOT / name, root / name)
    (root / "net.yaml").write_text(SPEC)
    (root / "odd.yaml").write_text(ODD)
    there = [change for section in ("An optimizer", "A scheduler", "A loss") for change in changes(section)]
    for change in there:
        take_out(change, root)
    before = codes(root, "net.yaml")
    for section in NEW:
        for change in changes(section):
            apply(change, root)
    return Scratch(root, before)


@pytest.fixture(scope="module")
def made(scratch: Scratch) -> dict[str, Any]:
    """What the copy makes of a spec with all the new things: see contributed.py."""
    done = run(scratch.root, "-m", "tests.contributed", "net.yaml", *EXPLAINED)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("section", NEW)
def test_a_thing_is_added_in_as_many_places_as_its_section_says(section: str) -> None:
    places = {change.file for change in changes(section) if change.adds}
    level = "###" if f"\n### {section}\n" in PAGE else "##"
    (said,) = re.findall(rf"^{level} {section}\n.*?^(Two|Three) places: ", PAGE, re.MULTILINE | re.DOTALL)
    assert len(places) == {"Two": 2, "Three": 3}[said]
    assert said == ("Three" if section in ("A transform", "A data set", "A diagnostic code") else "Two")


def test_without_the_additions_none_of_the_names_is_known(scratch: Scratch) -> None:
    expected = {f"unknown-{kind}" for kind in ("layer", "data-set", "transform", "optimizer", "scheduler", "loss")}
    assert set(scratch.before) == expected
    assert scratch.before.count("unknown-layer") == 2  # the combinator is taken for a layer


def test_the_checkout_has_none_of_the_throw_away_things() -> None:
    thrown_away = [change for section in list(NEW)[:6] for change in changes(section)]
    assert [change.file for change in thrown_away if not change.old and change.new in _text(change.file)] == []


@cache
def _text(file: str) -> str:
    return (ROOT / file).read_text(encoding="utf-8") if (ROOT / file).exists() else ""


@pytest.mark.slow
def test_a_check_a_table_a_diagram_and_the_flat_form_know_them(made: dict[str, Any]) -> None:
    assert made["findings"] == []
    rows = made["table"].splitlines()
    (layer,) = (row for row in rows if "PointwiseConv2d" in row)
    assert layer.split()[-2:] == ["16", "2,048"]  # 8 weights and 8 biases; 8 products for each of 256 pixels
    assert any(" halves" in row for row in rows)
    assert "PointwiseConv2d" in made["drawn"] and ">halves<" in made["drawn"]
    assert "- PointwiseConv2d: " in made["expanded"] and "- halves:" in made["expanded"]


def test_torch_agrees_and_the_emitted_file_is_the_same_net(made: dict[str, Any]) -> None:
    """The file has been run: contributed.py compares its module with the built one, bit by bit."""
    assert made["disagreements"] == []
    assert "nn.Conv2d(1, 8, kernel_size=1)" in made["emitted"]
    assert "split=2" in made["emitted"] and "class Concat(nn.Module):" in made["emitted"]


def test_a_run_with_all_of_them_learns(made: dict[str, Any]) -> None:
    assert made["accuracy"] > 0.9
    assert made["off torchvision"] < 1e-6


@pytest.mark.parametrize("name", EXPLAINED)
def test_a_new_thing_is_explained(name: str, made: dict[str, Any]) -> None:
    assert name in made["explained"][name].splitlines()[0]


def test_the_generated_documents_have_them(made: dict[str, Any]) -> None:
    pages = made["pages"]
    assert "### PointwiseConv2d" in pages["layers.md"]
    assert "| `halves: [[…], […], …]` |" in pages["language.md"]
    assert "| `RandomAutocontrast` | *`p: 0.5`* |" in pages["recipes.md"] and "### `stripes`" in pages["recipes.md"]
    assert all(f"| `{name}` |" in pages["recipes.md"] for name in ("Adamax", "ExponentialLR", "MultiMarginLoss"))
    assert "## odd-channels" in pages["errors.md"]
    assert "## netspec count" in pages["commands.md"] and "Print how many layers" in pages["commands.md"]


def test_a_new_command_runs_and_is_listed(made: dict[str, Any], scratch: Scratch) -> None:
    assert made["counted"].split() == ["1", "PointwiseConv2d", "1", "Conv2d", "1", "ReLU", "1", "MaxPool2d", "1",
                                       "Flatten", "1", "Linear"]  # fmt: skip
    assert "count " in run(scratch.root, "-m", "netspec", "--help").stdout


def test_a_new_code_is_reported(scratch: Scratch) -> None:
    assert codes(scratch.root, "odd.yaml") == ["odd-channels"]


@pytest.mark.slow
def test_the_tests_of_each_kind_take_them_up(scratch: Scratch, made: dict[str, Any]) -> None:
    """With the documents as `made` has written them."""
    done = run(scratch.root, "-m", "pytest", "-vv", "-p", "no:cacheprovider", *SUITES, "-k", " or ".join(EXPLAINED))
    assert done.returncode == 0, done.stdout[-5000:]
    passed = re.findall(r"^(\S+)::\S+\[(.*)\] PASSED", done.stdout, re.MULTILINE)
    for name in EXPLAINED:
        assert sum(name in case for _, case in passed) >= 3, name


def test_what_the_page_says_to_write_is_written_as_the_rest(scratch: Scratch) -> None:
    files = sorted({change.file for section in NEW for change in changes(section)})
    for words in (("check",), ("format", "--check")):
        done = run(scratch.root, "-m", "ruff", *words, *files)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_what_the_page_says_to_write_is_typed(scratch: Scratch) -> None:
    (scratch.root / ".venv").symlink_to(Path(sys.prefix))
    done = run(scratch.root, "-m", "pyright", "-p", ".")
    assert done.returncode == 0, done.stdout[-5000:]
