"""docs/plugins.md, followed word by word."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.followed import Page, assert_typed, assert_written_as_the_rest, run

PAGE = Page("plugins")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the files of the page."""
    return PAGE.write(tmp_path_factory.mktemp("own"))


def test_the_page_has_what_is_followed_here() -> None:
    assert list(PAGE.files) == [
        "my_layers.py", "my_modules.py", "net.yaml", "my_parts.py", "my_training.py", "rings.yaml",
    ]  # fmt: skip
    assert len(PAGE.commands) == 9 and len(PAGE.programs) == 3 and len(PAGE.printed) == 4


def test_without_the_option_the_message_says_which_plugin_is_missing(place: Path) -> None:
    done = run(place, "-m", "netspec", "check", "net.yaml")
    assert done.returncode == 1
    words = " ".join(done.stdout.split())
    assert " ".join(PAGE.printed[0].split()) in words


@pytest.mark.parametrize("command", PAGE.commands)
@pytest.mark.needs_torch
def test_every_command_is_done(place: Path, command: str) -> None:
    done = run(place, "-m", *command.split(), torch=any(word in command for word in ("--verify", "train", "eval")))
    assert done.returncode == 0, done.stderr
    told = {"explain --plugin my_parts": "TolerantLoss (loss)", "train": "rings\n", "eval": "accuracy"}
    words = [word for start, word in told.items() if f"netspec {start}" in command]
    assert words or "check" in command or "compare" in command or "ChannelScale" in done.stdout
    assert all(word in done.stdout for word in words)
    if "--verify" in command:
        assert "5 layers" in done.stderr and "agree with torch" in done.stderr
        (emitted,) = (b.text for b in PAGE.blocks if b.kind == "python" and b.text.startswith("from my_modules"))
        assert emitted in (place / "build" / "net" / "net.py").read_text(encoding="utf-8")
        alone = run(place, "-c", "import sys; sys.path.append('build/net'); import net; print(net.net())", torch=True)
        assert "(1): SquaredReLU()" in alone.stdout, alone.stderr


@pytest.mark.slow
@pytest.mark.needs_torch
def test_the_programs_run_and_print_what_stands_there(place: Path) -> None:
    load, probe, train = (run(place, "-c", text, torch=True) for text in PAGE.programs)
    assert (load.returncode, load.stderr) == (0, "")
    assert (probe.returncode, probe.stderr, probe.stdout) == (0, "", PAGE.printed[1])
    assert (train.returncode, train.stderr, train.stdout) == (0, "", PAGE.printed[3])


@pytest.mark.needs_torch
def test_a_wrong_class_is_reported_as_it_says(tmp_path: Path) -> None:
    layers = PAGE.write(tmp_path) / "my_layers.py"
    layers.write_text(PAGE.files["my_layers.py"].replace("Saved(extra=product(x.shape))", "Saved()"), encoding="utf-8")
    done = run(tmp_path, "-c", PAGE.programs[1], torch=True)
    assert done.returncode == 1
    assert PAGE.printed[2] in done.stderr


@pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is a tool of developers")
def test_what_the_page_says_to_write_is_written_as_the_rest(place: Path) -> None:
    assert_written_as_the_rest(place, PAGE)


@pytest.mark.slow
def test_what_the_page_says_to_write_is_typed(tmp_path: Path) -> None:
    assert_typed(tmp_path, PAGE)
