"""Data that a program gives."""

from __future__ import annotations

from typing import ClassVar

from netspec.recipe.base import DataSet, Facts


class Given(DataSet):
    """What the program gives as `netspec.train(net, data=…)`: pairs of tensors, a torch `Dataset`, a `DataLoader`, or
    another iterable of batches ([Training from Python](training.md)).

    `netspec train` cannot train on it: a spec names no code.

    Args:
        validation: whether the program gives validation data, too; then `best`, `early_stopping` and schedules may
            follow them.
    """

    word: ClassVar[str | None] = "given"
    reader: ClassVar[str] = "given"
    labels: ClassVar[bool] = False
    many: ClassVar[bool] = True
    given: ClassVar[bool] = True
    worked: ClassVar[str | None] = """
input: [2]
layers: [Linear: 16, Tanh, Linear: 1]
train:
  data: given     # netspec.train(net, data=(x, y), loss=my_loss)
  loss: function
  batch_size: 32
  epochs: 20
  optimizer: {Adam: {lr: 0.01}}
"""

    validation: bool = False

    @property
    def has_validation(self) -> bool:
        return self.validation

    def facts(self) -> Facts:
        return Facts(None, dtype=None)
