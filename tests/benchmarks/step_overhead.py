"""What the trainer adds to every step, in microseconds, over a bare loop of the same model on the same data.

    python tests/benchmarks/step_overhead.py [--rounds 7] [--examples 64000]

The bare loop draws the same batches in the same way and does forward, backward and a fused optimiser step; nothing
is measured or checked. Processor time is what counts on a machine that others use too. The net is so small that what
is added can be seen. Target: at most 25 µs.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import netspec
from netspec.trainer.jobs.training import train
from netspec.trainer.machine.processes import World
from netspec.trainer.measure.metrics import Score
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.show.reporters import Quiet

SPEC = """
name: tiny
input: [32]
layers: [Linear: 32, ReLU, Linear: 4]
train:
  data: {synthetic: {train: EXAMPLES, test: 0}}
  batch_size: 32
  epochs: 2
  optimizer: {SGD: {lr: 0.01}}
  loss: CrossEntropyLoss
"""


class Clock(Quiet):
    """Reads wall and processor time at every look of the trainer at its steps, sixteen steps apart."""

    def __init__(self) -> None:
        self.marks: list[tuple[int, float, float]] = []

    def step(self, step: int, score: Callable[[], Score] | None, examples: int) -> None:
        """Note the time."""
        self.marks.append((step, time.perf_counter(), time.process_time()))

    def per_step(self) -> tuple[float, float]:
        """Microseconds of wall and of processor time per step, between the first and last look of the last epoch."""
        first = max(i for i, mark in enumerate(self.marks) if i == 0 or mark[0] < self.marks[i - 1][0])
        (step, wall, processor), (end, wall_end, processor_end) = self.marks[first], self.marks[-1]
        return (wall_end - wall) / (end - step) * 1e6, (processor_end - processor) / (end - step) * 1e6


def bare(net: netspec.Net) -> tuple[float, float]:
    """The loop that does nothing more than it must; the second of two epochs."""
    trainer = assemble(net, Options(device="cpu"), World(), "cpu")
    model, loss, clock = trainer.model, nn.CrossEntropyLoss(), Clock()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, fused=True)
    gc.collect()
    gc.disable()
    for epoch in range(2):
        for step, (x, y) in enumerate(trainer.batches(epoch, 0), 1):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
            if step % 16 == 0:
                clock.step(step, None, 0)
    gc.enable()
    return clock.per_step()


def ours(net: netspec.Net) -> tuple[float, float]:
    """The trainer; the second of two epochs."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as place:
        train(net, run=Path(place) / "run", device="cpu", reporter=clock, report=False)
    return clock.per_step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--examples", type=int, default=64000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    net = netspec.loads(SPEC.replace("EXAMPLES", str(arguments.examples)))
    bare(net), ours(net)
    pairs = [(bare(net), ours(net)) for _ in range(arguments.rounds)]
    print("µs a step      bare loop   netspec     added   (medians; added: of the rounds' differences)")
    for index, name in enumerate(("wall", "processor")):
        a, b = (statistics.median(pair[side][index] for pair in pairs) for side in (0, 1))
        added = statistics.median(pair[1][index] - pair[0][index] for pair in pairs)
        print(f"{name:<12}{a:>12.1f}{b:>10.1f}{added:>10.1f}")
    print("at most 25")


if __name__ == "__main__":
    main()
