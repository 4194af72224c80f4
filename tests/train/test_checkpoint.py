"""A checkpoint is whole or not there, whatever happens while it is written or afterwards."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from netspec.diagnostics import ResourceError
from netspec.files import temporary_beside
from netspec.trainer.run import checkpoint as module
from netspec.trainer.run.checkpoint import (
    FORMAT,
    Checkpoint,
    Damaged,
    checkpoints,
    clear_orphans,
    newest,
    pointed,
    read_checkpoint,
    rotate,
    write_checkpoint,
)
from tests.train.small_runs import EVERYTHING, last_checkpoint, run_until, small_net

BOUNDARIES = ["made", "model.safetensors", "state.pt", "manifest.json", "flushed", "best", "renamed", "durable",
              "latest"]  # fmt: skip


def checkpoint(step: int) -> Checkpoint:
    """A checkpoint whose content tells its step."""
    return Checkpoint({"w": torch.full((64,), float(step))}, {"step": step, "nested": [1, {"t": torch.arange(5)}]})


def kill_at(place: str) -> Callable[[str], None]:
    """Kills this process at a boundary."""

    def at(name: str) -> None:
        if name == place:
            os.kill(os.getpid(), signal.SIGKILL)

    return at


def silent(_: str) -> None:
    """For warnings that a test does not look at."""


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 3, checkpoint(3))
    found = read_checkpoint(path)
    assert torch.equal(found.model["w"], torch.full((64,), 3.0))
    assert found.state["step"] == 3
    assert torch.equal(found.state["nested"][1]["t"], torch.arange(5))
    assert pointed(tmp_path, "latest") == path


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_an_end_at_any_boundary_leaves_a_whole_checkpoint_and_no_orphan_after_the_next_start(
    boundary: str, tmp_path: Path
) -> None:
    write_checkpoint(tmp_path, 1, checkpoint(1), best=True)
    pid = os.fork()
    if pid == 0:  # a process of its own that dies of SIGKILL there
        write_checkpoint(tmp_path, 2, checkpoint(2), best=True, at=kill_at(boundary))
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL
    clear_orphans(tmp_path)
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []
    _, found = newest(tmp_path, pytest.fail)
    done = BOUNDARIES.index(boundary) >= BOUNDARIES.index("renamed")
    assert found.state["step"] == (2 if done else 1)
    assert not done or pointed(tmp_path, "best") == tmp_path / "step-00000002"


def test_the_boundaries_are_those_that_the_tests_know(tmp_path: Path) -> None:
    seen: list[str] = []
    write_checkpoint(tmp_path, 1, checkpoint(1), best=True, at=seen.append)
    assert seen == BOUNDARIES


def test_a_checkpoint_of_another_version_is_refused_with_a_way_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FORMAT", "netspec.checkpoint/1")
    path = write_checkpoint(tmp_path, 1, checkpoint(1))
    monkeypatch.undo()
    with pytest.raises(ResourceError, match=r"another version of netspec \(netspec.checkpoint/1; .*`weights='.*model"):
        newest(tmp_path, pytest.fail)
    assert path.is_dir()


def test_the_layout_of_a_state_is_that_of_its_format(tmp_path: Path) -> None:
    """Who changes what a checkpoint holds counts FORMAT on, and then this."""
    run_until(small_net(EVERYTHING), tmp_path / "run", 1)
    state = last_checkpoint(tmp_path / "run").state
    assert FORMAT == "netspec.checkpoint/4"
    assert sorted(state) == [
        "average", "data", "identity", "loss", "optimizer", "progress", "random", "scale", "schedule", "sums",
        "versions",
    ]  # fmt: skip
    assert sorted(state["progress"]) == [
        "batch", "best", "best_epoch", "computing", "epoch", "records", "seconds", "step", "stopped",
        "stopping_best", "waited",
    ]  # fmt: skip


def test_a_checkpoint_that_is_already_there_is_kept(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1, checkpoint(1))
    before = (path / "manifest.json").stat().st_mtime_ns
    assert write_checkpoint(tmp_path, 1, checkpoint(1), at=pytest.fail) == path
    assert (path / "manifest.json").stat().st_mtime_ns == before


def test_a_damaged_one_of_the_same_step_is_replaced(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1, checkpoint(1))
    (path / "state.pt").write_bytes(b"nonsense")
    write_checkpoint(tmp_path, 1, checkpoint(1))
    assert read_checkpoint(path).state["step"] == 1


def test_only_what_was_written_by_netspec_is_cleared_away(tmp_path: Path) -> None:
    """Other programs write `*.tmp` too, and a link of that name may lead anywhere."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("")
    run = tmp_path / "run"
    run.mkdir()
    mine = ["notes.tmp", ".notes.tmp", "step-00000001.tmp", ".model.safetensors.0123abcd.tmp"]
    for name in mine:
        (run / name).write_text("mine")
    (run / "thesis.tmp").mkdir()
    (run / "link.tmp").symlink_to(elsewhere)
    (run / temporary_beside(run / "step-00000001").name).symlink_to(elsewhere)
    before = sorted(p.name for p in run.iterdir())
    (run / temporary_beside(run / "model.safetensors").name).write_bytes(b"half")
    (run / temporary_beside(run / "step-00000002").name).mkdir()
    assert len(clear_orphans(run)) == 2
    assert sorted(p.name for p in run.iterdir()) == before
    assert (elsewhere / "precious").exists()


def test_a_checkpoint_that_was_moved_and_linked_to_is_left_where_it_is(tmp_path: Path) -> None:
    disk, run = tmp_path / "disk", tmp_path / "run"
    run.mkdir()
    moved = write_checkpoint(run, 1, checkpoint(1)).rename(disk)
    (run / "step-00000001").symlink_to(moved)
    for step in (2, 3):
        rotate(write_checkpoint(run, step, checkpoint(step)), 1)
    assert [p.name for p in checkpoints(run)] == ["step-00000003"]
    assert read_checkpoint(disk).state["step"] == 1


def test_rotation_keeps_the_newest_and_the_best(tmp_path: Path) -> None:
    written = [write_checkpoint(tmp_path, step, checkpoint(step), best=step == 2) for step in range(1, 6)]
    rotate(written[-1], 2)
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000005", "step-00000004", "step-00000002"]


def test_rotation_does_not_count_damaged_ones_that_the_run_has_not_come_to_again(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 9, checkpoint(9))
    (write_checkpoint(tmp_path, 12, checkpoint(12)) / "state.pt").write_bytes(b"nonsense")
    rotate(write_checkpoint(tmp_path, 10, checkpoint(10)), 1)  # as after a signal, on the way from 9
    assert [p.name for p in checkpoints(tmp_path)] == ["step-00000012", "step-00000010"]
    assert newest(tmp_path, silent)[0].name == "step-00000010"


def _damage(path: Path, generator: random.Random) -> str:
    """Flip one bit of a random file of a checkpoint, or cut it short."""
    file = generator.choice(sorted(path.iterdir()))
    data = bytearray(file.read_bytes())
    if generator.random() < 0.5:
        position = generator.randrange(len(data))
        data[position] ^= 1 << generator.randrange(8)
    else:
        del data[generator.randrange(len(data)) :]
    file.write_bytes(data)
    return file.name


@pytest.mark.parametrize("count", [25, pytest.param(500, marks=pytest.mark.slow)])
def test_after_a_bit_flip_or_truncation_the_previous_checkpoint_is_used_and_the_reason_named(
    count: int, tmp_path: Path
) -> None:
    generator = random.Random(0)
    first = write_checkpoint(tmp_path, 1, checkpoint(1))
    second = write_checkpoint(tmp_path, 2, checkpoint(2))
    shutil.copytree(second, tmp_path / "keep")
    for _ in range(count):
        name = _damage(second, generator)
        warnings: list[str] = []
        path, found = newest(tmp_path, warnings.append)
        if path == second:  # a flipped bit in the white space of the manifest changes nothing that counts
            assert name == "manifest.json"
            assert torch.equal(found.model["w"], torch.full((64,), 2.0))
        else:
            assert (path, found.state["step"]) == (first, 1)
            assert len(warnings) == 1
            assert "step-00000002" in warnings[0]
            assert "going on from step-00000001" in warnings[0]
        shutil.rmtree(second)
        shutil.copytree(tmp_path / "keep", second)


def test_without_any_whole_checkpoint_the_message_says_what_is_wrong_with_each(tmp_path: Path) -> None:
    for step in (1, 2):
        path = write_checkpoint(tmp_path, step, checkpoint(step))
        (path / "model.safetensors").unlink()
    with pytest.raises(ResourceError) as error:
        newest(tmp_path, silent)
    assert str(error.value).count("model.safetensors") == 2


def test_a_directory_without_checkpoints_says_so(tmp_path: Path) -> None:
    with pytest.raises(ResourceError, match="no checkpoint was written yet"):
        newest(tmp_path, silent)


class Attack:
    """Unpickled, it would run code: here, make a file."""

    def __init__(self, call: Callable[..., Any], *args: Any) -> None:
        self.call, self.args = call, args

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.call, self.args


CALLS: list[Callable[..., Any]] = [os.system, os.mkdir, eval, exec, subprocess.call]


@pytest.mark.parametrize("number", range(50))
def test_a_pickle_that_would_run_code_is_refused(number: int, tmp_path: Path) -> None:
    """With a manifest that fits, so that only the loader stands between the pickle and its code."""
    path = write_checkpoint(tmp_path, 1, checkpoint(1))
    proof = tmp_path / "proof"
    call = CALLS[number % len(CALLS)]
    words = {os.system: f"touch {proof}", os.mkdir: str(proof), subprocess.call: ["touch", str(proof)]}
    attack: Any = Attack(call, words.get(call, f"__import__('os').mkdir({str(proof)!r})"))
    for _ in range(number // len(CALLS)):  # hidden deeper and deeper
        attack = [attack, {"x": attack}]
    state = {"format": "netspec.checkpoint/1", "step": attack}
    if number % 2:
        torch.save(state, path / "state.pt")
    else:
        (path / "state.pt").write_bytes(pickle.dumps(state, protocol=2))
    _sign(path)
    with pytest.raises(Damaged, match="cannot be read"):
        read_checkpoint(path)
    assert not proof.exists()


def _sign(path: Path) -> None:
    """Make the manifest fit what is there, as an attacker would."""
    import hashlib
    import json

    manifest = json.loads((path / "manifest.json").read_text())
    for name in manifest["files"]:
        data = (path / name).read_bytes()
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    (path / "manifest.json").write_text(json.dumps(manifest))


def test_a_disk_that_is_full_leaves_the_old_checkpoint_and_says_how_much_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write system call fails as on a full disk; `test_full_disk` does it with a real one."""
    import errno

    write_checkpoint(tmp_path, 1, checkpoint(1))

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(ResourceError, match=r"it needs [\d.,]+ KiB, .* are free"):
            write_checkpoint(tmp_path, 2, checkpoint(2))
    assert newest(tmp_path, pytest.fail)[1].state["step"] == 1
    assert [p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")] == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a tmpfs needs root on Linux")
def test_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", disk], check=True)
    try:
        write_checkpoint(disk, 1, checkpoint(1))
        large = Checkpoint({"w": torch.zeros(100_000)}, {})
        with pytest.raises(ResourceError, match=r"no space for .* it needs"):
            write_checkpoint(disk, 2, large)
        assert newest(disk, pytest.fail)[1].state["step"] == 1
        assert [p.name for p in disk.iterdir() if p.name.endswith(".tmp")] == []
    finally:
        subprocess.run(["umount", disk], check=True)
