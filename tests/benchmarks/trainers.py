"""LeNet on the CPU, batch 256: netspec beside the d2l loop, Ignite, Accelerate, Lightning and Keras, in one run.

    pip install -e ".[bench]"
    NETSPEC_DATA=DIR python tests/benchmarks/trainers.py [--examples 15360] [--rounds 3]

Each trains the same network on the same examples with SGD 0.9 and reports loss and accuracy of the epoch, in the way
its own documentation shows. The peers get a DataLoader over tensors that are already float32 in memory, which is faster
than torchvision's data set; the d2l loop reads that one, as in the book. Wall time of an epoch; the rounds alternate.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import torch
from lenet_cpu import d2l_loop, lenet, netspec_loop
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from netspec.train.data.parts import data_root

Epoch = Callable[[], float]
"""Trains one epoch; gives examples per second."""


def tensors(root: Path, examples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first examples of Fashion-MNIST: float32 (N, 1, 28, 28) in [0, 1], and int64 (N,)."""
    import torchvision

    data = torchvision.datasets.FashionMNIST(root, train=True)
    return data.data[:examples].unsqueeze(1).float() / 255, data.targets[:examples]


def loader(root: Path, examples: int) -> DataLoader[Any]:
    return DataLoader(TensorDataset(*tensors(root, examples)), 256, shuffle=True)


def timed(train: Callable[[], object], examples: int) -> Epoch:
    def epoch() -> float:
        began = time.perf_counter()
        train()
        return examples / (time.perf_counter() - began)

    return epoch


def ignite(root: Path, examples: int) -> Epoch:
    from ignite.engine import create_supervised_trainer
    from ignite.metrics import Accuracy, Loss

    model, loss, data = lenet(), nn.CrossEntropyLoss(), loader(root, examples)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.9)
    trainer = create_supervised_trainer(
        model, optimizer, loss, output_transform=lambda x, y, y_pred, value: (y_pred.detach(), y)
    )
    Accuracy().attach(trainer, "accuracy")
    Loss(loss).attach(trainer, "loss")
    return timed(lambda: trainer.run(data, max_epochs=1), examples)


def accelerate(root: Path, examples: int) -> Epoch:
    from accelerate import Accelerator

    accelerator, loss = Accelerator(cpu=True), nn.CrossEntropyLoss()
    model = lenet()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.9)
    model, optimizer, data = accelerator.prepare(model, optimizer, loader(root, examples))

    def train() -> tuple[float, float]:
        total, correct, count = 0.0, 0, 0
        for x, y in data:
            optimizer.zero_grad()
            output = model(x)
            value = loss(output, y)
            accelerator.backward(value)
            optimizer.step()
            total += value.item() * len(y)
            correct += int((output.argmax(1) == y).sum())
            count += len(y)
        return total / count, correct / count

    return timed(train, examples)


def lightning(root: Path, examples: int) -> Epoch:
    import lightning as lightning_package
    from torchmetrics.classification import MulticlassAccuracy

    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lightning_package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss = lenet(), nn.CrossEntropyLoss()
            self.accuracy = MulticlassAccuracy(10, average="micro")

        def training_step(self, batch: Any, _: int) -> torch.Tensor:
            x, y = batch
            output = self.model(x)
            value = self.loss(output, y)
            self.accuracy(output, y)
            self.log("loss", value, on_step=False, on_epoch=True)
            self.log("accuracy", self.accuracy, on_step=False, on_epoch=True)
            return value

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.9)

    module, data = Module(), loader(root, examples)

    def train() -> None:
        trainer = lightning_package.Trainer(
            max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(module, data)

    return timed(train, examples)


def keras(root: Path, examples: int) -> Epoch:
    import keras as keras_package
    from keras import layers

    keras_package.backend.set_image_data_format("channels_first")
    model = keras_package.Sequential(
        [
            layers.Input((1, 28, 28)), layers.Conv2D(6, 5, padding="same", activation="sigmoid"),
            layers.AveragePooling2D(2), layers.Conv2D(16, 5, activation="sigmoid"), layers.AveragePooling2D(2),
            layers.Flatten(), layers.Dense(120, activation="sigmoid"), layers.Dense(84, activation="sigmoid"),
            layers.Dense(10),
        ]
    )  # fmt: skip
    loss = keras_package.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras_package.optimizers.SGD(0.9), loss, metrics=["accuracy"])
    x, y = tensors(root, examples)
    return timed(lambda: model.fit(x.numpy(), y.numpy(), batch_size=256, epochs=1, verbose=0), examples)


PEERS = {"ignite": ignite, "accelerate": accelerate, "lightning": lightning, "keras": keras}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=None, help="folder of the data sets; else NETSPEC_DATA")
    parser.add_argument("--examples", type=int, default=15360)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # the peers', on numbers of workers
    root, examples = data_root(arguments.data), arguments.examples
    d2l, ours = d2l_loop(root, examples, 0), netspec_loop(root, examples)
    loops: dict[str, Epoch] = {"d2l loop": lambda: d2l().wall, "netspec": lambda: ours().wall}
    for name, peer in PEERS.items():
        if importlib.util.find_spec(name) is None:
            print(f'{name} is not installed: pip install -e ".[bench]"')
        else:
            loops[name] = peer(root, examples)
    for loop in loops.values():
        loop()  # code and data are in memory from here on
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(arguments.rounds):
        for name, loop in loops.items():
            speeds[name].append(loop())
    print(f"LeNet, batch 256, {examples} examples, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'':<12}{'examples/s':>12}{'against d2l':>13}   (medians of {arguments.rounds} rounds)")
    for name, found in sorted(speeds.items(), key=lambda item: -statistics.median(item[1])):
        ratio = statistics.median(a / b for a, b in zip(found, speeds["d2l loop"], strict=True))
        print(f"{name:<12}{statistics.median(found):>12,.0f}{ratio:>13.2f}")


if __name__ == "__main__":
    main()
