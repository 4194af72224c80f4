"""`netspec check specs/alexnet.yaml` as a whole process, against what it stands on and against torchinfo.

    pip install -e ".[bench]"
    python tests/benchmarks/cold_check.py [--runs 15]

The floor is a process that imports pydantic, yaml and click and defines one strict model. The three run in turn, so
that all see the same machine; the ratio to the floor is of processor time, the one to torchinfo of wall time. Aims:
at most 1.15 times the floor; at least 10 times less than torchinfo, 13 is better.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent

FLOOR = """
import click, yaml
from pydantic import BaseModel, ConfigDict
class Model(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
    a: int
    b: float = 1.0
"""

TORCHINFO = """
import torch
from torch import nn
from torchinfo import summary
net = nn.Sequential(
    nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2),
    nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
    nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
    nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2), nn.Flatten(),
    nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(p=0.5), nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(p=0.5),
    nn.Linear(4096, 10))
summary(net, (1, 1, 224, 224), verbose=1)
"""


class Cost(NamedTuple):
    """What one process took, in seconds."""

    wall: float
    processor: float


def cost(command: list[str]) -> Cost:
    """Of a process that succeeds; bytecode caches are allowed, as they are for everybody."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    runs = parser.parse_args().runs
    commands = {
        "netspec check": [sys.executable, "-m", "netspec", "check", "specs/alexnet.yaml"],
        "floor": [sys.executable, "-c", FLOOR],
        "torchinfo": [sys.executable, "-c", TORCHINFO],
    }
    for command in commands.values():
        cost(command)  # warm the file cache
    rounds = [{name: cost(command) for name, command in commands.items()} for _ in range(runs)]
    for name in commands:
        walls, processor = [r[name].wall * 1000 for r in rounds], [r[name].processor * 1000 for r in rounds]
        print(
            f"{name:<14} wall: median {statistics.median(walls):5.0f} ms, least {min(walls):5.0f}    "
            f"processor: median {statistics.median(processor):5.0f} ms, least {min(processor):5.0f}"
        )
    floor = [r["netspec check"].processor / r["floor"].processor for r in rounds]
    faster = [r["torchinfo"].wall / r["netspec check"].wall for r in rounds]
    print(f"processor time against the floor: median {statistics.median(floor):.2f}; aim at most 1.15")
    print(f"wall time against torchinfo: median {statistics.median(faster):.1f} times less; aim 13, at least 10")


if __name__ == "__main__":
    main()
