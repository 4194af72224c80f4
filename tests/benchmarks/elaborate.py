"""ResNet-152 from YAML to a checked net in process, against torch's construction and forward on the meta device.

    python -m tests.benchmarks.elaborate [--runs 7]

Both are measured in the same process, in turn, after one run of each. What is timed on our side is everything from the
text on: parsing, expanding the templates, every shape, then the sums of parameters and multiply-accumulates. On torch's
side: torchvision's module made on the meta device and one forward pass, which is how shapes are learned without a
checker; as it comes (a module is made in training mode), in eval mode, and in eval mode with the initialisers switched
off. Aim: at most 1/25 of the first.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torchvision

import netspec
from tests.zoo.proof import no_initialisers

ROOT = Path(__file__).parents[2]
SPEC = ROOT / "specs" / "torchvision" / "resnet.yaml"
TEXT = SPEC.read_text()


def elaborated() -> tuple[object, object]:
    """The net with its totals."""
    net = netspec.loads(TEXT, SPEC.name, variant="resnet152")
    return net.params, net.macs


def constructed(training: bool = True) -> torch.Size:
    """torch's module on the meta device and its output's shape."""
    with torch.device("meta"), torch.no_grad():
        model = torchvision.models.resnet152().train(training)
        return model(torch.empty(2, 3, 224, 224)).shape


def constructed_in_eval() -> torch.Size:
    """The same in eval mode, where a norm is cheaper."""
    return constructed(training=False)


def constructed_without_initialisers() -> torch.Size:
    """The same with nothing to fill."""
    with no_initialisers():
        return constructed(training=False)


def milliseconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    works: dict[str, Callable[[], object]] = {
        "netspec": elaborated,
        "torch": constructed,
        "torch, eval": constructed_in_eval,
        "torch, eval, no init": constructed_without_initialisers,
    }
    for work in works.values():
        work()
    rounds = [{name: milliseconds(work) for name, work in works.items()} for _ in range(runs)]
    for name in works:
        times = [times[name] for times in rounds]
        print(f"{name:<21} median {statistics.median(times):8.1f} ms   least {min(times):8.1f} ms")
    for name in list(works)[1:]:
        ratio = statistics.median(times[name] / times["netspec"] for times in rounds)
        print(f"{name + ' / netspec':<31} median {ratio:6.1f}" + ("   at least 25" if name == "torch" else ""))


if __name__ == "__main__":
    main()
