"""LeNet on the CPU, batch 256: netspec against the d2l loop over the torchvision data set, in one run.

    NETSPEC_DATA=DIR python tests/benchmarks/lenet_cpu.py [--examples 15360] [--rounds 3]

The peer is the loop of Dive into Deep Learning: a DataLoader over FashionMNIST with ToTensor, loss and accuracy read
back with `.item()` at every step. Wall time of an epoch, data included; the rounds alternate, so that all see the
same machine. d2l's own timer, which starts when the batch has arrived, is printed beside it. Target: at least 1.7.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
import torchvision
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision.transforms import ToTensor

import netspec
from netspec.train.loop import train
from netspec.train.progress import Quiet

ROOT = Path(__file__).parent.parent.parent


class Speed(NamedTuple):
    """Examples per second by the wall clock, and by d2l's timer."""

    wall: float
    d2l: float


def lenet() -> nn.Sequential:
    """The network of the book, initialised as there."""
    net = nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10),
    )  # fmt: skip
    for layer in net:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
    return net


def d2l_loop(root: Path, examples: int, workers: int) -> Callable[[], Speed]:
    """One epoch of the loop that the book's readers write, as a function."""
    data = torchvision.datasets.FashionMNIST(root, train=True, transform=ToTensor())
    loader = DataLoader(Subset(data, range(examples)), 256, shuffle=True, num_workers=workers)
    model, loss = lenet(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.9)

    def epoch() -> Speed:
        model.train()
        total, correct, count, computing = 0.0, 0.0, 0, 0.0
        began = time.perf_counter()
        for x, y in loader:
            arrived = time.perf_counter()
            optimizer.zero_grad()
            output = model(x)
            value = loss(output, y)
            value.backward()
            optimizer.step()
            with torch.no_grad():
                total += (value * len(y)).item()
                correct += float((output.argmax(1) == y).sum().item())
                count += len(y)
            computing += time.perf_counter() - arrived
        return Speed(count / (time.perf_counter() - began), count / computing)

    return epoch


def netspec_loop(root: Path, examples: int, **options: object) -> Callable[[], Speed]:
    """Three epochs by `netspec.train`, of which the first warms up; the whole trainer, checkpoints included."""
    net = netspec.load(ROOT / "specs" / "lenet.yaml", set={"train.epochs": 3})

    def epochs() -> Speed:
        with tempfile.TemporaryDirectory() as place:
            run = Path(place) / "run"
            result = train(
                net, run=run, data_root=root, examples=examples, device="cpu", reporter=Quiet(), report=False, **options
            )
        wall = statistics.mean(record.examples_per_second for record in result.records[1:])
        return Speed(wall, wall * result.computing_per_second / result.examples_per_second)

    return epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="folder of the data sets; else NETSPEC_DATA")
    parser.add_argument("--examples", type=int, default=15360)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    from netspec.train.data.parts import data_root

    root, examples = data_root(arguments.data), arguments.examples
    loops = {
        "d2l loop": d2l_loop(root, examples, 0),
        "d2l loop, 4 workers": d2l_loop(root, examples, 4),
        "netspec": netspec_loop(root, examples),
        "netspec, channels first": netspec_loop(root, examples, channels_last=False),
    }
    for loop in loops.values():
        loop()  # code and data are in memory from here on
    speeds: dict[str, list[Speed]] = {name: [] for name in loops}
    for _ in range(arguments.rounds):
        for name, loop in loops.items():
            speeds[name].append(loop())
    base = speeds["d2l loop"]
    print(f"LeNet, batch 256, {examples} examples, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'':<24}{'examples/s':>12}{'by d2l timer':>14}{'ratio':>8}{'by d2l timer':>14}   (medians of rounds)")
    for name, found in speeds.items():
        wall, d2l = (statistics.median(getattr(s, field) for s in found) for field in ("wall", "d2l"))
        ratio, other = (
            statistics.median(getattr(s, field) / getattr(b, field) for s, b in zip(found, base, strict=True))
            for field in ("wall", "d2l")
        )
        print(f"{name:<24}{wall:>12,.0f}{d2l:>14,.0f}{ratio:>8.2f}{other:>14.2f}")


if __name__ == "__main__":
    main()
