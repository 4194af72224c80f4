"""What the tests of training from Python share: small nets, data sets of several forms, losses and metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset

import netspec
from netspec.net import Net
from netspec.trainer.errors import Interrupted
from netspec.trainer.run.result import RunResult

ROWS = """
name: rows
input: [3]
layers: [Linear: 8, Dropout: 0.25, Tanh, Linear: 1]
train:
  data: given
  loss: function
  batch_size: 8
  epochs: 3
  optimizer: {SGD: {lr: 0.1, momentum: 0.9}}
"""
"""A net for three numbers, whose data and loss a program gives."""

CLASSES = ROWS.replace("Linear: 1]", "Linear: 4]").replace("loss: function", "loss: CrossEntropyLoss")
"""The same for four classes."""


def net_of(text: str = ROWS, **settings: Any) -> Net:
    """The net with recipe keys set."""
    return netspec.loads(text, set={f"train.{key}": value for key, value in settings.items()})


def rows(count: int = 40) -> tuple[Tensor, Tensor]:
    """Examples (N, 3) and their sums (N, 1)."""
    x = torch.randn(count, 3, generator=torch.Generator().manual_seed(0))
    return x, x.sum(1, keepdim=True)


def squares(output: Tensor, target: Tensor) -> Tensor:
    """A loss."""
    return (output - target).square().mean()


def off(output: Tensor, target: Tensor) -> Tensor:
    """A metric."""
    return (output - target).abs().mean()


class Rows(Dataset[Any]):
    """The examples one by one; `change` makes something else of an item."""

    def __init__(self, count: int = 40, change: Callable[[int, Tensor, Tensor], Any] = lambda _, x, y: (x, y)) -> None:
        self.x, self.y = rows(count)
        self.change = change

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> Any:
        return self.change(index, self.x[index], self.y[index])


class Flow(IterableDataset[Any]):
    """The examples as a stream without a length."""

    def __iter__(self) -> Iterator[Any]:
        return iter(zip(*rows(), strict=True))


class Positions:
    """Batches of eight that can say how far they are: the order is another one in each epoch."""

    def __init__(self) -> None:
        self.epoch, self.at = 0, 0

    def __len__(self) -> int:
        return 5

    def __iter__(self) -> Iterator[Any]:
        if self.at == 5:
            self.epoch, self.at = self.epoch + 1, 0
        order = torch.randperm(40, generator=torch.Generator().manual_seed(self.epoch))
        x, y = rows()
        for number in range(self.at, 5):
            self.at = number + 1
            chosen = order[8 * number : 8 * number + 8]
            yield x[chosen], y[chosen]

    def state_dict(self) -> dict[str, int]:
        """Where it stands."""
        return {"epoch": self.epoch, "at": self.at}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Stand there again."""
        self.epoch, self.at = state["epoch"], state["at"]


def trained(net: Net, path: Path, until: int | None = None, **more: Any) -> RunResult | None:
    """Train in a new run directory, or go on with the one that is there; None if it ends at the step `until`."""
    where = {"resume": path} if path.exists() else {"run": path}
    try:
        return netspec.train(net, **where, max_steps=until, quiet=True, report=False, **more)
    except Interrupted:
        return None
