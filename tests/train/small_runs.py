"""Runs that take a second: a small net, made-up data, and every part of the state in use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import netspec
from netspec.net import Net
from netspec.trainer.errors import Interrupted
from netspec.trainer.jobs.training import train
from netspec.trainer.run.checkpoint import Checkpoint, newest
from netspec.trainer.run.records import Record
from netspec.trainer.run.result import RunResult
from netspec.trainer.show.reporters import Quiet

EVERYTHING = """
name: small
input: [1, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - BatchNorm2d
  - ReLU
  - Flatten
  - Dropout: 0.3
  - Linear: 4
train:
  data: {synthetic: {train: 100, test: 16}}
  validation: 0.2
  augment: [RandomHorizontalFlip, {RandomCrop: {size: 8, padding: 1}}]
  batch_size: 8
  epochs: 4
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1, momentum: 0.9, weight_decay: 0.001}}
  scheduler: CosineAnnealingLR
  schedule_by: step
  warmup: {steps: 5}
  ema: 0.9
  mixup: 0.4
  clip_grad_norm: 5.0
"""
"""40 steps with dropout, batch norm, schedule, average, augmentation and mixup."""

PLAIN = """
name: plain
input: [1, 6, 6]
layers:
  - Flatten
  - Linear: 8
  - ReLU
  - Linear: 3
train:
  data: {synthetic: {train: 36, test: 12}}
  batch_size: 8
  epochs: 3
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1}}
"""
"""Five steps an epoch, the last one of four examples."""


def small_net(text: str = EVERYTHING, **settings: Any) -> Net:
    """The net with recipe keys set: `epochs=2`, or `optimizer={"Adam": {"lr": 0.1}}`."""
    return netspec.loads(text, set={f"train.{key}": value for key, value in settings.items()})


def run_until(net: Net, path: Path, step: int, **options: Any) -> None:
    """Train in a new run directory, or go on with the one that is there, up to a step."""
    where = {"resume": path} if path.exists() else {"run": path}
    try:
        train(net, **where, max_steps=step, reporter=Quiet(), **options)
    except Interrupted:
        return
    raise AssertionError(f"the run ended before step {step}")


def finish(net: Net, path: Path, **options: Any) -> RunResult:
    """Train to the end in a new run directory, or in the one that is there."""
    where = {"resume": path} if path.exists() else {"run": path}
    return train(net, **where, **{"reporter": Quiet(), "report": False, **options})


def last_checkpoint(path: Path) -> Checkpoint:
    """The newest checkpoint of a run, which must be whole."""

    def refuse(text: str) -> None:
        raise AssertionError(text)

    return newest(path / "checkpoints", refuse)[1]


_CLOCKS = ("seconds", "computing", "examples_per_second")


def without_clocks(value: Any) -> Any:
    """A state without what a clock says, tensors as lists, so that == means equal to the bit."""
    match value:
        case torch.Tensor():
            return (str(value.dtype), tuple(value.shape), value.numpy().tobytes())
        case dict():
            return {k: without_clocks(v) for k, v in value.items() if k not in _CLOCKS}
        case list() | tuple():
            return [without_clocks(v) for v in value]
        case Record():
            return without_clocks(vars(value))
        case _:
            return value


def whole_state(path: Path) -> Any:
    """Everything that a run's newest checkpoint holds, comparable."""
    checkpoint = last_checkpoint(path)
    state = {k: v for k, v in checkpoint.state.items() if k != "versions"}
    return {"model": without_clocks(checkpoint.model), **without_clocks(state)}
