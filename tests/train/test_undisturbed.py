"""A program that calls `netspec.train` finds its process afterwards as it was."""

from __future__ import annotations

import gc
import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist

import netspec
from netspec.diagnostics import UsageError
from netspec.trainer.machine import processes
from tests.collector import nothing_set_aside
from tests.train.programs import ROOT, draw_pictures, environment, pictures_spec
from tests.train.small_runs import PLAIN, finish, small_net


@pytest.fixture(autouse=True)
def _nothing_aside() -> Iterator[None]:
    """Nothing is set aside before a test, as in a program that knows nothing of it."""
    with nothing_set_aside():
        yield


def state() -> dict[str, Any]:
    return {
        "random": random.getstate(),
        "numpy": str(np.random.get_state()),
        "torch": torch.get_rng_state().tolist(),
        "signals": {s: signal.getsignal(s) for s in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}},
        "collector": (gc.isenabled(), gc.get_freeze_count() > 0),
        "environment": dict(os.environ),
        "timers": [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)],
        "directory": Path.cwd(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }


@pytest.mark.slow
@pytest.mark.parametrize("seeded", [False, True])
def test_a_run_leaves_nothing_of_its_own_behind(seeded: bool, tmp_path: Path) -> None:
    net = netspec.loads(pictures_spec(draw_pictures(tmp_path / "pictures"), epochs=1))
    if seeded:
        random.seed(7), np.random.seed(7), torch.manual_seed(7)
        gc.freeze()
    before = state()
    finish(net, tmp_path / "run", budget=0, workers=1, deterministic=True, device="auto", report=True)
    assert state() == before


@pytest.mark.slow
def test_a_run_that_fails_leaves_nothing_behind_either(tmp_path: Path) -> None:
    before = state()
    with pytest.raises(UsageError):
        finish(small_net(PLAIN), tmp_path / "run", device="tpu", deterministic=True)
    assert state() == before


@pytest.mark.slow
def test_leaving_the_other_processes_leaves_no_clock_that_ends_the_program() -> None:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    processes._leave(0)
    assert [
        thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and thread.is_alive()
    ] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"WORLD_SIZE": "2"}, r"WORLD_SIZE=2, but has no RANK, MASTER_ADDR, MASTER_PORT: start .* with `torchrun`"),
        ({"WORLD_SIZE": "many"}, "WORLD_SIZE='many', which is no number"),
        ({"WORLD_SIZE": "2", "RANK": "2"}, r"RANK=2, but WORLD_SIZE=2: ranks go from 0 to 1"),
        ({"WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "x"}, "LOCAL_RANK='x', which is no number"),
    ],
)
def test_half_of_what_torchrun_sets_is_answered_with_the_rest(
    variables: dict[str, str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = (
        {"RANK": "0", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"} if len(variables) > 1 or "many" in words else {}
    )
    for name, value in (whole | variables).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=words):
        finish(small_net(PLAIN), tmp_path / "run")


@pytest.mark.slow
def test_a_process_that_is_alone_speaks_whatever_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert processes.speaks()
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert not processes.speaks()


PROGRAM = """
import sys, threading
from pathlib import Path
import torch.distributed as dist
import netspec
from tests.train.small_runs import PLAIN, finish, small_net

run = Path(sys.argv[1])
finish(small_net(PLAIN), run / "one")
assert not dist.is_initialized()
dist.init_process_group("gloo")
finish(small_net(PLAIN), run / "two")
assert dist.is_initialized() and dist.get_world_size() == 2
dist.barrier()
dist.destroy_process_group()
assert not [t for t in threading.enumerate() if isinstance(t, threading.Timer) and t.is_alive()]
print("still here", flush=True)
"""


@pytest.mark.slow
def test_a_program_under_torchrun_may_train_more_than_once_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    child = subprocess.run(
        [*command, str(tmp_path / "program.py"), str(tmp_path)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    assert child.stdout.count("still here") == 2
