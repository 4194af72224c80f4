"""A page of docs/ that is followed word by word in an empty directory: files, commands, programs, what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests import forking

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"(?:A new file, `([\w.]+)`:\n\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of the page, and the file that it is where it is one."""

    file: str
    kind: str
    text: str


class Page:
    """The blocks of `docs/NAME.md`, by what a reader does with them."""

    def __init__(self, name: str) -> None:
        self.text = (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")
        self.blocks = [Block(*found) for found in _BLOCK.findall(self.text)]
        self.files = {block.file: block.text for block in self.blocks if block.file}
        self.commands = [line for _, kind, text in self.blocks if kind == "sh" for line in text.splitlines()]
        self.programs = [
            text for file, kind, text in self.blocks if kind == "python" and not file and "import netspec" in text
        ]
        self.printed = [text for _, kind, text in self.blocks if kind == "text"]

    def write(self, place: Path) -> Path:
        """Write the files of the page into a directory; the directory."""
        for name, text in self.files.items():
            (place / name).write_text(text, encoding="utf-8")
        return place

    @property
    def python(self) -> list[str]:
        """The names of those that are Python."""
        return [name for name in self.files if name.endswith(".py")]


def run(place: Path, *words: str, torch: bool = False) -> subprocess.CompletedProcess[str]:
    """Run Python with these words in a directory; with `torch`, what imports it."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": paths, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    return forking.run(*words, cwd=place, env=environment, torch=torch)


def assert_written_as_the_rest(place: Path, page: Page) -> None:
    """The Python files are what ruff wants, with methods that are described once, in the base class, as in
    netspec/layers."""
    settings = ("--config", str(ROOT / "pyproject.toml"))
    for words in (("check", "--extend-ignore", "D102"), ("format", "--check")):
        done = run(place, "-m", "ruff", *words, *settings, *page.python)
        assert done.returncode == 0, done.stdout


def assert_typed(place: Path, page: Page) -> None:
    """Strict pyright has nothing to say of the files, which are written into an empty directory."""
    settings = f'[tool.pyright]\ntypeCheckingMode = "strict"\nextraPaths = ["{ROOT}"]\n'
    (page.write(place) / "pyproject.toml").write_text(settings)
    done = run(place, "-m", "pyright", "-p", ".", "--pythonpath", sys.executable)
    assert done.returncode == 0, done.stdout
    assert "0 errors" in done.stdout
