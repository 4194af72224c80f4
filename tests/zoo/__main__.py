"""Proves all of `specs/torchvision` against torchvision: the whole of what `tests/zoo` shows, network by network.

    python -m tests.zoo [NAME …] [--jobs 2]

For each network: parameters, outputs with the same weights (built and emitted as Python), the calls in training with
their norms and drops, the initial weights, and `--verify`. Status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import torch

import netspec
from tests.zoo import proof


class Result(NamedTuple):
    """What was found about one network."""

    name: str
    params: object
    complaints: list[str]
    seconds: float


def prove(name: str) -> Result:
    """Everything about one network, on one thread."""
    torch.set_num_threads(1)
    start = time.perf_counter()
    complaints = proof.differences(name)
    net = proof.spec_of(name, size=proof.size_of(name))
    with proof.no_initialisers():
        complaints += map(str, netspec.verify(net).disagreements)
    return Result(name, net.params, complaints, time.perf_counter() - start)


def main() -> int:
    """Print a line for each network and a sum; 1 if anything differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="networks; all if none is named")
    parser.add_argument("--jobs", type=int, default=2, help="processes, one thread each (2)")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(proof.names()))
    if unknown:
        parser.error(f"torchvision has no classifier {', '.join(unknown)}")
    start = time.perf_counter()
    wrong = 0
    names = given.names or proof.names()
    with ProcessPoolExecutor(given.jobs) as pool:
        for result in pool.map(prove, names):
            verdict = "equal" if not result.complaints else "DIFFERS"
            print(
                f"{result.name:<22} {result.params:>12,} parameters  {verdict:<8} {result.seconds:6.1f} s", flush=True
            )
            for complaint in result.complaints[:3]:
                print(f"    {complaint}", flush=True)
            if len(result.complaints) > 3:
                print(f"    and {len(result.complaints) - 3} more", flush=True)
            wrong += bool(result.complaints)
    print(f"{len(names) - wrong} of {len(names)} equal, in {time.perf_counter() - start:.0f} s")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
