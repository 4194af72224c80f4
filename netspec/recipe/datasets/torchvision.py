"""The data sets of `torchvision.datasets` for classification of images, with their published sizes."""

from __future__ import annotations

from typing import ClassVar, Literal

from netspec.recipe.base import DataSet, Facts


class Torchvision(DataSet):
    """Base of those whose facts do not depend on an argument."""

    known: ClassVar[Facts]

    def facts(self) -> Facts:
        return self.known


class MNIST(Torchvision):
    """Handwritten digits: 60,000 and 10,000 grey images of 28 × 28, 10 classes."""

    known: ClassVar[Facts] = Facts((1, 28, 28), 10, 60_000, 10_000)


class FashionMNIST(Torchvision):
    """Articles of clothing: 60,000 and 10,000 grey images of 28 × 28, 10 classes."""

    known: ClassVar[Facts] = Facts((1, 28, 28), 10, 60_000, 10_000)


class KMNIST(Torchvision):
    """Cursive Japanese characters: 60,000 and 10,000 grey images of 28 × 28, 10 classes."""

    known: ClassVar[Facts] = Facts((1, 28, 28), 10, 60_000, 10_000)


class EMNIST(DataSet):
    """Handwritten letters and digits, grey images of 28 × 28, stored transposed as torchvision gives them.

    Classes by `split`: byclass 62, bymerge 47, balanced 47, letters 26 (labels 0 to 25; torchvision counts them from
    1), digits 10, mnist 10.
    """

    scalar: ClassVar[str | None] = "split"

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


class QMNIST(DataSet):
    """MNIST with all of its test digits: 60,000 training images of 28 × 28, 10 classes.

    `what` is the part to test on: `test` is all 60,000, `test10k` MNIST's own 10,000, `test50k` the others.
    """

    scalar: ClassVar[str | None] = "what"

    what: Literal["test", "test10k", "test50k"] = "test"

    def facts(self) -> Facts:
        return Facts((1, 28, 28), 10, 60_000, {"test": 60_000, "test10k": 10_000, "test50k": 50_000}[self.what])


class CIFAR10(Torchvision):
    """Small photographs: 50,000 and 10,000 colour images of 32 × 32, 10 classes."""

    known: ClassVar[Facts] = Facts((3, 32, 32), 10, 50_000, 10_000)


class CIFAR100(Torchvision):
    """Small photographs: 50,000 and 10,000 colour images of 32 × 32, 100 classes."""

    known: ClassVar[Facts] = Facts((3, 32, 32), 100, 50_000, 10_000)


class SVHN(Torchvision):
    """House numbers: 73,257 and 26,032 colour images of 32 × 32, 10 classes. Reading it needs scipy."""

    known: ClassVar[Facts] = Facts((3, 32, 32), 10, 73_257, 26_032)


class STL10(Torchvision):
    """Photographs: 5,000 and 8,000 labelled colour images of 96 × 96, 10 classes."""

    known: ClassVar[Facts] = Facts((3, 96, 96), 10, 5_000, 8_000)
