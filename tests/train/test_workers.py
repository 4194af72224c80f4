"""Worker processes that decode pictures: they change no bit, their loss is told, and none outlives the run."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import netspec
from netspec.diagnostics import ResourceError
from netspec.recipe import tables
from netspec.recipe.base import Transform
from netspec.trainer.data.streamed import Streamed
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.transforms.draws import draw_key
from netspec.trainer.transforms.pipeline import Pipeline
from tests.recipe.least import least
from tests.train import programs
from tests.train.programs import descendants, draw_pictures, left_after, pictures_spec
from tests.train.small_runs import finish, whole_state

GIVEN: dict[str, dict[str, object]] = {
    "Resize": {"size": 7}, "CenterCrop": {"size": 7}, "Pad": {"padding": 2}, "RandomCrop": {"size": 7},
    "Normalize": {"mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2)}, "RandomResizedCrop": {"size": 7},
    "RandomRotation": {"degrees": 30.0}, "RandomAffine": {"degrees": 30.0}, "ColorJitter": {"hue": 0.2},
    "RandomSolarize": {"threshold": 0.5}, "RandomPosterize": {"bits": 3}, "GaussianBlur": {"kernel_size": 3},
    "RandomAdjustSharpness": {"sharpness_factor": 2.0},
}  # fmt: skip
"""What those are given whose own example is not for images of 9 × 9, or changes none of them."""


@pytest.mark.parametrize("name", tables.TRANSFORMS)
def test_every_transform_reaches_a_worker_as_what_it_was(name: str) -> None:
    made: Transform = tables.transform(name)(**GIVEN.get(name, least(tables.transform(name))))
    as_transform, as_augmentation = (() if made.random else (made,)), ((made,) if made.random else ())
    pipeline = Pipeline(as_transform, as_augmentation, torch.device("cpu"))
    x = torch.rand(4, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    samples, key = torch.arange(4), draw_key(0, 0)
    sent: Pipeline = pickle.loads(pickle.dumps(pipeline))
    assert torch.equal(sent(x, samples, key), pipeline(x, samples, key))


@pytest.mark.slow
def test_a_folder_that_workers_decode_trains_to_the_bit_as_without_them(tmp_path: Path) -> None:
    net = netspec.loads(pictures_spec(draw_pictures(tmp_path / "pictures")))
    finish(net, tmp_path / "workers", budget=0, workers=2)
    assert multiprocessing.active_children() == []
    finish(net, tmp_path / "alone", budget=0, workers=0)
    assert whole_state(tmp_path / "workers") == whole_state(tmp_path / "alone")


@pytest.mark.slow
def test_a_worker_that_is_killed_ends_the_run_with_a_reason_and_a_way(tmp_path: Path) -> None:
    net = netspec.loads(pictures_spec(draw_pictures(tmp_path / "pictures")))
    data = assemble(net, Options(budget=0, workers=2), World(), "cpu").data
    assert isinstance(data.train, Streamed)
    batches = data.train.batches(1)
    next(batches)
    for worker in multiprocessing.active_children():
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(ResourceError, match=r"ended: killed by SIGKILL.*`workers=0`"):
        list(batches)
    data.close()


def small_shm(options: str) -> tuple[str, ...]:
    """A command that runs another with a /dev/shm of its own."""
    script = f'mount -t tmpfs -o {options} tmpfs /dev/shm && exec "$@"'
    return ("unshare", "-rm", "sh", "-c", script, "sh")


@pytest.mark.slow
@pytest.mark.parametrize("options", ["size=64k", "nr_inodes=1"])
def test_too_little_shared_memory_is_told_and_workers_0_does_without(options: str, tmp_path: Path) -> None:
    prefix = small_shm(options)
    tried = shutil.which("unshare") and subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    if tried != 0:
        pytest.skip("this system lets nobody mount a /dev/shm of his own")
    (tmp_path / "spec.yaml").write_text(pictures_spec(draw_pictures(tmp_path / "pictures", each=150)))
    command = ("train", "spec.yaml", "--data-budget", "0", "--set", "train.batch_size=450", "--no-report")
    child = programs.netspec(*command, "--workers", "2", cwd=tmp_path, prefix=prefix)
    _, said = child.communicate(timeout=300)
    assert child.returncode == 5, said
    assert "Traceback" not in said
    assert "`--workers 0`" in said
    child = programs.netspec(*command, "--workers", "0", cwd=tmp_path, prefix=prefix)
    assert child.communicate(timeout=300)
    assert child.returncode == 0


@pytest.mark.slow
def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(pictures_spec(draw_pictures(tmp_path / "pictures"), epochs=10_000))
    child = programs.netspec("train", "spec.yaml", "--data-budget", "0", "--workers", "2", cwd=tmp_path)
    with child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith("epoch ")
        started = descendants(child.pid)
        assert len(started) >= 5  # a resource tracker, a fork server, two workers of each part
        child.kill()
        assert left_after(started, 60.0) == set()


PROGRAM = """
import sys
import netspec
net = netspec.load("spec.yaml")
print("here", flush=True)
netspec.train(net, run="run", budget=0, workers=2, report=False, quiet=True)
"""


@pytest.mark.slow
def test_a_program_without_the_customary_guard_is_not_run_again_by_each_worker(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(pictures_spec(draw_pictures(tmp_path / "pictures")))
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, env=programs.environment(), capture_output=True, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "here\n"), done.stderr
    assert (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("heeded")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_what_is_sent_to_all_processes_stops_a_run_with_workers_at_a_checkpoint(
    number: signal.Signals, tmp_path: Path
) -> None:
    (tmp_path / "spec.yaml").write_text(pictures_spec(draw_pictures(tmp_path / "pictures"), epochs=10_000))
    command = ("train", "spec.yaml", "--data-budget", "0", "--workers", "2")
    child = programs.netspec(*command, cwd=tmp_path, session=True)
    with child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith("epoch ")
        started = descendants(child.pid)
        os.killpg(child.pid, number)
        assert child.wait(300) == 75, child.stderr.read()
        said = child.stderr.read()
        assert "checkpoint written" in said
        assert "Traceback" not in said
        assert "Warning" not in said
        assert left_after(started, 60.0) == set()
