"""`checkpoint_every` by steps and by minutes: within an epoch too, from where a run goes on to the bit."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

import netspec
from netspec.compiler import check_source
from netspec.recipe.settings import CheckpointEvery
from netspec.text.source import decode
from netspec.trainer.loop import due
from netspec.trainer.loop.due import Due
from netspec.trainer.run.progress import Progress
from tests import forking
from tests.train.programs import ROOT, environment
from tests.train.small_runs import EVERYTHING, PLAIN, finish, small_net, whole_state
from tests.train.test_divisors import RANKS
from tests.train.test_survival import free_port


def steps(run: Path) -> list[int]:
    return sorted(int(path.name[5:]) for path in (run / "checkpoints").glob("step-*"))


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (None, [5, 10, 15]),
        (2, [10, 15]),
        ({"epochs": 3}, [15]),
        ({"steps": 4}, [4, 8, 12, 15]),  # and the end of the run
        ({"steps": 5}, [5, 10, 15]),
        ({"minutes": 1000}, [15]),
        ({"minutes": 1e-9}, list(range(1, 16))),
    ],
)
def test_checkpoints_are_written_when_they_are_due(every: Any, expected: list[int], tmp_path: Path) -> None:
    finish(small_net(PLAIN, checkpoint_every=every, checkpoint_keep=100), tmp_path / "run")
    assert steps(tmp_path / "run") == expected


def test_with_accumulated_batches_they_stand_at_the_ends_of_steps(tmp_path: Path) -> None:
    net = small_net(PLAIN, accumulate=2, checkpoint_every={"minutes": 1e-9}, checkpoint_keep=100)
    finish(net, tmp_path / "run")
    assert steps(tmp_path / "run") == list(range(1, 10))  # three of an epoch of five batches


@pytest.mark.slow
@pytest.mark.parametrize("at", [3, 9, 21])
def test_a_run_goes_on_from_one_in_the_middle_of_an_epoch_to_the_bit(at: int, tmp_path: Path) -> None:
    net = small_net(EVERYTHING, checkpoint_every={"steps": 3}, checkpoint_keep=100, epochs=3)
    finish(net, tmp_path / "whole")
    run = tmp_path / "run"
    shutil.copytree(tmp_path / "whole", run)
    for path in (run / "checkpoints").glob("step-*"):
        if int(path.name[5:]) > at:  # as if the machine had gone down here
            shutil.rmtree(path)
    (run / "checkpoints" / "latest").write_text(f"step-{at:08d}\n")
    for name in ("model.safetensors", "last.safetensors"):
        (run / name).unlink()
    finish(net, run)
    assert whole_state(run) == whole_state(tmp_path / "whole")


@pytest.mark.slow
def test_it_changes_nothing_of_what_is_learned(tmp_path: Path) -> None:
    for name, every in (("a", None), ("b", {"steps": 3}), ("c", {"minutes": 1e-9})):
        finish(small_net(EVERYTHING, checkpoint_every=every, epochs=2), tmp_path / name)
        found, plain = (load_file(tmp_path / one / "last.safetensors") for one in (name, "a"))
        assert all((found[key] == plain[key]).all() for key in plain)


@pytest.mark.slow
def test_two_processes_agree_on_the_minutes(tmp_path: Path) -> None:
    net = small_net(PLAIN, checkpoint_every={"minutes": 1e-9}, checkpoint_keep=100)
    (tmp_path / "spec.yaml").write_text(netspec.expand(net))
    arguments = ("train", str(tmp_path / "spec.yaml"), "--run", str(tmp_path / "two"), "--no-report", "--device", "cpu")
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    child = forking.run("-c", RANKS, *arguments, cwd=ROOT, env=environment(world), torch=True)
    assert child.returncode == 0, child.stderr
    assert {5, 10, 15} < set(steps(tmp_path / "two"))  # the processes ask each other about once a second


def test_the_minutes_count_from_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr(due.time, "monotonic", lambda: clock[0])
    every, progress = Due(CheckpointEvery(minutes=2)), Progress()
    for clock[0], expected in ((119.0, False), (120.0, True), (500.0, True)):
        assert every.after_step(progress) is every.after_epoch(progress) is expected
    every.written()
    clock[0] = 619.0
    assert not every.after_step(progress)


def test_two_ways_at_once_and_none_are_refused() -> None:
    def findings(value: str) -> list[tuple[str, str]]:
        text = f"{PLAIN}  checkpoint_every: {value}\n"
        return [(d.code, d.message) for d in check_source(*decode(text.encode(), "net.yaml"))]

    assert findings("{steps: 5, minutes: 2}") == [
        ("recipe-conflict", "`checkpoint_every` wants one of `epochs`, `steps` and `minutes`, and has `steps: 5` and "
         "`minutes: 2`")
    ]  # fmt: skip
    assert findings("{}")[0][1].endswith("and has none")
    assert findings("0")[0][0] == "invalid-argument"
    assert findings("5") == findings("{minutes: 0.5}") == []
