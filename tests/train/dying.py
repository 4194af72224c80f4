"""Ends a training at each of its operations on the disk in turn, and does the same again: in a process of its own,
since it forks. `python -m tests.train.dying DIR KIND`, with one of KINDS."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import netspec
from netspec.trainer.loop import epochs
from netspec.trainer.run.checkpoint import checkpoints
from netspec.trainer.run.records import read_records
from tests.train.small_runs import finish, without_clocks

SPEC = """
input: [1, 6, 6]
layers: [Flatten, {Linear: 3}]
train:
  data: {synthetic: {train: 36, test: 12}}
  validation: 0.25
  batch_size: 9
  epochs: 4
  seed: 6
  checkpoint_keep: 1
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 2.0, momentum: 0.9}}
"""
"""Its second epoch is its best, and one checkpoint is kept beside that."""
SWEEP = "sweep: {sampler: grid, over: {train.optimizer.SGD.lr: [0.5, 2.0]}}\n"
OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod")
"""The events of Python that change the disk."""


def new(run: Path) -> None:
    """A run, which goes on where it has a checkpoint."""
    if run.exists() and not checkpoints(run / "checkpoints"):
        shutil.rmtree(run)
    finish(netspec.loads(SPEC), run)


def further(run: Path) -> None:
    """A run that is finished, of `new`, goes on for two more epochs."""
    finish(netspec.loads(SPEC, set={"train.epochs": 6}), run, force=True)


def auto(run: Path) -> None:
    """A run by a command that begins and goes on."""
    net = netspec.loads(SPEC, set={"train.epochs": 1})
    netspec.train(net, run=run, auto_resume=True, quiet=True, report=False)


def folds(run: Path) -> None:
    """Two folds."""
    text = SPEC.replace("  validation: 0.25\n", "")
    netspec.cross_validate(netspec.loads(text, set={"train.epochs": 1}), folds=2, run=run, quiet=True, report=False)


def grid(run: Path) -> None:
    """Two trials of a grid."""
    spec = run.parent / "spec.yaml"
    spec.write_text(SPEC.replace("epochs: 4", "epochs: 1") + SWEEP)
    netspec.sweep(spec, runs=run)


KINDS: dict[str, Callable[[Path], None]] = {f.__name__: f for f in (new, further, auto, folds, grid)}


def dies_at(number: int, below: Path) -> None:
    """Let this process end by SIGKILL just before the operation of a number on the disk below a directory."""
    place, done = str(below), 0

    def seen(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal done
        if event not in OPERATIONS or not str(arguments[0]).startswith(place):
            return
        if event == "open" and not int(arguments[2]) & (os.O_WRONLY | os.O_RDWR):
            return
        done += 1
        if done == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(seen)


def in_a_child(work: Callable[[], object]) -> int:
    """Do the work in a forked process; its status."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            print("FAILED", type(error).__name__, error, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def left(place: Path) -> dict[str, Any]:
    """What there is below a directory, by name: weights, marks and records as they are, of the rest the name."""
    found: dict[str, Any] = {}
    for path in place.rglob("*"):
        told = path.suffix == ".safetensors" or path.name in ("best", "latest")
        found[str(path.relative_to(place))] = path.read_bytes() if told else None
        if path.name == "metrics.csv":
            found[str(path.relative_to(place))] = without_clocks(read_records(path.parent))
    return found


def begin(run: Path, work: Callable[[Path], None]) -> None:
    """Remove a run, and put there what the work goes on with, which is none of its operations."""
    shutil.rmtree(run, ignore_errors=True)
    if work is further:
        shutil.copytree(run.parent / "begun", run)


def main(place: Path, work: Callable[[Path], None]) -> None:
    """Print for each operation what differs after an end there, and the same again, from what nothing ended."""
    epochs.write_curves = _draw_nothing
    torch.set_num_threads(1)
    new(place / "begun")
    begin(place / "whole", work)
    work(place / "whole")
    whole, run = left(place / "whole"), place / "run"
    number, status = 0, int(signal.SIGKILL)
    while status == signal.SIGKILL:
        number += 1
        begin(run, work)
        status = in_a_child(lambda n=number: (dies_at(n, run), work(run)))
        again = in_a_child(lambda: work(run))
        found = left(run)
        other = sorted(name for name in whole | found if name not in found or whole.get(name, 0) != found[name])
        print(number, status, *(["refused"] if again else []), *other, flush=True)


def _draw_nothing(*_: object) -> None:
    """In the place of the curves, which are drawn where there is time."""


if __name__ == "__main__":
    main(Path(sys.argv[1]), KINDS[sys.argv[2]])
