"""What takes minutes: processes that are killed, and runs of several processes. Run with `pytest -m slow`."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

import netspec
from netspec.trainer.run.checkpoint import checkpoints, newest
from tests.train.dying import KINDS
from tests.train.programs import descendants, draw_pictures, environment, left_after, pictures_spec
from tests.train.small_runs import EVERYTHING, finish, run_until, small_net, whole_state

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
KILLS, RANK_KILLS = 200, 4

CHILD = """
import os, sys
import torch
from pathlib import Path
from tests.train.small_runs import finish, small_net
from netspec.diagnostics import NetspecError
from netspec.trainer.loop import epochs
epochs.write_curves = lambda *_: None
torch.set_num_threads(1)
net = small_net(epochs=1500)
finish(small_net(epochs=1), Path(sys.argv[1] + "-warm"))  # everything is imported from here on
for line in sys.stdin:  # one child per line, forked, so that no start costs an import
    pid = os.fork()
    if pid == 0:
        path = Path(sys.argv[1])
        if path.exists() and not any((path / "checkpoints").glob("step-????????")):
            import shutil
            shutil.rmtree(path)  # ended before its first checkpoint: nothing to resume
        try:
            finish(net, path)
            os._exit(0)
        except NetspecError as error:
            print("FAILED", error, flush=True)
            os._exit(1)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print("ended", status, flush=True)
"""


def test_two_hundred_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    generator = random.Random(0)
    run = tmp_path / "run"
    server = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(run)],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    with server:
        killed, step = _kill_children(server, run, generator)
    print(f"{killed} kills, at step {step} of 15,000")
    assert killed == KILLS
    net = small_net(epochs=1500)
    for path in (run, tmp_path / "whole"):
        run_until(net, path, step + 25)
    assert [p.name for p in run.rglob("*") if p.name.endswith(".tmp")] == []
    assert whole_state(run) == whole_state(tmp_path / "whole")


def _kill_children(server: subprocess.Popen[str], run: Path, generator: random.Random) -> tuple[int, int]:
    """Start children and kill them until that was done often enough; how often, and the step they came to."""
    assert server.stdin is not None
    assert server.stdout is not None
    killed, step = 0, 0
    while killed < KILLS:
        server.stdin.write("next\n")
        server.stdin.flush()
        answer = server.stdout.readline()
        assert answer.strip().isdigit(), answer
        _wait_until(run, _reached(run) + 10 * generator.randrange(3))
        time.sleep(generator.uniform(0.0, 0.1))
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(answer), signal.SIGKILL)
        answer = server.stdout.readline()
        assert answer.startswith("ended"), answer
        assert answer.split()[1] == str(int(signal.SIGKILL)), answer
        killed += 1
        if checkpoints(run / "checkpoints"):
            _, found = newest(run / "checkpoints", pytest.fail)
            assert found.state["progress"]["step"] >= step
            step = found.state["progress"]["step"]
    return killed, step


@pytest.mark.parametrize("kind", KINDS)
def test_an_end_at_any_operation_on_the_disk_loses_nothing(kind: str, tmp_path: Path) -> None:
    """Not the best weights either, nor what names them; and nothing half written stays."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.train.dying", str(tmp_path), kind],
        cwd=ROOT, text=True, capture_output=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    lines = [line.split() for line in done.stdout.splitlines() if line[:1].isdigit()]
    print(f"{len(lines) - 1} operations")
    assert [line for line in lines if len(line) > 2] == []
    assert [line[1] for line in lines] == ["9"] * (len(lines) - 1) + ["0"]
    assert len(lines) > 30


# ---- pictures that are streamed, by workers too

PICTURES_CHILD = """
import json, os, sys, time
import torch
from pathlib import Path
from netspec.trainer.loop import epochs
from tests.train.small_runs import finish
import netspec
epochs.write_curves = lambda *_: None
write = epochs.write_records
epochs.write_records = lambda *a: (write(*a), time.sleep(0.05))  # or a fast machine ends the run before it is killed
torch.set_num_threads(1)
net = netspec.loads(sys.argv[2])
for line in sys.stdin:  # one child per line, forked, so that no start costs an import
    pid = os.fork()
    if pid == 0:
        finish(net, Path(sys.argv[1]), **json.loads(sys.argv[3]))
        os._exit(0)
    print(pid, flush=True)
    _, status = os.waitpid(pid, 0)
    print("ended", status, flush=True)
"""
PICTURE_KILLS, PICTURE_EPOCHS = 10, 150


@pytest.mark.parametrize(
    "options",
    [{}, {"budget": 0, "workers": 0}, {"budget": 0, "workers": 2}],
    ids=["resident", "streamed", "workers"],
)
def test_ten_kills_lose_nothing_leave_no_process_and_touch_no_file_of_the_user_s(
    options: dict[str, int], tmp_path: Path
) -> None:
    folder, run = draw_pictures(tmp_path / "pictures"), tmp_path / "run"
    text = pictures_spec(folder, PICTURE_EPOCHS)
    net = netspec.loads(text)
    run_until(net, run, 1, **options)
    mine = _leave_files(run, tmp_path / "elsewhere")
    before = {path: path.read_bytes() for path in (*mine, *folder.rglob("*.png"))}
    server = subprocess.Popen(
        [sys.executable, "-c", PICTURES_CHILD, str(run), text, json.dumps(options)],
        cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    with server:
        steps = [_killed(server, run, random.Random(number)) for number in range(PICTURE_KILLS)]
    print("killed at steps", steps, "of", PICTURE_EPOCHS * 5)
    assert steps == sorted(steps)
    assert len(set(steps)) > 3
    finish(net, run, **options)
    finish(net, tmp_path / "whole", **options)
    assert whole_state(run) == whole_state(tmp_path / "whole")
    assert {path: path.read_bytes() for path in before} == before
    written = [p for p in run.rglob("*") if p.name.endswith(".tmp") and p not in mine and not p.is_symlink()]
    assert written == []


def _leave_files(run: Path, elsewhere: Path) -> list[Path]:
    """Files of the user's own, some of which look like what a run leaves behind."""
    elsewhere.mkdir()
    names = ["notes.tmp", ".model.safetensors.tmp", "step-00000003.tmp", "mine.yaml"]
    files = [folder / name for folder in (run, run / "checkpoints", elsewhere) for name in names]
    for number, file in enumerate(files):
        file.write_text(f"mine {number}")
    for folder in (run, run / "checkpoints"):
        (folder / "link.tmp").symlink_to(elsewhere)
    return [*files, *(run / "link.tmp" / name for name in names)]


def _killed(server: subprocess.Popen[str], run: Path, generator: random.Random) -> int:
    """Let a child go on with the run, kill it at a random moment, and see that all it had started ends; the step."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("next\n")
    server.stdin.flush()
    child = int(server.stdout.readline())
    _wait_until(run, _reached(run) + 5 * generator.randrange(9))
    time.sleep(generator.uniform(0.0, 0.4))
    started = descendants(child) | {child}
    os.kill(child, signal.SIGKILL)
    assert server.stdout.readline() == f"ended {int(signal.SIGKILL)}\n"
    assert left_after(started, 60.0) == set()
    _, found = newest(run / "checkpoints", pytest.fail)
    return int(found.state["progress"]["step"])


def _reached(run: Path) -> int:
    """The step of the newest checkpoint, 0 before the first."""
    try:
        found = checkpoints(run / "checkpoints")
    except FileNotFoundError:  # a child that finds no checkpoint begins anew
        return 0
    return max((int(path.name.removeprefix("step-")) for path in found), default=0)


def _wait_until(run: Path, step: int) -> None:
    """Let the process that trains write the checkpoint of a step, however slow the machine is."""
    end = time.monotonic() + 60
    while _reached(run) < step and time.monotonic() < end:
        time.sleep(0.01)


# ---- several processes


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def torchrun(processes: int, *arguments: str | Path) -> subprocess.Popen[str]:
    """`torchrun … -m netspec train ARGUMENTS`."""
    command = [
        sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes),
        "--master-port", str(free_port()), "-m", "--", "netspec", "train", *map(str, arguments), "--device", "cpu",
    ]  # fmt: skip
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


LENET = (
    (ROOT / "specs" / "lenet.yaml").read_text().partition("train:")[0]
    + """
train:
  data: {synthetic: {train: 6410, test: 64, shape: [1, 28, 28]}}
  batch_size: 64
  epochs: 1
  optimizer: {SGD: {lr: 0.1}}
  loss: CrossEntropyLoss
"""
)
"""101 steps of LeNet, the last of ten examples."""


def test_two_processes_give_the_losses_of_one_with_the_same_global_batch(tmp_path: Path) -> None:
    spec = tmp_path / "lenet.yaml"
    losses: list[list[float]] = []
    for examples in (640, 6410):  # after 10 and 101 steps
        spec.write_text(LENET.replace("train: 6410", f"train: {examples}"))
        child = torchrun(2, spec, "--run", tmp_path / f"{examples}", "--no-report", "-q")
        output, _ = child.communicate(timeout=300)
        assert child.returncode == 0, output
        two = json.loads((tmp_path / f"{examples}" / "metrics.jsonl").read_text())["train_loss"]
        one = finish(netspec.load(spec), tmp_path / f"{examples}-alone", device="cpu").records[0].train_loss
        losses.append([one, two])
    print(losses)
    assert all(abs(one - two) < 1e-5 for one, two in losses)


def test_a_killed_process_ends_all_within_thirty_seconds_and_the_run_resumes(tmp_path: Path) -> None:
    spec = tmp_path / "small.yaml"
    spec.write_text(EVERYTHING.replace("epochs: 4", "epochs: 100000"))
    took: list[float] = []
    for number in range(RANK_KILLS):
        arguments = ("--resume", tmp_path / "run") if number else (spec, "--run", tmp_path / "run")
        parent = torchrun(2, *arguments, "--no-report")
        assert parent.stdout is not None
        epochs = 0
        while epochs < 3:
            line = parent.stdout.readline()
            assert line, "the run ended by itself"
            epochs += line.startswith("epoch ")
        listed = subprocess.run(["pgrep", "-P", str(parent.pid)], capture_output=True, text=True, check=True)
        children = [int(pid) for pid in listed.stdout.split()]
        assert len(children) == 2
        os.kill(children[number % 2], signal.SIGKILL)
        began = time.monotonic()
        parent.communicate(timeout=60)
        took.append(time.monotonic() - began)
        assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    print("seconds to the end:", [round(seconds, 1) for seconds in took])
    assert max(took) < 30


@pytest.mark.skipif("NETSPEC_DATA" not in os.environ, reason="NETSPEC_DATA names no folder with FashionMNIST")
def test_alexnet_learns_from_a_few_hundred_examples(tmp_path: Path) -> None:
    net = netspec.load(
        ROOT / "specs" / "alexnet.yaml",
        set={"train.epochs": 4, "train.batch_size": 16, "train.optimizer.SGD": {"lr": 0.05, "momentum": 0.5}},
    )
    losses = [record.train_loss for record in finish(net, tmp_path / "run", examples=320).records]
    print(losses)
    assert losses[-1] < losses[0] - 0.2
