"""`netspec import package.module:factory`, as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

PROGRAM = """
import torch
from torch import nn

def chain(width=8):
    return nn.Sequential(nn.Linear(4, width), nn.ReLU(), nn.Linear(width, 2))

class Sorted(nn.Module):
    def forward(self, x):
        return torch.sort(x, -1)[0]

class Scaled(nn.Module):
    def __init__(self):
        super().__init__()
        self.gain = nn.Parameter(torch.ones(4))

    def forward(self, x):
        return x * self.gain

number = 3
"""


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (folder / "mine.py").write_text(PROGRAM)
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    command = [sys.executable, "-m", "netspec", "import", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)


def test_a_factory_is_imported_and_told(tmp_path: Path) -> None:
    done = run(tmp_path, "mine:chain(width=16)", "-o", "net.yaml")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert (tmp_path / "net.yaml").read_text() == (
        "netspec: 1\nname: net\ninput: [4]\n\nlayers:\n  - Linear: 16\n  - ReLU\n  - Linear: 2\n"
    )
    assert "114 parameters" in done.stderr
    assert "in eval and in training mode, on batches of 1, 2, 3 and 7" in done.stderr
    assert "its `state_dict` has the module's keys" in done.stderr
    assert not (tmp_path / "net.keys.json").exists()
    assert run(tmp_path, "mine:chain", "-o", "net.yaml").returncode == 2


def test_other_keys_are_written_beside(tmp_path: Path) -> None:
    done = run(tmp_path, "mine:Scaled", "--input", "4", "-o", "scaled.yaml")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "scaled.keys.json").read_text()) == {"gain.weight": "gain"}


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        (("mine:Sorted", "--input", "4"), 1, "mine.py:10: `sort` has no form in a spec"),
        (("mine:chian",), 2, "`mine` has no `chian`; there is `chain`"),
        (("mine:number",), 2, "`mine:number` is of the type `int`"),
        (("absent:chain",), 2, "there is no module `absent`"),
        (("mine:chain(depth=3)",), 2, "`chain` cannot be called so"),
        (("mine:chain", "--input", "4,x"), 2, "sizes of one example"),
        (("mine:Sorted",), 2, "nothing says what the module takes"),
        (("mine:chain", "--input", "7"), 1, "the module, on an input of 2 x 7 with the batch, fails: RuntimeError"),
        (("net.yaml", "--flat"), 2, "`--flat` is for a module"),
    ],
    ids=lambda case: case[0] if isinstance(case, tuple) else "",
)
def test_what_is_wrong_is_told_and_nothing_is_written(
    tmp_path: Path, arguments: tuple[str, ...], status: int, told: str
) -> None:
    done = run(tmp_path, *arguments, "-o", "out.yaml")
    assert (done.returncode, told in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out.yaml").exists()
