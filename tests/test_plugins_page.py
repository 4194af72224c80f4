"""docs/plugins.md, followed word by word in an empty directory: files, commands, programs, what they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"(?:A new file, `([\w.]+)`:\n\n)?^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of the page, and the file that it is where it is one."""

    file: str
    kind: str
    text: str


FILES = [Block(*found) for found in BLOCKS if found[0]]
COMMANDS = [line for _, kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
PROGRAMS = [text for file, kind, text in BLOCKS if kind == "python" and not file and "import netspec" in text]
PRINTED = [text for _, kind, text in BLOCKS if kind == "text"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files of the page."""
    root = tmp_path_factory.mktemp("own")
    for block in FILES:
        (root / block.file).write_text(block.text, encoding="utf-8")
    return root


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}
    return subprocess.run(
        [sys.executable, *words], cwd=place, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_the_page_has_what_is_followed_here() -> None:
    assert [block.file for block in FILES] == ["my_layers.py", "my_modules.py", "net.yaml"]
    assert len(COMMANDS) == 5 and len(PROGRAMS) == 2 and len(PRINTED) == 3


def test_without_the_option_the_message_says_which_plugin_is_missing(place: Path) -> None:
    done = run(place, "-m", "netspec", "check", "net.yaml")
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert " ".join(PRINTED[0].split()) in words


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.needs_torch
def test_every_command_is_done(place: Path, command: str) -> None:
    done = run(place, "-m", *command.split())
    assert done.returncode == 0, done.stderr
    assert "ChannelScale" in done.stdout or "check" in command or "compare" in command
    if "--verify" in command:
        assert "5 layers" in done.stderr and "agree with torch" in done.stderr
        (emitted,) = (text for _, kind, text in BLOCKS if kind == "python" and text.startswith("from my_modules"))
        assert emitted in (place / "build" / "net" / "net.py").read_text(encoding="utf-8")
        alone = run(place, "-c", "import sys; sys.path.append('build/net'); import net; print(net.net())")
        assert "(1): SquaredReLU()" in alone.stdout, alone.stderr


@pytest.mark.needs_torch
def test_the_programs_run_and_print_what_stands_there(place: Path) -> None:
    load, probe = (run(place, "-c", text) for text in PROGRAMS)
    assert (load.returncode, load.stderr) == (0, "")
    assert (probe.returncode, probe.stderr, probe.stdout) == (0, "", PRINTED[1])


@pytest.mark.needs_torch
def test_a_wrong_class_is_reported_as_it_says(place: Path, tmp_path: Path) -> None:
    for block in FILES:
        (tmp_path / block.file).write_text(block.text.replace("Saved(extra=product(x.shape))", "Saved()"))
    done = run(tmp_path, "-c", PROGRAMS[1])
    assert done.returncode == 1
    assert PRINTED[2] in done.stderr


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is a tool of developers")
def test_what_the_page_says_to_write_is_written_as_the_rest(place: Path) -> None:
    """With methods that are described once, in the base class, as in netspec/layers."""
    settings = ("--config", str(ROOT / "pyproject.toml"))
    for words in (("check", "--extend-ignore", "D102"), ("format", "--check")):
        done = run(place, "-m", "ruff", *words, *settings, "my_layers.py", "my_modules.py")
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_what_the_page_says_to_write_is_typed(tmp_path: Path) -> None:
    for block in FILES:
        (tmp_path / block.file).write_text(block.text, encoding="utf-8")
    settings = f'[tool.pyright]\ntypeCheckingMode = "strict"\nextraPaths = ["{ROOT}"]\n'
    (tmp_path / "pyproject.toml").write_text(settings)
    done = run(tmp_path, "-m", "pyright", "-p", ".", "--pythonpath", sys.executable)
    assert done.returncode == 0, done.stdout
    assert "0 errors" in done.stdout
