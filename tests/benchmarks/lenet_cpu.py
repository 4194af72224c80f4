"""LeNet on the CPU, batch 256: netspec beside the d2l loop, Ignite, Accelerate, Lightning and Keras, in one run.

    pip install -e ".[bench]"
    NETSPEC_DATA=DIR python tests/benchmarks/lenet_cpu.py [--examples 15360] [--rounds 3]

Each trains the same network on the same examples with SGD 0.9 and reports loss and accuracy of the epoch. The peers
are in `peers.py`. Wall time of an epoch, data included; d2l's own timer, which starts when a batch has arrived, is
printed beside it. Each has a process of its own, and they take turns. Target: at least 1.7 times the d2l loop.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

import peers
import torch
from contest import Contender, Loop, Speed, contest

import netspec
from netspec.trainer.data.parts import data_root
from netspec.trainer.jobs.training import train
from netspec.trainer.show.reporters import Quiet

ROOT = Path(__file__).parent.parent.parent


def netspec_loop(root: Path, examples: int, channels_last: bool) -> Loop:
    """Three epochs by `netspec.train`, of which the first warms up; the whole trainer, checkpoints included."""
    net = netspec.load(ROOT / "specs" / "lenet.yaml", set={"train.epochs": 3})

    def epochs() -> Speed:
        with tempfile.TemporaryDirectory() as place:
            result = train(
                net, run=Path(place) / "run", data_root=root, examples=examples, device="cpu", reporter=Quiet(),
                report=False, channels_last=channels_last,
            )  # fmt: skip
        wall = statistics.mean(record.examples_per_second for record in result.records[1:])
        assert result.computing_per_second is not None  # it trained
        return Speed(wall, wall * result.computing_per_second / result.examples_per_second)

    return epochs


def ratio(ours: Sequence[float | None], base: Sequence[float | None]) -> float | None:
    """The median over the rounds."""
    pairs = [a / b for a, b in zip(ours, base, strict=True) if a and b]
    return statistics.median(pairs) if pairs else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="folder of the data sets; else NETSPEC_DATA")
    parser.add_argument("--examples", type=int, default=15360)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    task = data_root(arguments.data), arguments.examples
    contenders = {
        "d2l loop": Contender(peers.d2l, (*task, 0)),
        "d2l loop, 4 workers": Contender(peers.d2l, (*task, 4)),
        "netspec": Contender(netspec_loop, (*task, True)),
        "netspec, channels first": Contender(netspec_loop, (*task, False)),
        "Ignite": Contender(peers.ignite, task),
        "Accelerate": Contender(peers.accelerate, task),
        "Lightning": Contender(peers.lightning, task),
        "Keras": Contender(peers.keras, task),
    }
    speeds = contest(contenders, arguments.rounds)
    print(f"LeNet, batch 256, {task[1]} examples, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'':<24}{'examples/s':>12}{'by d2l timer':>14}{'ratio':>8}{'by d2l timer':>14}   (medians of rounds)")
    base = speeds["d2l loop"]
    for name, found in sorted(speeds.items(), key=lambda item: -statistics.median(s.wall for s in item[1])):
        wall, d2l = (ratio([getattr(s, field) for s in found], [1.0] * len(found)) for field in Speed._fields)
        times, other = (
            ratio([getattr(s, field) for s in found], [getattr(b, field) for b in base]) for field in Speed._fields
        )
        told = f"{d2l:>14,.0f}{times:>8.2f}{other:>14.2f}" if d2l and other else f"{'':>14}{times:>8.2f}"
        print(f"{name:<24}{wall:>12,.0f}{told}")


if __name__ == "__main__":
    main()
