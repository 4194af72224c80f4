"""Ends a training at each of its operations on the disk in turn, and goes on: a process of its own, since it forks."""

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
from netspec.net import Net
from netspec.trainer.loop import epochs
from netspec.trainer.run.checkpoint import checkpoints
from netspec.trainer.run.directory import RunDirectory
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
OPERATIONS = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod")
"""The events of Python that change the disk."""


def dies_at(number: int, below: Path) -> None:
    """Let this process end by SIGKILL just before so many operations on the disk are done below a directory."""
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


def go_on(net: Net, run: Path) -> None:
    """Train to the end from where the run stands, be it finished with fewer epochs."""
    if run.exists() and not checkpoints(run / "checkpoints"):
        shutil.rmtree(run)  # ended before its first checkpoint: there is nothing to go on from
    finish(net, run, **({"force": True} if run.exists() else {}))


def left(run: Path) -> dict[str, Any]:
    """What a run leaves, without what a clock says."""
    directory = RunDirectory(run)
    return {
        "weights": directory.weights.read_bytes(),
        "last": directory.last.read_bytes() if directory.last.exists() else None,
        "records": without_clocks(read_records(run)),
        "checkpoints": sorted(path.name for path in directory.checkpoints.iterdir()),
        "best": (directory.checkpoints / "best").read_text(),
    }


def _draw_nothing(*_: object) -> None:
    """In the place of the curves, which are drawn where there is time."""


def main(place: Path, further: bool) -> None:
    """Print for each operation what differs after an end there from a run that nothing ended.

    Args:
        place: a directory.
        further: go on with a run that is finished, for two more epochs, instead of from nothing.
    """
    epochs.write_curves = _draw_nothing
    torch.set_num_threads(1)
    net, begun, run = netspec.loads(SPEC), place / "begun", place / "run"
    finish(net, begun)
    assert RunDirectory(begun).best_epoch == 2
    if further:
        net = netspec.loads(SPEC, set={"train.epochs": 6})
    shutil.copytree(begun, place / "whole")
    go_on(net, place / "whole")
    whole = left(place / "whole")
    number, status = 0, int(signal.SIGKILL)
    while status == signal.SIGKILL:
        number += 1
        shutil.rmtree(run, ignore_errors=True)
        if further:
            shutil.copytree(begun, run)
        status = in_a_child(lambda n=number: (dies_at(n, run), go_on(net, run)))
        again = in_a_child(lambda: go_on(net, run))
        found = left(run) if again == 0 else {}
        print(number, status, *(key for key in whole if found.get(key) != whole[key]), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] == ["further"])
