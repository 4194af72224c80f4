"""MNIST extended: by letters, and by the test images that MNIST lacks."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.recipe.base import Facts
from netspec.recipe.datasets.torchvision import Torchvision


class EMNIST(Torchvision):
    """Handwritten letters and digits, grey images of 28 × 28, stored transposed as torchvision gives them.

    Classes by `split`: byclass 62, bymerge 47, balanced 47, letters 26 (labels 0 to 25; torchvision counts them from
    1), digits 10, mnist 10.
    """

    scalar: ClassVar[str | None] = "split"
    example: ClassVar[str | None] = "letters"

    split: Literal["byclass", "bymerge", "balanced", "letters", "digits", "mnist"]

    def facts(self) -> Facts:
        classes, train, test = {
            "byclass": (62, 697_932, 116_323),
            "bymerge": (47, 697_932, 116_323),
            "balanced": (47, 112_800, 18_800),
            "letters": (26, 124_800, 20_800),
            "digits": (10, 240_000, 40_000),
            "mnist": (10, 60_000, 10_000),
        }[self.split]
        return Facts((1, 28, 28), classes, train, test)


class QMNIST(Torchvision):
    """MNIST with all of its test digits: 60,000 training images of 28 × 28, 10 classes.

    `what` is the part to test on: `test` is all 60,000, `test10k` MNIST's own 10,000, `test50k` the others.
    """

    scalar: ClassVar[str | None] = "what"

    what: Literal["test", "test10k", "test50k"] = "test"

    def facts(self) -> Facts:
        return Facts((1, 28, 28), 10, 60_000, {"test": 60_000, "test10k": 10_000, "test50k": 50_000}[self.what])
