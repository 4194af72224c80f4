"""The trainings of the study: each is one `netspec train` of a spec under `docs/study`, on a drawn part of the data.

The learning rate of a network is chosen by the validation accuracy of seed 0, which no other figure uses; what the page
says of it comes from other seeds. A seed draws the pictures, their order, and the weights at the beginning.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from docs.study.store import ROOT, Results, Row, versions

RUNS = ROOT / "runs" / "study"
"""Where runs lie, out of version control; a run that is there and finished is read and not repeated."""

RATES = (0.1, 0.3, 1.0)
STEEP = (0.01, 0.1)
"""Those of the small AlexNet with sigmoids, with a momentum of 0.9: that of its spec, and ten times that."""
CHOOSING = 0
"""The seed that learning rates are chosen by."""
SEEDS = (1, 2, 3)
"""Those that figures come from."""
FEW = SEEDS[:2]
"""Those of dropout and augmentation."""

PIECES = ("sigmoid_average", "sigmoid_max", "relu_average", "relu_max")
REGULARISED = {
    "nothing": ("plain", False),
    "dropout": ("dropout", False),
    "augmentation": ("plain", True),
    "dropout and augmentation": ("dropout", True),
}
"""Name of a row → variant of the spec, and whether it augments."""


@dataclass(frozen=True)
class Training:
    """One training."""

    part: str
    title: str
    """Whatever it has in common with those of other seeds and rates."""
    spec: str
    variant: str
    seed: int
    examples: int
    settings: tuple[str, ...] = ()
    rate: float | None = None

    @property
    def key(self) -> str:
        return " ".join([self.title, *([f"lr={self.rate:g}"] if self.rate else []), f"seed={self.seed}"])

    @property
    def run(self) -> Path:
        return RUNS / self.part / self.key.replace(" ", "-")

    @property
    def arguments(self) -> list[str]:
        """What stands behind `netspec train`, but for the run directory."""
        rate = [f"train.optimizer.SGD.lr={self.rate:g}"] if self.rate else []
        settings = [
            word for setting in (*rate, *self.settings, f"train.seed={self.seed}") for word in ("--set", setting)
        ]
        return [self.spec, "--variant", self.variant, "--examples", str(self.examples), *settings]


def measured(training: Training, run: Path | None = None) -> Row:
    """Train, if it is not done, and return the row."""
    run = run or training.run
    if not (run / "model.safetensors").exists():
        shutil.rmtree(run, ignore_errors=True)  # interrupted
        _netspec_train([*training.arguments, "--run", str(run), "--device", "cpu", "--no-report", "--quiet"])
    records = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    last = records[-1]
    return {
        "command": shlex.join(["netspec", "train", *training.arguments]),
        "seed": training.seed,
        "examples": environment["data"]["examples"],
        "epochs": last["epoch"],
        "steps": last["step"],
        **{
            name: _short(last[name])
            for name in ("train_loss", "train_accuracy", "validation_accuracy", "test_accuracy")
        },
        "train_curve": [_short(record["train_accuracy"]) for record in records],
        "test_curve": [_short(record["test_accuracy"]) for record in records],
        "seconds": round(sum(record["seconds"] for record in records), 1),
        "threads": environment["threads"],
        "versions": versions("netspec-compiler", "torch", "torchvision"),
    }


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _netspec_train(arguments: list[str]) -> None:
    """`netspec train` in this process, which spares the seconds that importing torch takes each time."""
    from netspec.cli.train import command

    status = command.main(arguments, prog_name="netspec train", standalone_mode=False)
    if status:
        raise SystemExit(status)


# ---- what is trained


def pieces(results: Results) -> Iterator[Training]:
    """LeNet with each activation and each pooling: first every rate by one seed, then the best rate by others."""

    def training(variant: str, rate: float, seed: int) -> Training:
        return Training("pieces", variant, "docs/study/lenet_pieces.yaml", variant, seed, 10_000, rate=rate)

    yield from (training(variant, rate, CHOOSING) for variant in PIECES for rate in RATES)
    yield from (training(variant, best_rate(results, variant), seed) for seed in SEEDS for variant in PIECES)


def best_rate(results: Results, variant: str) -> float:
    """The rate with the highest validation accuracy at the end, by the seed for choosing."""
    rows = results.part("pieces")
    return max(RATES, key=lambda rate: rows[f"{variant} lr={rate:g} seed={CHOOSING}"]["validation_accuracy"])


def regularisation(results: Results) -> Iterator[Training]:
    """The small AlexNet with and without dropout and augmentation, on few pictures."""
    for seed in FEW:
        for title, (variant, augments) in REGULARISED.items():
            settings = () if augments else ("train.augment=[]",)
            yield Training("regularisation", title, "docs/study/alexnet_eighth.yaml", variant, seed, 2_000, settings)


def depth(results: Results) -> Iterator[Training]:
    """The small AlexNet with sigmoids, by several rates."""
    settings = ("train.augment=[]", "train.epochs=8")
    spec = "docs/study/alexnet_eighth.yaml"
    yield from (Training("depth", "sigmoid", spec, "sigmoid", 1, 2_000, settings, rate) for rate in STEEP)


def schedule(results: Results) -> Iterator[Training]:
    """LeNet with ReLU and max pooling and a learning rate that falls to nothing, as one would train it in earnest."""
    settings = ("train.epochs=15", "train.scheduler=CosineAnnealingLR")
    spec, variant = "docs/study/lenet_pieces.yaml", "relu_max"
    yield from (Training("schedule", variant, spec, variant, seed, 10_000, settings, 0.1) for seed in SEEDS)


PARTS = {"pieces": pieces, "schedule": schedule, "regularisation": regularisation, "depth": depth}


def train_all(part: str, results: Results, again: bool) -> None:
    """Measure every row of a part that is not in the results, or every row."""
    os.environ.setdefault("NETSPEC_DATA", str(ROOT / "data"))
    for training in PARTS[part](results):
        if again:
            shutil.rmtree(training.run, ignore_errors=True)
        if again or training.key not in results.part(part):
            results.put(part, training.key, row := measured(training))
            print(f"{part}: {training.key}: test {row['test_accuracy']:.4f}, {row['seconds']} s", flush=True)
