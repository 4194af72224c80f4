"""docs/programs.md: its programs run, in a directory with the shipped specs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import ROOT

PAGE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|json)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TESTS, LIGHTNING, SWEEP = (text for kind, text in BLOCKS if kind == "python")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    for name in ("lenet", "alexnet", "unet"):
        (tmp_path / "specs" / f"{name}.yaml").symlink_to(ROOT / "specs" / f"{name}.yaml")
    return tmp_path


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    return subprocess.run(
        [sys.executable, *words], cwd=place, env=environment, capture_output=True, encoding="utf-8", check=False
    )


def test_the_test_suite_of_the_page_passes_and_fails_where_a_spec_is_wrong(place: Path) -> None:
    (place / "test_specs.py").write_text(TESTS, encoding="utf-8")
    done = run(place, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_specs.py")
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout
    (place / "specs" / "wrong.yaml").write_text("input: [4]\nlayers: [Linaer: 3]\n", encoding="utf-8")
    done = run(place, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_specs.py")
    assert done.returncode == 1
    assert "there is no layer or block `Linaer`" in done.stdout


@pytest.mark.needs_torch
def test_the_module_of_lightning_trains(place: Path) -> None:
    pytest.importorskip("lightning", reason="Lightning is not installed")
    (place / "module.py").write_text(LIGHTNING, encoding="utf-8")
    done = run(place, "-W", "ignore", "module.py")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.needs_torch
def test_the_sweep_trains_what_compiles_and_says_why_the_rest_does_not(place: Path) -> None:
    pytest.importorskip("optuna", reason="Optuna is not installed")
    ending = """
states = [trial.state.name for trial in study.trials]
whys = [trial.user_attrs["why"] for trial in study.trials if "why" in trial.user_attrs]
print(len(states), states.count("COMPLETE") > 0, states.count("FAIL"), len(whys) > 0, "kernel_size" in whys[0])
"""
    (place / "sweep.py").write_text(SWEEP + ending, encoding="utf-8")
    done = run(place, "sweep.py")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "8 True 0 True True"


def test_the_settings_of_the_page_name_the_command() -> None:
    (settings,) = (json.loads(text) for kind, text in BLOCKS if kind == "json")
    assert settings["mcpServers"]["netspec"]["args"][0] == "mcp"
