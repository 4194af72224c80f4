"""Parts of recipes of a plugin, for tests that need some."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.layers import Count, NonNegative, Positive, Probability, TorchCall
from netspec.recipe import DataSet, Ending, Facts, ImageType, Loss, Metric, Transform

MODULE = "tests.plugged_training"


class TolerantLoss(Loss):
    """Mean of (1 − p^q) / q, where p is the probability of the target's class.

    Args:
        q: how much an example counts less that may be labelled wrongly.
    """

    target: ClassVar[Literal["classes", "values", "nothing"]] = "classes"
    ending: ClassVar[Ending | None] = Ending(
        "scores", ("probabilities", "log-probabilities"), "drop the layer", does="softmax"
    )
    scalar: ClassVar[str | None] = "q"

    q: Positive = 0.7

    def call(self) -> TorchCall:
        return TorchCall("tolerant_loss", {"q": self.q}, MODULE)


class RelativeLoss(Loss):
    """Mean of |output − target| / (|target| + eps)."""

    eps: NonNegative = 0.1

    def call(self) -> TorchCall:
        return TorchCall("RelativeLoss", dict(self), MODULE)


class Margin(Metric):
    """The mean distance of the score of the right class from the largest other one, at most `most`."""

    reads: ClassVar[tuple[Literal["classes", "labels", "values"], ...]] = ("classes",)
    column: ClassVar[str] = "margin"

    most: NonNegative = 5.0

    def call(self) -> TorchCall:
        return TorchCall("margin", {"most": self.most}, MODULE)


class WorstLoss(Metric):
    """The largest cross entropy of an example."""

    reads: ClassVar[tuple[Literal["classes", "labels", "values"], ...]] = ("classes",)
    lower: ClassVar[bool] = True

    def call(self) -> TorchCall:
        return TorchCall("Worst", {}, MODULE)


class Halve(Transform):
    """Every second row and column of an image."""

    sizes: ClassVar[bool] = True

    def output(self, x: ImageType) -> ImageType:
        return ImageType(
            x.channels,
            None if x.height is None else -(-x.height // 2),
            None if x.width is None else -(-x.width // 2),
        )

    def call(self) -> TorchCall:
        return TorchCall("halve", {}, MODULE)


class RandomScanlines(Transform):
    """Every second row of an image is dark with probability `p`."""

    random: ClassVar[bool] = True
    columns: ClassVar[int] = 1
    scalar: ClassVar[str | None] = "p"

    p: Probability = 0.5

    def call(self) -> TorchCall:
        return TorchCall("RandomScanlines", dict(self), MODULE)


class Rings(DataSet):
    """Grey images of a ring, whose radius says the class.

    Args:
        size: pixels along an edge.
        train: number of training examples.
        test: number of test examples.
        lazy: whether examples are made one by one.
    """

    size: Count = 16
    train: Count = 48
    test: Count = 16
    lazy: bool = False

    def facts(self) -> Facts:
        return Facts((1, self.size, self.size), 4, self.train, self.test)

    def call(self) -> TorchCall:
        return TorchCall("rings", dict(self), MODULE)


class Slopes(DataSet):
    """Points of a line, with a validation part."""

    images: ClassVar[bool] = False
    labels: ClassVar[bool] = False

    @property
    def has_validation(self) -> bool:
        return True

    def facts(self) -> Facts:
        return Facts((2,), None, 32, 8, "float32")

    def call(self) -> TorchCall:
        return TorchCall("slopes", {}, MODULE)


PARTS = (TolerantLoss, RelativeLoss, Margin, WorstLoss, Halve, RandomScanlines, Rings, Slopes)

SPEC = """\
name: rings
input: [1, 8, 8]
layers: [Conv2d: {out_channels: 3, kernel_size: 3}, ReLU, Flatten, Linear: 4]
train:
  data: {Rings: {train: 44}}
  transforms: [Halve, Normalize: {mean: [0.3], std: [0.3]}]
  augment: [RandomScanlines: 0.25]
  loss: {TolerantLoss: {q: 0.5}}
  optimizer: {Adam: {lr: 0.01}}
  batch_size: 8
  epochs: 3
  seed: 3
"""
