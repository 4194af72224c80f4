"""One call begins a run and goes on with it, and the processes of a run agree on where it stands."""

from __future__ import annotations

import os
import shutil
import signal
from datetime import timedelta
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

import netspec
from netspec.cli import cli
from netspec.diagnostics import ResourceError, UsageError
from netspec.trainer.errors import Interrupted
from netspec.trainer.jobs.training import train
from netspec.trainer.machine import processes
from netspec.trainer.run.checkpoint import checkpoints
from netspec.trainer.run.directory import RunDirectory
from netspec.trainer.run.records import read_records
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.show.reporters import Quiet
from tests import forking
from tests.commands import invoke
from tests.train.programs import ROOT, environment
from tests.train.small_runs import EVERYTHING, PLAIN, finish, run_until, small_net, whole_state
from tests.train.test_survival import free_port


def went_on(net: netspec.Net, path: Path, **options: Any) -> None:
    train(net, run=path, auto_resume=True, reporter=Quiet(), report=False, **options)


# ---- one call


@pytest.mark.slow
def test_the_same_call_begins_goes_on_and_leaves_a_finished_run_alone(tmp_path: Path) -> None:
    net = small_net(EVERYTHING)
    for step in (7, 20, 33):
        with pytest.raises(Interrupted):
            went_on(net, tmp_path / "run", max_steps=step)
    went_on(net, tmp_path / "run")
    finish(net, tmp_path / "whole")
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "whole")
    before = (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns
    went_on(net, tmp_path / "run")
    assert (tmp_path / "run" / "model.safetensors").stat().st_mtime_ns == before


def test_a_run_that_ended_before_its_first_checkpoint_begins_anew(tmp_path: Path) -> None:
    net, run = small_net(PLAIN), tmp_path / "run"
    run_until(net, run, 2)
    (checkpoint,) = checkpoints(run / "checkpoints")
    checkpoint.rename(run / "checkpoints" / "step-00000002.tmp")
    (run / "checkpoints" / "latest").unlink()
    with pytest.raises(UsageError, match=r"the directory is not empty"):
        train(net, run=run, reporter=Quiet())
    went_on(net, run)
    assert len(read_records(run)) == 3


def test_a_directory_with_files_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"the directory is not empty, and holds no run; name a new one"):
        went_on(small_net(PLAIN), tmp_path)


def test_weights_are_for_the_beginning(tmp_path: Path) -> None:
    net = small_net(PLAIN, optimizer={"SGD": {"lr": 1e-12}})
    weights = {key: value + 1 for key, value in netspec.build(net, seed=3).state_dict().items()}
    save_file(weights, tmp_path / "first.safetensors")
    with pytest.raises(Interrupted):
        went_on(net, tmp_path / "run", max_steps=4, weights=tmp_path / "first.safetensors", fresh=("1.bias",))
    (tmp_path / "first.safetensors").unlink()  # not read again
    went_on(net, tmp_path / "run", weights=tmp_path / "first.safetensors", fresh=("1.bias",))
    found = load_file(tmp_path / "run" / "model.safetensors")
    assert abs(found["1.weight"] - weights["1.weight"]).max() < 1e-6
    assert abs(found["1.bias"] - weights["1.bias"]).max() > 0.5


@pytest.mark.parametrize(
    ("options", "words"),
    [({}, r"`auto_resume=True` needs `run`"), ({"resume": "a"}, r"goes on with the run that `run` names; leave out")],
)
def test_what_does_not_go_together_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        train(small_net(PLAIN), auto_resume=True, **options)


@pytest.mark.slow
def test_the_command_goes_on_too(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(PLAIN)
    call = ("train", tmp_path / "spec.yaml", "--run", tmp_path / "run", "--auto-resume", "--no-report", "-q")
    assert invoke(cli, *call, "--max-steps", "4").return_value == 75
    rehearsed = invoke(cli, *call, "--dry-run")
    assert "for 3 epochs" in rehearsed.output
    assert invoke(cli, *call).exit_code == 0
    assert len(read_records(tmp_path / "run")) == 3
    refused = invoke(cli, "train", tmp_path / "spec.yaml", "--folds", "3", "--auto-resume", "--run", tmp_path / "run")
    assert "goes on by itself" in str(refused.exception)


# ---- what a scheduler looks for


@pytest.mark.slow
@pytest.mark.usefixtures("heeded")
def test_a_signal_leaves_a_mark_until_the_run_goes_on_and_a_limit_of_steps_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, run = small_net(PLAIN), RunDirectory(tmp_path / "run")
    with pytest.raises(Interrupted):
        went_on(net, run.path, max_steps=2)
    assert not run.interrupted.exists()
    original = Trainer.buffers

    def send(self: Trainer, *arguments: Any) -> Any:
        assert not run.interrupted.exists()
        os.kill(os.getpid(), signal.SIGUSR1)
        return original(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "buffers", send)
        for step in (3, 4):
            with pytest.raises(Interrupted):
                went_on(net, run.path)
            assert run.interrupted.read_text().startswith(f"SIGUSR1: stopped after step {step}")
    went_on(net, run.path)
    assert not run.interrupted.exists()


# ---- several processes

RANKS = """
import os, sys
import netspec
from netspec.diagnostics import NetspecError
from netspec.trainer.machine import processes
from netspec.trainer.show.reporters import Quiet

for rank in range(2):
    if os.fork() == 0:
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        try:
            net = netspec.load(sys.argv[1 + rank])
            netspec.train(net, run=sys.argv[3 + rank], auto_resume=True, reporter=Quiet(), report=False, device="cpu")
        except NetspecError as error:
            print(error, flush=True)
            os._exit(error.exit_status)
        os._exit(0)
sys.exit(max(os.waitstatus_to_exitcode(os.wait()[1]) for rank in range(2)))
"""
"""Two processes, each with a spec and a run directory of its own."""


def two(tmp_path: Path, *paths: Path) -> CompletedProcess[str]:
    specs = [tmp_path / name for name in ("first.yaml", "second.yaml")]
    for spec in specs:
        if not spec.exists():
            spec.write_text(PLAIN)
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    return forking.run("-c", RANKS, *specs, *paths, cwd=ROOT, env=environment(world), torch=True)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two processes, with three checkpoints."""
    path = tmp_path_factory.mktemp("two")
    (path / "first.yaml").write_text(PLAIN.replace("epochs: 3", "epochs: 4"))
    shutil.copy(path / "first.yaml", path / "second.yaml")
    done = two(path, path / "run", path / "run")
    assert done.returncode == 0, done.stdout
    (path / "run" / "model.safetensors").unlink()
    assert [p.name for p in checkpoints(path / "run" / "checkpoints")] == ["step-00000020", "step-00000015"]
    return path


@pytest.fixture
def copies(shared: Path, tmp_path: Path) -> list[Path]:
    """The run twice, as two machines would have it that share no files."""
    for name in ("first.yaml", "second.yaml"):
        shutil.copy(shared / name, tmp_path / name)
    return [Path(shutil.copytree(shared / "run", tmp_path / name)) for name in ("a", "b")]


def damage(run: Path, step: int) -> None:
    file = run / "checkpoints" / f"step-{step:08d}" / "state.pt"
    file.write_bytes(file.read_bytes()[:-1])


def test_processes_that_see_the_same_files_go_on_from_an_older_checkpoint_where_the_newest_is_damaged(
    copies: list[Path], tmp_path: Path
) -> None:
    for run in copies:
        damage(run, 20)
    done = two(tmp_path, *copies)
    assert done.returncode == 0, done.stdout
    assert len(read_records(copies[0])) == 4
    assert (copies[0] / "model.safetensors").is_file()


def test_processes_that_find_different_checkpoints_are_refused(copies: list[Path], tmp_path: Path) -> None:
    shutil.rmtree(copies[1] / "checkpoints" / "step-00000020")
    done = two(tmp_path, *copies)
    assert done.returncode == 5
    assert "finds the checkpoint step-00000020, process 1 (on" in done.stdout
    assert "the checkpoint step-00000015; the run directory must be one that all machines share" in done.stdout


def test_a_process_that_finds_no_run_is_refused_beside_one_that_does(copies: list[Path], tmp_path: Path) -> None:
    shutil.rmtree(copies[1])
    done = two(tmp_path, *copies)
    assert done.returncode == 5
    assert "no checkpoint; the run directory must be one that all machines share" in done.stdout
    assert not copies[1].exists()


def test_checkpoints_of_one_name_with_other_contents_are_refused(copies: list[Path], tmp_path: Path) -> None:
    manifest = copies[1] / "checkpoints" / "step-00000020" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"files"', '"files" '))
    done = two(tmp_path, *copies)
    assert done.returncode == 5
    assert "other contents" in done.stdout


def test_a_checkpoint_that_one_process_alone_cannot_read_is_refused(copies: list[Path], tmp_path: Path) -> None:
    damage(copies[1], 20)
    done = two(tmp_path, *copies)
    assert done.returncode == 5
    assert "process 1 cannot use it, and others can" in done.stdout


def test_processes_that_were_given_different_recipes_are_refused(tmp_path: Path) -> None:
    (tmp_path / "second.yaml").write_text(PLAIN.replace("lr: 0.1", "lr: 0.2"))
    done = two(tmp_path, tmp_path / "run", tmp_path / "run")
    assert done.returncode == 2
    assert "trains something else than process 0:\n  `train.optimizer` was {SGD: {lr: 0.1" in done.stdout


def test_a_process_whose_peers_never_start_says_where_it_waited(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = str(free_port())
    world = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}
    for name, value in world.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(processes, "JOINING", timedelta(seconds=1))
    with pytest.raises(ResourceError, match=rf"not all processes have met at 127\.0\.0\.1:{port} within"):
        train(small_net(PLAIN), run=tmp_path / "run", device="cpu")
