"""The example of Ray Train: two workers end where one process ends, and the same call goes on with their run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from netspec.trainer.run.records import read_records
from tests.train.programs import ROOT, environment
from tests.train.small_runs import PLAIN, finish, small_net

pytest.importorskip("ray.train.torch", reason="ray is not installed")

EXAMPLE = ROOT / "docs" / "examples" / "ray_train.py"


def work(spec: Path, run: Path) -> None:
    done = subprocess.run(
        [sys.executable, EXAMPLE, spec, run, "2"], env=environment(), capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_workers_end_where_one_process_ends_and_go_on(tmp_path: Path) -> None:
    spec = tmp_path / "plain.yaml"
    spec.write_text(PLAIN)
    work(spec, tmp_path / "run")
    finish(small_net(PLAIN), tmp_path / "alone", device="cpu")
    a, b = (load_file(tmp_path / name / "model.safetensors") for name in ("run", "alone"))
    assert max(float((a[key] - b[key]).abs().max()) for key in b) < 1e-6
    (tmp_path / "run" / "model.safetensors").unlink()  # as if it had been interrupted behind its last checkpoint
    work(spec, tmp_path / "run")
    assert len(read_records(tmp_path / "run")) == 3
    assert load_file(tmp_path / "run" / "model.safetensors").keys() == b.keys()
