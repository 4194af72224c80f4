"""What a few tensors show without any training: gradients at the beginning, and the time of a forward pass."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

import netspec
from docs.study.classical import pictures
from docs.study.store import ROOT, Results, Row, versions

DRAWS = 10
"""Networks drawn for the gradients of each row."""
BATCH = 256

GRADIENTS = {
    "LeNet, sigmoid, average": ("docs/study/lenet_pieces.yaml", "sigmoid_average"),
    "LeNet, sigmoid, max": ("docs/study/lenet_pieces.yaml", "sigmoid_max"),
    "LeNet, ReLU, average": ("docs/study/lenet_pieces.yaml", "relu_average"),
    "LeNet, ReLU, max": ("docs/study/lenet_pieces.yaml", "relu_max"),
    "AlexNet/8, sigmoid": ("docs/study/alexnet_eighth.yaml", "sigmoid"),
    "AlexNet/8, ReLU": ("docs/study/alexnet_eighth.yaml", "plain"),
}
SPEEDS = {"lenet": "specs/lenet.yaml", "alexnet": "specs/alexnet.yaml"}


def gradients(spec: str, variant: str, x: Tensor, y: Tensor) -> Row:
    """Median over several drawn networks of the root mean square of the first and last layers' weight gradients.

    `x` are pictures (N, 28, 28), `y` their classes (N,).
    """
    net = netspec.load(ROOT / spec, variant=variant)
    found: list[Tensor] = []
    for seed in range(DRAWS):
        model = netspec.build(net, seed=seed)
        model.train(False)
        nn.functional.cross_entropy(model(x.unsqueeze(1)), y).backward()
        weights = [module.weight.grad for module in model.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
        found.append(torch.stack([grad.square().mean().sqrt() for grad in weights if grad is not None]))
    sizes = torch.stack(found)  # (draws, layers)
    first, last, ratio = sizes[:, 0].median(), sizes[:, -1].median(), (sizes[:, 0] / sizes[:, -1]).median()
    return {
        "command": "python docs/study/run.py gradients",
        "seeds": list(range(DRAWS)),
        "examples": len(y),
        "first": float(f"{first:.3g}"),
        "last": float(f"{last:.3g}"),
        "ratio": float(f"{ratio:.3g}"),
        "versions": versions("netspec-compiler", "torch"),
    }


def measure_gradients(results: Results, again: bool) -> None:
    """The part `gradients`."""
    x, y = (torch.from_numpy(values[:BATCH]) for values in pictures(10_000, 0).train)
    for name, (spec, variant) in GRADIENTS.items():
        if again or name not in results.part("gradients"):
            results.put("gradients", name, gradients(spec, variant, x, y))


@torch.inference_mode()
def seconds_forward(spec: str, batch: int, repeats: int) -> float:
    """The processor's seconds for each picture, in the shortest of several forward passes."""
    net = netspec.load(ROOT / spec)
    model = netspec.build(net, seed=0).eval()
    x = torch.rand(batch, *(int(size) for size in net.input_shape))
    times = []
    for _ in range(repeats):
        started = time.process_time()
        model(x)
        times.append(time.process_time() - started)
    return min(times) / batch


def measure_speed(results: Results, again: bool) -> None:
    """The part `speed`: one thread."""
    if not again and results.part("speed"):
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for name, spec in SPEEDS.items():
            for batch, repeats in ((1, 40), (32, 8)):
                row = {
                    "command": "python docs/study/run.py speed",
                    "batch": batch,
                    "repeats": repeats,
                    "milliseconds": float(f"{1000 * seconds_forward(spec, batch, repeats):.3g}"),
                    "threads": 1,
                    "versions": versions("netspec-compiler", "torch"),
                }
                results.put("speed", f"{name} batch={batch}", row)
    finally:
        torch.set_num_threads(threads)
