"""Shape inference alone, over the layers of a net that are already there, against torch's meta device.

    python tests/benchmarks/inference.py [--spec specs/alexnet.yaml] [--rounds 2000]

Each round calls every layer's rule on the shape that the one before gave. Aim: at most 3 µs per layer. The same chain
is run by torch on the meta device, which is how one gets shapes without netspec. The median of the rounds counts: other
processes only ever make a round slower.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import netspec
from netspec.layers.base import TensorType
from netspec.net import Net

ROOT = Path(__file__).parent.parent.parent


def microseconds(run: Callable[[], object], rounds: int) -> float:
    """The median time of one call."""
    run()
    times: list[float] = []
    for _ in range(rounds):
        start = time.perf_counter_ns()
        run()
        times.append((time.perf_counter_ns() - start) / 1000)
    return statistics.median(times)


def inferred(net: Net) -> Callable[[], TensorType]:
    """A function that infers all shapes of a plain chain anew."""
    rules = [leaf.layer.output for leaf in net.layers]

    def run() -> TensorType:
        x = net.input
        for rule in rules:
            x = rule(x)
        return x

    assert run() == net.output, "the net is no plain chain"
    return run


def on_meta(net: Net) -> Callable[[], object]:
    """A function that runs the same network on torch's meta device."""
    import torch

    model = netspec.build(net, device="meta").eval()
    x = torch.empty(2, *net.input_shape, device="meta")  # type: ignore[arg-type]  # concrete sizes
    with torch.no_grad():
        assert tuple(model(x).shape[1:]) == net.output_shape
    return lambda: model(x)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--spec", type=Path, default=ROOT / "specs" / "alexnet.yaml")
    parser.add_argument("--rounds", type=int, default=2000)
    options = parser.parse_args()
    net = netspec.load(options.spec)
    count = len(net.layers)
    ours = microseconds(inferred(net), options.rounds) / count
    theirs = microseconds(on_meta(net), max(options.rounds // 20, 20)) / count
    print(f"{net.name}: {count} layers")
    print(f"netspec         {ours:8.2f} µs per layer (aim 3)")
    print(f"torch, on meta  {theirs:8.2f} µs per layer, {theirs / ours:.0f} times as long")


if __name__ == "__main__":
    main()
