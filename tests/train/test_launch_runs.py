"""The script that `netspec launch --slurm` writes, run by stubs of SLURM's commands: interrupted, requeued, ended."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from netspec.cli import cli
from tests.commands import invoke
from tests.train.programs import descendants, environment, left_after
from tests.train.small_runs import PLAIN, whole_state
from tests.train.test_auto_resume import two

SRUN = """#!/bin/bash
# The command on each of two nodes; SLURM knows the processes of the step.
"$@" & first=$!
"$@" & second=$!
echo $first $second > steps.part && mv steps.part steps
wait $first; a=$?
wait $second; b=$?
exit $((a > b ? a : b))
"""
SCONTROL = """#!/bin/bash
if [ "$1 $2" = "show hostnames" ]; then echo localhost; echo localhost; else echo "$@" >> requeued; fi
"""
SBATCH = """#!/bin/bash
# As SLURM: the script is a job, which runs again while it is put into the queue.
export SLURM_JOB_ID=4711 SLURM_JOB_NODELIST=localhost
while true; do
    rm -f requeued
    bash "$1"; status=$?
    [ -e requeued ] || exit $status
    cat requeued >> requeues
done
"""


@pytest.mark.slow
def test_a_job_that_reaches_its_limit_is_saved_requeued_and_ends_as_one_without_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("first.yaml", "second.yaml"):
        (tmp_path / name).write_text(PLAIN.replace("epochs: 3", "epochs: 150"))
    monkeypatch.chdir(tmp_path)
    call = ("launch", "first.yaml", "--run", "run", "--slurm", "job.sbatch", "--nodes", "2", "--", "--no-report", "-q")
    assert invoke(cli, *call).exception is None
    (tmp_path / "bin").mkdir()
    for name, text in {"srun": SRUN, "scontrol": SCONTROL, "sbatch": SBATCH}.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    path = f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"
    with (tmp_path / "log").open("wb") as log:
        job = subprocess.Popen(["sbatch", "job.sbatch"], env=environment({"PATH": path}), stdout=log, stderr=log)
    _send_usr1_behind(tmp_path, 20)
    assert job.wait(300) == 0, (tmp_path / "log").read_text()
    assert (tmp_path / "requeues").read_text() == "requeue 4711\n"
    assert "SIGUSR1: stopped after step" in (tmp_path / "log").read_text()
    assert not (tmp_path / "run" / "interrupted").exists()
    done = two(tmp_path, tmp_path / "whole", tmp_path / "whole")
    assert done.returncode == 0, done.stdout
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "whole")


def _send_usr1_behind(folder: Path, step: int) -> None:
    """Send USR1 to every process of the job step, and not to the script, once the run has a checkpoint of a step."""
    end = time.monotonic() + 120
    while not any(int(p.name[5:]) >= step for p in (folder / "run" / "checkpoints").glob("step-????????")):
        assert time.monotonic() < end, (folder / "log").read_text()
        time.sleep(0.02)
    first = [int(word) for word in (folder / "steps").read_text().split()]
    everything = {pid for node in first for pid in (node, *descendants(node))}
    (folder / "steps").unlink()
    for pid in everything:
        os.kill(pid, signal.SIGUSR1)
    assert left_after(everything, 60) == set()
