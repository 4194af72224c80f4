"""What shells complete: asked as their scripts ask, and in a real bash."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netspec.recipe import tables
from tests import forking
from tests.checkouts import commit, git
from tests.commands import ROOT

SPEC = """input: [3, H, W]
vars: {width: 8, classes: 10}
variants: {small: {width: 4}, large: {width: 64}}
layers: [Flatten, Linear: width, Linear: classes]
train: {data: FashionMNIST, batch_size: 8, epochs: 1, optimizer: {SGD: {lr: 0.1}}, loss: CrossEntropyLoss}
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "net.yaml").write_text(SPEC, encoding="utf-8")
    (tmp_path / "broken.yaml").write_text("layers: [", encoding="utf-8")
    git(tmp_path, "init", "-q", "-b", "main")
    commit(tmp_path)
    return tmp_path


def completed(place: Path, line: str) -> list[str]:
    """What is offered behind a line, whose last word is completed; empty behind a blank."""
    words = line.split(" ")
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "_NETSPEC_COMPLETE": "bash_complete", "COMP_WORDS": line.rstrip(" "),
        "COMP_CWORD": str(len(words) - 1),
    }  # fmt: skip
    run = forking.run("-m", "netspec", cwd=place, env=environment)
    assert run.stderr == ""
    return [offered.partition(",")[2] for offered in run.stdout.split()]


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("netspec co", {"compile", "compare"}),
        ("netspec compile net.yaml --variant ", {"small", "large"}),
        ("netspec check net.yaml --variant sm", {"small"}),
        ("netspec compile net.yaml --set w", {"width="}),
        ("netspec train net.yaml --set train.optimizer.SGD.l", {"train.optimizer.SGD.lr="}),
        ("netspec compile net.yaml --set H", {"H="}),
        ("netspec compile broken.yaml --set w", set[str]()),
        ("netspec compile missing.yaml --variant ", set[str]()),
        ("netspec check --ignore nothing-b", {"nothing-between"}),
        ("netspec explain BatchN", {"BatchNorm1d", "BatchNorm2d", "BatchNorm3d"}),
        ("netspec explain width-m", {"width-mismatch"}),
        ("netspec draw net.yaml --style st", {"stack"}),
        ("netspec draw net.yaml --fit ", {"a4", "slide", "column"}),
        ("netspec compile net.yaml --optimizer RA", {"RAdam"}),
        ("netspec train net.yaml --device ", {"auto", "cpu", "cuda"}),
        ("netspec new --from alex", {"alexnet"}),
        ("netspec new --from d2l/len", {"d2l/lenet", "d2l/lenet_batch_norm"}),
        ("netspec compare --git ma", {"main"}),
        ("netspec check --changed ma", {"main"}),
        ("netspec train net.yaml --set train.optimizer = RA", {"RAdam"}),
        ("netspec train net.yaml --set train.loss = ", set(tables.LOSSES)),
        ("netspec train net.yaml --set train.epochs = ", set[str]()),
        ("netspec train net.yaml --set train.optimizer.SGD.lr =", set[str]()),
    ],
)
def test_what_is_offered(place: Path, line: str, offered: set[str]) -> None:
    assert set(completed(place, line)) == offered


def test_every_command_is_offered_with_its_options(place: Path) -> None:
    assert len(completed(place, "netspec ")) > 10
    assert {"--locked", "--changed", "--fix"} <= set(completed(place, "netspec check --"))


def test_a_press_of_a_key_takes_less_than_a_second(place: Path) -> None:
    begun = time.monotonic()
    completed(place, "netspec train net.yaml --set train.")
    assert time.monotonic() - begun < 3  # on a machine with other work


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_the_line_of_the_page_works_in_bash(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    line = re.findall(r"^\$ (eval .*)$", page, re.MULTILINE)[0]
    programs = tmp_path_factory.mktemp("bin")
    (programs / "netspec").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m netspec "$@"\n', encoding="utf-8")
    (programs / "netspec").chmod(0o755)
    script = f"""{line}
complete -p netspec
compopt() {{ echo "compopt $@"; }}
COMP_WORDS=(netspec compile net.yaml --variant la); COMP_CWORD=4;
_netspec_completion netspec; echo "${{COMPREPLY[@]}}"
COMPREPLY=()
COMP_WORDS=(netspec compile net.yaml --set wi); COMP_CWORD=4;
_netspec_completion netspec; echo "${{COMPREPLY[@]}}"
COMPREPLY=()
COMP_WORDS=(netspec compile net.yaml --set width =); COMP_CWORD=5;
_netspec_completion netspec; echo "<${{COMPREPLY[@]}}>"
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(
        ["bash", "-c", script], cwd=place, env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert run.stderr == ""
    assert run.stdout.splitlines() == [
        "complete -o nosort -F _netspec_completion netspec",
        "large",
        "compopt -o nospace",
        "width=",
        "<>",
    ]
