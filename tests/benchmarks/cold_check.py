"""`netspec check specs/alexnet.yaml` as a whole process, against torchinfo's summary of the same network.

    pip install -e ".[bench]"
    python tests/benchmarks/cold_check.py [--runs 7]

The two commands run in turn, so that both see the same machine. Aim: at least 10 times less wall time, 13 is better.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

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


def seconds(command: list[str]) -> float:
    """Wall time of a process that succeeds; bytecode caches are allowed, as they are for everybody."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    ours = [sys.executable, "-m", "netspec", "check", "specs/alexnet.yaml"]
    theirs = [sys.executable, "-c", TORCHINFO]
    seconds(ours), seconds(theirs)  # warm the file cache
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(runs)]
    for name, times in (("netspec check", [a for a, _ in pairs]), ("torchinfo", [b for _, b in pairs])):
        print(f"{name:<14} median {statistics.median(times) * 1000:7.0f} ms   least {min(times) * 1000:7.0f} ms")
    print(f"ratio          median {statistics.median(b / a for a, b in pairs):7.1f}      aim 13, at least 10")


if __name__ == "__main__":
    main()
