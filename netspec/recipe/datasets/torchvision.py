"""The data sets of `torchvision.datasets` for classification of images, with their published sizes."""

from __future__ import annotations

import re
from typing import ClassVar, Final

from netspec.recipe.base import DataSet, Facts
from netspec.recipe.unoffered import DONE_ANYWAY

_IN_PYTHON: Final = rf"(?:\w+\.)*(?:{'|'.join(DONE_ANYWAY)})\([\w.=, ]*\)"
"""What is done anyway, as programs write it."""


class Torchvision(DataSet):
    """Base of torchvision's data sets: `netspec.trainer.data.layouts` knows how each is kept."""

    reader: ClassVar[str] = "torchvision_sets"
    omitted: ClassVar[dict[str, str]] = {
        "root": "files are found under `$NETSPEC_DATA` or in `data`, or where `netspec train --data DIR` says",
        "train": "a run reads both parts, and tests on the second",
        "download": "what is missing is downloaded by itself",
    }
    in_front: ClassVar[tuple[str, ...]] = ("root",)
    known: ClassVar[Facts]
    """The facts, where they do not depend on an argument."""

    def facts(self) -> Facts:
        return self.known

    @classmethod
    def says_nothing(cls, name: str, text: str) -> bool:
        """Also `transform=ToTensor()`: images are tensors when a recipe's transforms begin."""
        called = re.fullmatch(rf"(?:[\w.]*Compose\(\[ *)?{_IN_PYTHON}(?:, *{_IN_PYTHON})*,?(?: *\]\))?", text)
        return name in cls.omitted or (name == "transform" and called is not None) or text == "None"


class MNIST(Torchvision):
    """Handwritten digits: 60,000 and 10,000 grey images of 28 × 28, 10 classes."""

    known: ClassVar[Facts] = Facts((1, 28, 28), 10, 60_000, 10_000)


class FashionMNIST(Torchvision):
    """Articles of clothing: 60,000 and 10,000 grey images of 28 × 28, 10 classes."""

    known: ClassVar[Facts] = Facts((1, 28, 28), 10, 60_000, 10_000)


class KMNIST(Torchvision):
    """Cursive Japanese characters: 60,000 and 10,000 grey images of 28 × 28, 10 classes."""

    known: ClassVar[Facts] = Facts((1, 28, 28), 10, 60_000, 10_000)
