"""How torchvision keeps each of its data sets: which files under the data root, and how its classes are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import torchvision.datasets as tv  # pyright: ignore[reportMissingTypeStubs]  # torchvision ships no types

from netspec.diagnostics import MissingExtra
from netspec.recipe.base import DataSet
from netspec.recipe.datasets.extended import EMNIST, QMNIST
from netspec.recipe.datasets.photographs import CIFAR10, CIFAR100, STL10, SVHN
from netspec.recipe.datasets.torchvision import KMNIST, MNIST, FashionMNIST


class Stored(NamedTuple):
    """A file that a data set consists of."""

    path: str
    """Relative to the data root."""
    md5: str | None
    """The published sum; None for idx files, which have none in this form."""
    axes: int = 0
    """Of an idx file."""
    integers: bool = False
    """An idx file holds four bytes for each value in place of one."""


class Layout:
    """What is common: the class marks its part by `train`, and classes count from 0.

    Args:
        kind: torchvision's class.
        known: size in bytes and SHA-256 of the unpacked files of which they are known, by their names.
    """

    def __init__(self, kind: Any, known: Mapping[str, tuple[int, str]] | None = None) -> None:
        self.kind = kind
        self.known: Mapping[str, tuple[int, str]] = known or {}

    def files(self, data: Any) -> list[Stored]:
        """The files, relative to the data root."""
        raise NotImplementedError

    def part(self, data: Any, *, train: bool) -> dict[str, Any]:
        """The arguments of torchvision's class that choose the part to train with, or to test on."""
        return {"train": train}

    def first_class(self, data: Any) -> int:
        """The lowest label that the files use."""
        return 0

    def need_reader(self) -> None:
        """See that what reads the files is installed.

        Raises:
            MissingExtra: it is not; the message says what installs it.
        """


class Idx(Layout):
    """Idx files, `NAME/raw/PART-KIND`.

    Args:
        kind: torchvision's class.
        parts: what stands for the two parts in the names of the files.
        labels: of the files with the classes: the end of their names, and as `Stored` has it.
        known: see `Layout`.
    """

    def __init__(
        self,
        kind: Any,
        parts: tuple[str, str] = ("train", "t10k"),
        labels: tuple[str, int, bool] = ("labels-idx1-ubyte", 1, False),
        known: Mapping[str, tuple[int, str]] | None = None,
    ) -> None:
        super().__init__(kind, known)
        self._parts = parts
        self._kinds = (("images-idx3-ubyte", 3, False), labels)

    def files(self, data: DataSet) -> list[Stored]:
        """Images and classes of both parts."""
        begin = f"{data.name()}/raw/{self.begins(data)}"
        return [
            Stored(f"{begin}{part}-{end}", None, axes, integers)
            for part in self._parts
            for end, axes, integers in self._kinds
        ]

    def begins(self, data: Any) -> str:
        """What the names of the files begin with."""
        return ""


class _Letters(Idx):
    """EMNIST: each split has files of its own, and the letters count from 1."""

    def begins(self, data: EMNIST) -> str:
        return f"emnist-{data.split}-"

    def part(self, data: EMNIST, *, train: bool) -> dict[str, Any]:
        return {"split": data.split, "train": train}

    def first_class(self, data: EMNIST) -> int:
        return int(data.split == "letters")


class _Tests(Idx):
    """QMNIST, which has several parts to test on."""

    def begins(self, data: QMNIST) -> str:
        return "qmnist-"

    def part(self, data: QMNIST, *, train: bool) -> dict[str, Any]:
        return {"what": "train" if train else data.what}


class _Pickles(Layout):
    """CIFAR: pickles in one folder, and one more with the names of the classes, all with published sums."""

    def files(self, data: DataSet) -> list[Stored]:
        meta = self.kind.meta["filename"], self.kind.meta["md5"]
        listed: list[tuple[str, str]] = [*self.kind.train_list, *self.kind.test_list, meta]
        return [Stored(f"{self.kind.base_folder}/{file}", md5) for file, md5 in listed]


class _Binary(Layout):
    """STL10: bare bytes, with published sums."""

    def files(self, data: DataSet) -> list[Stored]:
        listed: list[tuple[str, str]] = [*self.kind.train_list, *self.kind.test_list]
        return [Stored(f"{self.kind.base_folder}/{file}", md5) for file, md5 in listed]

    def part(self, data: DataSet, *, train: bool) -> dict[str, Any]:
        return {"split": "train" if train else "test"}


class _Matlab(Layout):
    """SVHN: MATLAB files at the data root, with published sums."""

    def files(self, data: DataSet) -> list[Stored]:
        listed = self.kind.split_list
        return [Stored(listed[part][1], listed[part][2]) for part in ("train", "test")]

    def part(self, data: DataSet, *, train: bool) -> dict[str, Any]:
        return {"split": "train" if train else "test"}

    def need_reader(self) -> None:
        try:
            import scipy.io  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]  # only SVHN needs it
        except ImportError:
            raise MissingExtra("SVHN is kept in MATLAB files, which scipy reads", "pip install scipy") from None


class LabelledSTL10(tv.STL10):
    """torchvision's, without the 2.8 GB of unlabelled images, which it would otherwise want to find and hash."""

    train_list = tv.STL10.train_list[:2]


_FASHION: Final = {
    "train-images-idx3-ubyte": (47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    "train-labels-idx1-ubyte": (60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte": (7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    "t10k-labels-idx1-ubyte": (10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}

LAYOUTS: Final[dict[type[DataSet], Layout]] = {
    MNIST: Idx(tv.MNIST),
    FashionMNIST: Idx(tv.FashionMNIST, known=_FASHION),
    KMNIST: Idx(tv.KMNIST),
    EMNIST: _Letters(tv.EMNIST, ("train", "test")),
    QMNIST: _Tests(tv.QMNIST, ("train", "test"), ("labels-idx2-int", 2, True)),
    CIFAR10: _Pickles(tv.CIFAR10),
    CIFAR100: _Pickles(tv.CIFAR100),
    SVHN: _Matlab(tv.SVHN),
    STL10: _Binary(LabelledSTL10),
}
"""How each of torchvision's data sets is kept; complete, which a test holds against the table of names."""
