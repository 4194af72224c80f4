"""docs/sweeps.md, followed word by word."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch

from netspec.space.section import KEYS
from tests.followed import Page, run

PAGE = Page("sweeps")
COMMANDS = [shlex.split(line) for block in PAGE.blocks if block.kind == "bash" for line in block.text.splitlines()]
_ = torch  # what is followed here trains


def test_the_page_has_every_key_of_a_sweep() -> None:
    text = (Path(__file__).parents[1] / "docs" / "sweeps.md").read_text(encoding="utf-8")
    assert all(f"| `{key}` |" in text for key in KEYS)


@pytest.mark.slow
def test_the_commands_do_what_it_says(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    PAGE.write(tmp_path)
    said: list[str] = []
    for _, *words in COMMANDS[:5]:
        done = run(tmp_path, "-m", "netspec", *words)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    _, rehearsal, summary, listed, _ = said
    assert "may be trained" in rehearsal
    assert "limit params" in rehearsal
    assert "6 finished" in summary
    assert len(listed.splitlines()) == 7
    assert (tmp_path / "sweep.png").is_file()
    program = next(block.text for block in PAGE.blocks if block.kind == "python")
    again = run(tmp_path, "-c", program)
    assert again.returncode == 0, again.stderr
    assert "trial-00" in again.stdout
