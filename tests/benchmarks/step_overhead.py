"""What the trainer adds to every step, in microseconds, over a bare loop of the same model on the same data.

    python tests/benchmarks/step_overhead.py [--rounds 7] [--examples 64000]

The bare loop draws the same batches in the same way and does forward, backward and a fused optimiser step; nothing
is measured or checked. The net is so small that what is added can be seen. Target: at most 60 µs, aim 15.
"""

from __future__ import annotations

import argparse
import gc
import statistics
import tempfile
import time
from pathlib import Path

import torch
from torch import nn

import netspec
from netspec.train.loop import train
from netspec.train.processes import World
from netspec.train.progress import Quiet
from netspec.train.setup import Options, assemble

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


def bare(net: netspec.Net) -> float:
    """Seconds a step of the loop that does nothing more than it must; the second of two epochs."""
    trainer = assemble(net, Options(device="cpu"), World(), "cpu")
    model, loss = trainer.model, nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, fused=True)
    took = 0.0
    gc.collect()
    gc.disable()
    for epoch in range(2):
        began, steps = time.perf_counter(), 0
        for x, y in trainer.batches(epoch, 0):
            optimizer.zero_grad()
            loss(model(x), y).backward()
            optimizer.step()
            steps += 1
        took = (time.perf_counter() - began) / steps
    gc.enable()
    return took


def ours(net: netspec.Net) -> float:
    """Seconds a step of the trainer; the second of two epochs."""
    with tempfile.TemporaryDirectory() as place:
        records = train(net, run=Path(place) / "run", device="cpu", reporter=Quiet(), report=False).records
    return records[1].seconds / (records[1].step - records[0].step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--examples", type=int, default=64000)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    net = netspec.loads(SPEC.replace("EXAMPLES", str(arguments.examples)))
    bare(net), ours(net)
    pairs = [(bare(net) * 1e6, ours(net) * 1e6) for _ in range(arguments.rounds)]
    print(f"bare loop {statistics.median(a for a, _ in pairs):7.1f} µs a step   least {min(a for a, _ in pairs):7.1f}")
    print(f"netspec   {statistics.median(b for _, b in pairs):7.1f} µs a step   least {min(b for _, b in pairs):7.1f}")
    added = statistics.median(b - a for a, b in pairs)
    print(f"added     {added:7.1f} µs a step (median of differences)   aim 15, at most 60")


if __name__ == "__main__":
    main()
