"""LeNet by the trainers that people use, each in the way its own documentation shows, with loss and accuracy.

The d2l loop reads torchvision's data set, as in the book; the others get a DataLoader over tensors that are already
float32 in memory, which is faster. The loop and Lightning train AlexNet at 224 × 224 too, and on a GPU; there Lightning
reads torchvision's data set as well. Their packages are the extra `[bench]`.
"""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torchvision
from contest import Loop, Speed
from torch import nn
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchvision.transforms import Compose, Resize, ToTensor


class Task(NamedTuple):
    """A network of the book with its learning rate and the size of its pictures."""

    make: Callable[[], nn.Sequential]
    lr: float
    size: int


def lenet() -> nn.Sequential:
    """The network of the book, initialised as there."""
    return _initialised(
        nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2),
        nn.Conv2d(6, 16, kernel_size=5), nn.Sigmoid(), nn.AvgPool2d(kernel_size=2, stride=2), nn.Flatten(),
        nn.Linear(16 * 5 * 5, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10),
    )  # fmt: skip


def alexnet() -> nn.Sequential:
    """The network of the notes, initialised as the book does."""
    return _initialised(
        nn.Conv2d(1, 96, kernel_size=11, stride=4, padding=1), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(96, 256, kernel_size=5, padding=2), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2),
        nn.Conv2d(256, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, kernel_size=3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(kernel_size=3, stride=2), nn.Flatten(),
        nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(p=0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(p=0.5), nn.Linear(4096, 10),
    )  # fmt: skip


def _initialised(*layers: nn.Module) -> nn.Sequential:
    for layer in layers:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
    return nn.Sequential(*layers)


TASKS = {"lenet": Task(lenet, 0.9, 28), "alexnet": Task(alexnet, 0.01, 224)}


def pictures(root: Path, examples: int, size: int) -> Subset[Any]:
    """The first examples of torchvision's data set, resized by PIL where the book does."""
    steps = [ToTensor()] if size == 28 else [Resize(size), ToTensor()]
    return Subset(torchvision.datasets.FashionMNIST(root, train=True, transform=Compose(steps)), range(examples))


def d2l(
    root: Path, examples: int, workers: int, *, network: str = "lenet", batch: int = 256, device: str = "cpu"
) -> Loop:
    """The loop of Dive into Deep Learning."""
    warnings.filterwarnings("ignore", "This DataLoader will create", UserWarning)  # where there are fewer processors
    task = TASKS[network]
    context = "fork" if workers else None  # Linux's default, which a spawned process would not use
    part = pictures(root, examples, task.size)
    batches = DataLoader(part, batch, shuffle=True, num_workers=workers, multiprocessing_context=context)
    model, loss = task.make().to(device), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=task.lr)

    def epoch() -> Speed:
        model.train()
        total, correct, count, computing = 0.0, 0.0, 0, 0.0
        began = time.perf_counter()
        for x, y in batches:
            arrived = time.perf_counter()
            x, y = x.to(device), y.to(device)
            optimizer.zero_grad()
            output = model(x)
            value = loss(output, y)
            value.backward()
            optimizer.step()
            with torch.no_grad():
                total += (value * len(y)).item()
                correct += float((output.argmax(1) == y).sum().item())
                count += len(y)
            computing += time.perf_counter() - arrived
        return Speed(count / (time.perf_counter() - began), count / computing)

    return epoch


def tensors(root: Path, examples: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first examples of Fashion-MNIST: float32 (N, 1, 28, 28) in [0, 1], and int64 (N,)."""
    data = torchvision.datasets.FashionMNIST(root, train=True)
    return data.data[:examples].unsqueeze(1).float() / 255, data.targets[:examples]


def loader(root: Path, examples: int) -> DataLoader[Any]:
    """Batches of 256 from memory."""
    return DataLoader(TensorDataset(*tensors(root, examples)), 256, shuffle=True)


def timed(train: Callable[[], object], examples: int) -> Loop:
    """One epoch by the wall clock."""

    def epoch() -> Speed:
        began = time.perf_counter()
        train()
        return Speed(examples / (time.perf_counter() - began))

    return epoch


def ignite(root: Path, examples: int) -> Loop:
    """PyTorch-Ignite."""
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


def accelerate(root: Path, examples: int) -> Loop:
    """Hugging Face Accelerate."""
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


def lightning(
    root: Path, examples: int, *, network: str = "lenet", batch: int = 256, device: str = "cpu", workers: int = 0
) -> Loop:
    """Lightning, without logger, checkpoints or bar; with workers it reads torchvision's data set."""
    import lightning as lightning_package
    from torchmetrics.classification import MulticlassAccuracy

    warnings.simplefilter("ignore")  # its advice on numbers of workers
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Module(lightning_package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss = TASKS[network].make(), nn.CrossEntropyLoss()
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
            return torch.optim.SGD(self.parameters(), lr=TASKS[network].lr)

    module, data = Module(), loader(root, examples)
    if workers:
        part = pictures(root, examples, TASKS[network].size)
        data = DataLoader(part, batch, shuffle=True, num_workers=workers, pin_memory=device == "cuda")

    def train() -> None:
        trainer = lightning_package.Trainer(
            max_epochs=1, accelerator="gpu" if device == "cuda" else device, devices=1, logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )  # fmt: skip
        trainer.fit(module, data)

    return timed(train, examples)


def keras(root: Path, examples: int) -> Loop:
    """Keras on torch."""
    os.environ["KERAS_BACKEND"] = "torch"
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
