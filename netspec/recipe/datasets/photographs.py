"""The data sets of colour photographs in `torchvision.datasets`, with their published sizes."""

from __future__ import annotations

from typing import ClassVar

from netspec.recipe.base import Facts
from netspec.recipe.datasets.torchvision import Torchvision


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
