"""docs/machines.md, followed word by word as far as one machine goes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netspec.cli.launch import command
from tests.followed import ROOT, Page

PAGE = Page("machines")
TORCHRUN = [line for line in PAGE.commands if line.startswith("torchrun")]
LAUNCH = [line for line in PAGE.commands if line.startswith("netspec launch")]


def follow(place: Path, line: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(line, cwd=place, env=variables, shell=True, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_has_what_is_followed_here() -> None:
    assert list(PAGE.files) == ["small.yaml"]
    assert len(PAGE.commands) == len(TORCHRUN) + len(LAUNCH) == 4


@pytest.mark.parametrize("line", LAUNCH)
def test_launch_writes_its_file(line: str, tmp_path: Path) -> None:
    follow(PAGE.write(tmp_path), line)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.slow
def test_the_runs_end_alike_and_are_gone_on_with(tmp_path: Path) -> None:
    from netspec.trainer.run.records import read_records

    PAGE.write(tmp_path)
    for line in TORCHRUN * 2:
        follow(tmp_path, line)
    whole, parts = (read_records(tmp_path / "runs" / name) for name in ("two", "parts"))
    assert len(whole) == 3
    assert [r.test_loss for r in parts] == pytest.approx([r.test_loss for r in whole], abs=1e-5)


def test_the_page_names_every_option() -> None:
    options = {o for p in command.params for o in p.opts if o.startswith("--")}
    assert {option for option in options - {"--plugin"} if option not in PAGE.text} == set()
