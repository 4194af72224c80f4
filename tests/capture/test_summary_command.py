"""`netspec summary` and `netspec compare` of modules that a program has."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from netspec.cli.compare import command as compare
from netspec.cli.summary import command as summary
from netspec.diagnostics import NetspecError
from tests.commands import APART

pytestmark = pytest.mark.needs_torch

SPECS = Path(__file__).parents[2] / "specs"
PROGRAM = """
from torch import nn

print("made")

def small():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))

def large(width=32):
    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.ReLU(), nn.Linear(width, 10))
"""


@pytest.fixture(autouse=True)
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("summed.py").write_text(PROGRAM)


def run(command: click.Command, *arguments: str) -> Result:
    return CliRunner(**APART).invoke(command, arguments)


def test_the_table_of_a_module_is_that_of_its_network() -> None:
    done = run(summary, "summed.py:large(width=16)", "--input", "1,28,28", "--format", "json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["totals"]["params"] == 784 * 16 + 16 + 16 * 10 + 10
    assert [layer["type"] for layer in found["layers"]] == ["Flatten", "Linear", "ReLU", "Linear"]
    assert "equal to the module in outputs and gradients" in done.stderr


def test_memory_and_pictures_come_with_it() -> None:
    done = run(summary, "summed.py:small", "--input", "1,28,28", "--batch", "8", "-o", "page.html")
    assert done.exit_code == 0, done.output
    assert "peak of a training step" in done.stdout
    assert "<html" in Path("page.html").read_text(encoding="utf-8")[:500]


def test_a_spec_has_a_summary_too() -> None:
    done = run(summary, str(SPECS / "lenet.yaml"))
    assert "61,706" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((str(SPECS / "lenet.yaml"), "--input", "3"), "`--input` is for a module"),
        (("summed.py:small", "--set", "x=3"), "`--set` is for a spec"),
        (("summed.py:smal",), "there is `small`"),
        (("summed.py:small", "-o", "page.txt"), "page.txt"),
    ],
)
def test_what_is_asked_wrongly_is_told(arguments: tuple[str, ...], told: str) -> None:
    done = run(summary, *arguments)
    assert isinstance(done.exception, NetspecError)
    assert told in str(done.exception)


def test_modules_are_compared_with_each_other_and_with_specs() -> None:
    done = run(compare, "summed.py:small", "summed.py:large", "--input", "1,28,28")
    assert "large has 3.24 times the parameters of small" in done.stdout
    done = run(compare, "summed.py:small", str(SPECS / "lenet.yaml"), "--input", "1,28,28")
    assert "lenet has 7.86 times the parameters of small" in done.stdout
