"""The trainer on a GPU: AlexNet by the notes' recipe and LeNet, examples per second beside the roof of the machine.

    NETSPEC_DATA=DIR python tests/benchmarks/gpu.py [--epochs 10] [--only alexnet]

AlexNet, batch 128, Resize 224, in fp32, TF32 and bf16; LeNet, batch 256, with the CUDA graph and eagerly: loss and
accuracies at the end, examples per second by the wall clock with data and metrics, seconds for all epochs with
evaluation, peak memory of tensors and of all that the allocator holds, and the share of the roof. The roof is measured
in the same run: a large matrix product in the precision at hand; a training example costs what the net's shapes say.
A copy is timed too, since LeNet is bound by memory and launches. A line whose step could not be captured says eager.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import torch

import netspec
from netspec.net import Net
from netspec.trainer.device import choose_arithmetic, numerics
from netspec.trainer.loop import train
from netspec.trainer.progress import Quiet

ROOT = Path(__file__).parent.parent.parent


class Case(NamedTuple):
    """One line of the table."""

    spec: str
    precision: str
    driver: str
    channels_last: bool = False


CASES = [
    Case("alexnet", "fp32", "graph"),
    Case("alexnet", "tf32", "eager"),
    Case("alexnet", "tf32", "graph"),
    Case("alexnet", "bf16", "eager"),
    Case("alexnet", "bf16", "graph"),
    Case("alexnet", "bf16", "graph", channels_last=True),
    Case("lenet", "tf32", "eager"),
    Case("lenet", "tf32", "graph"),
    Case("lenet", "bf16", "graph"),
]


def flops_per_example(net: Net) -> float:
    """Floating-point operations of one training example: two for each multiply-accumulate, forward, and backward for
    weights and for inputs, which the first layer does not need."""
    macs = [leaf.macs for leaf in net.layers]
    assert all(isinstance(m, int) for m in macs)
    first = next(m for m in macs if m)
    return 2.0 * (3 * sum(macs) - first)  # pyright: ignore[reportArgumentType]  # numbers, as just checked


def matrix_rate(precision: str) -> float:
    """Floating-point operations per second of an 8192³ matrix product, the best of twenty."""
    arithmetic = choose_arithmetic(torch.device("cuda"), precision)  # pyright: ignore[reportArgumentType]  # one of CASES
    dtype = arithmetic.autocast or torch.float32
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=dtype) for _ in range(2))
    best = float("inf")
    with numerics(arithmetic):
        for _ in range(20):
            torch.cuda.synchronize()
            began = time.perf_counter()
            a @ b
            torch.cuda.synchronize()
            best = min(best, time.perf_counter() - began)
    return 2 * 8192**3 / best


def copy_rate() -> float:
    """Bytes per second, read and written, of copying 4 GiB on the device, the best of ten."""
    a = torch.empty(2**30, device="cuda")
    b = torch.empty_like(a)
    best = float("inf")
    for _ in range(10):
        torch.cuda.synchronize()
        began = time.perf_counter()
        b.copy_(a)
        torch.cuda.synchronize()
        best = min(best, time.perf_counter() - began)
    return 2 * a.nbytes / best


class Watcher(Quiet):
    """Keeps what the trainer has to say: that a step could not be captured."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        """Keep it."""
        self.notes.append(text)


def run(case: Case, epochs: int) -> tuple[str, float, list[str]]:
    """Train; the line's figures, examples per second after the first epoch, and what there was to say."""
    net = netspec.load(ROOT / "specs" / f"{case.spec}.yaml", set={"train.epochs": epochs})
    gc.collect()
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    watcher = Watcher()
    with tempfile.TemporaryDirectory() as place:
        began = time.perf_counter()
        result = train(
            net, run=Path(place) / "run", device="cuda", reporter=watcher, report=False, precision=case.precision,
            driver=case.driver, channels_last=case.channels_last,
        )  # fmt: skip
        whole = time.perf_counter() - began
    warm = result.records[1:] or result.records
    examples = warm[0].examples_per_second * warm[0].seconds
    speed = examples * len(warm) / sum(r.seconds for r in warm)
    data = sum(r.seconds for r in result.records)
    words = f"{result.line:<58}{data:>9.1f}{whole:>9.1f}"
    for peak in (torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved()):
        words += f"{peak / 2**30:>9.2f}"
    return words, speed, watcher.notes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--only", choices=["alexnet", "lenet"])
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("no GPU here: nothing was measured")
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {arguments.epochs} epochs of Fashion-MNIST")
    rates = {p: matrix_rate(p) for p in ("fp32", "tf32", "bf16")}
    print("matrix product: " + ", ".join(f"{p} {rate / 1e12:.0f} TFLOP/s" for p, rate in rates.items()))
    print(f"copy: {copy_rate() / 1e12:.2f} TB/s")
    print(f"{'':<36}{'examples/s':>11}{'of roof':>9}  {'':<58}{'train s':>9}{'all s':>9}{'GiB':>9}{'held':>9}")
    for case in CASES:
        if arguments.only not in (None, case.spec):
            continue
        net = netspec.load(ROOT / "specs" / f"{case.spec}.yaml")
        words, speed, notes = run(case, arguments.epochs)
        roof = rates[case.precision] / flops_per_example(net)
        eager = any("running eagerly" in note for note in notes)
        driver = "eager" if eager else case.driver
        name = f"{case.spec} {case.precision} {driver}{' channels last' * case.channels_last}"
        print(f"{name:<36}{speed:>11,.0f}{speed / roof:>9.1%}  {words}", flush=True)
        for note in notes:
            print(f"  {note}", flush=True)


if __name__ == "__main__":
    main()
