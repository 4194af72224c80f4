"""`netspec import package.module:factory`, as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from netspec.cli.import_ import command
from netspec.diagnostics import NetspecError
from tests import forking

pytestmark = pytest.mark.needs_torch

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
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "300"}
    return forking.run("-m", "netspec", "import", *arguments, cwd=folder, env=environment, torch=True)


@pytest.mark.slow
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


def test_a_ctrl_c_that_a_library_swallows_is_one(tmp_path: Path) -> None:
    """As torch does, which takes an interrupted import of NumPy for a missing one. In the background of a script Ctrl-C
    is ignored: here the command begins without that."""
    (tmp_path / "swallows.py").write_text(
        "import signal\n\ntry:\n    signal.raise_signal(signal.SIGINT)\nexcept KeyboardInterrupt:\n"
        "    raise ImportError('half of it is there')\n"
    )
    begins = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from netspec.__main__ import main"
    )
    words = [sys.executable, "-c", f"{begins}; main()", "import", "swallows:net", "-o", "net.yaml"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "300"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr.strip()) == (130, "interrupted")
    assert not (tmp_path / "net.yaml").exists()


def test_other_keys_are_written_beside(tmp_path: Path) -> None:
    done = run(tmp_path, "mine:Scaled", "--input", "4", "-o", "scaled.yaml")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "scaled.keys.json").read_text()) == {"gain.weight": "gain"}
    (told,) = (line.strip() for line in done.stderr.splitlines() if "netspec transfer" in line)
    assert told == "netspec transfer scaled.yaml --from FILE -o scaled.safetensors"
    torch.save({"gain": torch.rand(4)}, tmp_path / "FILE")  # and what it says is done
    wrote = forking.run("-m", *told.split(), cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, torch=True)
    assert "wrote scaled.safetensors: 1 tensor, 4 values, matched by scaled.keys.json" in wrote.stderr


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


ARGUED = """
import argparse, os
from torch import nn

parser = argparse.ArgumentParser()
parser.add_argument("--width", type=int, default=3)
arguments = parser.parse_args()

def elsewhere():
    os.chdir("..")
    return nn.Sequential(nn.Linear(4, arguments.width))
"""


def test_a_program_has_no_arguments_and_the_spec_is_written_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    (tmp_path / "inner" / "argued.py").write_text(ARGUED)
    before = list(sys.argv)
    done = CliRunner().invoke(command, ["argued.py:elsewhere", "-o", "net.yaml"])
    assert done.exit_code == 0, done.output
    assert "  - Linear: 3\n" in (tmp_path / "inner" / "net.yaml").read_text()
    assert not (tmp_path / "net.yaml").exists()
    assert sys.argv == before


FAILING = """
import sys
import torch
from torch import nn

def broken():
    return {}["nothing"]

def stops():
    sys.exit("no network today")

def wide(width, *, depth=2):
    return nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))

class Forgets(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.liner(x)

class Stubborn(nn.Linear):
    def __init__(self):
        super().__init__(4, 4)

    def train(self, mode=True):
        raise ValueError("never trains")
"""


@pytest.mark.parametrize(
    ("source", "status", "told"),
    [
        ("failing:broken", 1, "failing.py:7: `failing:broken` fails: KeyError: 'nothing'"),
        ("failing:stops", 1, "failing.py:10: `failing:stops` fails: SystemExit: no network today"),
        ("failing:wide", 2, "missing 1 required positional argument: 'width'; it is `wide(width, *, depth=2)`"),
        ("failing:Forgets", 1, "failing.py:21: the module, on an input of 2 x 4 with the batch, fails: AttributeError"),
        ("failing:Stubborn", 1, "failing.py:28: `train` of the module fails: ValueError: never trains"),
        ("lacking:net", 1, "lacking.py:1: the import of `lacking` fails: ModuleNotFoundError: No module named 'timmm'"),
        ("wrong.py:net", 1, "wrong.py:2: the import of `wrong.py` fails: SyntaxError"),
        ("gone.py:net", 2, "cannot read gone.py: there is no such file"),
        ("failing", 2, "for example `netspec import failing:Stubborn`; it has `Stubborn`, `Forgets`, `broken`"),
        ("failing.py", 2, "for example `netspec import failing.py:Stubborn`"),
        ("pack", 2, "for example `netspec import pack:Net`; it has `Net`"),
    ],
)
def test_what_the_program_itself_does_wrong_is_told_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, status: int, told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("failing", "lacking", "wrong", "pack"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "failing.py").write_text(FAILING)
    (tmp_path / "lacking.py").write_text("import timmm\n")
    (tmp_path / "wrong.py").write_text("x = 1\ny = = 2\n")
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text("from .net import *\nraise SystemError('a list runs nothing')\n")
    (tmp_path / "pack" / "net.py").write_text("from torch import nn\nclass Net(nn.Linear): pass\n")
    done = CliRunner().invoke(command, [source])
    assert isinstance(done.exception, NetspecError), done.exception
    assert done.exception.exit_status == status
    assert told in str(done.exception)
    assert done.output == ""


NET = """
from dataclasses import dataclass
from torch import nn
from {home} import WIDTH

print("this is told, and no part of the spec")

@dataclass
class Config:
    width: int = WIDTH

class Net(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, Config().width, 3), nn.ReLU())
"""


@pytest.mark.parametrize("in_package", [False, True], ids=["script", "package"])
def test_a_file_is_named_by_its_path(tmp_path: Path, in_package: bool) -> None:
    folder = tmp_path / "code" / "nets"
    folder.mkdir(parents=True)
    if in_package:
        (folder / "__init__.py").touch()
    (folder / "sizes.py").write_text("WIDTH = 7\n")
    (folder / "colorsys.py").write_text(NET.format(home=".sizes" if in_package else "sizes"))
    done = run(tmp_path, "code/nets/colorsys.py:Net")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("netspec: 1\nname: Net\n")
    assert "out_channels: 7" in done.stdout
    assert "this is told" in done.stderr
    assert "it ran on an input of 3,224,224, which `Conv2d` at `0` takes; `--input` says another" in done.stderr


def test_the_map_of_keys_is_not_written_over(tmp_path: Path) -> None:
    beside = tmp_path / "scaled.keys.json"
    beside.write_text("mine")
    arguments = ("mine:Scaled", "--input", "4", "-o", "scaled.yaml")
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert "scaled.keys.json is there already" in done.stderr
    assert beside.read_text() == "mine"
    assert not (tmp_path / "scaled.yaml").exists()
    assert run(tmp_path, *arguments, "--force").returncode == 0
    assert json.loads(beside.read_text()) == {"gain.weight": "gain"}
    done = run(tmp_path, "mine:chain", "-o", "scaled.yaml", "--force")
    assert "scaled.keys.json is from before; the spec needs none" in done.stderr
