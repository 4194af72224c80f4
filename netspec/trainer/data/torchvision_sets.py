"""torchvision's data sets: found under the data root, verified, or downloaded; read by torchvision's own classes.

Files are verified before they are read. Those that torchvision keeps as pickles (CIFAR) or MATLAB files (SVHN) are
opened only if their MD5 is the published one. The idx files of the MNIST family have no published sum for the unpacked
form: their header must fit their size, and where there are sums (`SHA256SUMS` beside them, which a download by netspec
writes, or the official FashionMNIST's, known here) they must match.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import sys
import time
from collections.abc import Generator
from math import prod
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
import torchvision.datasets as tv  # pyright: ignore[reportMissingTypeStubs]  # torchvision ships no types
from torch import Tensor

from netspec.diagnostics import MissingExtra, ResourceError
from netspec.recipe.base import DataSet
from netspec.recipe.datasets.extended import EMNIST, QMNIST
from netspec.trainer.data.fingerprint import hash_of_files
from netspec.trainer.data.parts import Part, Parts, damaged
from netspec.trainer.machine.disk import write_atomically

_IDX: Final = ("images-idx3-ubyte", "labels-idx1-ubyte")
_FASHION: Final = {
    "train-images-idx3-ubyte": (47_040_016, "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"),
    "train-labels-idx1-ubyte": (60_008, "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"),
    "t10k-images-idx3-ubyte": (7_840_016, "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"),
    "t10k-labels-idx1-ubyte": (10_008, "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"),
}
"""Size in bytes and SHA-256 of the official unpacked files."""


class Wanted(NamedTuple):
    """A file that a data set consists of."""

    path: str
    """Relative to the data root."""
    md5: str | None
    """The published sum; None for idx files, which have none in this form."""


def load_torchvision(data: DataSet, root: Path, *, download: bool = True) -> Parts:
    """Training and test images as uint8 (N, C, H, W) with int64 classes (N,), on the host.

    Args:
        data: a data set of torchvision's.
        root: the data root.
        download: fetch what is missing, in torchvision's way and place.

    Raises:
        ResourceError: files are missing or damaged, or could not be downloaded.
        MissingExtra: SVHN without scipy.
    """
    name = data.name()
    if name == "SVHN":
        _need_scipy()
    ensure(data, root, download=download)
    for wanted in files_of(data):
        _verify(name, root, root / wanted.path, wanted.md5)
    try:
        train, test = _open(data, root, train=True), _open(data, root, train=False)
        parts = [Part(*_tensors(data, s), shape=(), origin=f"{name} in `{root}`") for s in (train, test)]
    except (OSError, RuntimeError, ValueError, AssertionError, KeyError, EOFError, TypeError) as error:
        raise ResourceError(
            f"torchvision cannot read {name} in `{root}`: {error or type(error).__name__}; "
            "remove its files and run again to download them"
        ) from None
    for part, folder in zip(parts, ("training", "test"), strict=True):
        assert isinstance(part.x, Tensor)
        part.shape = tuple(part.x.shape[1:])
        if len(part.x) != len(part.y):
            raise ResourceError(
                f"the {folder} files of {part.origin} hold {len(part.x)} images, but {len(part.y)} labels; "
                "remove them and run again to download them"
            )
    names = [str(c) for c in getattr(train, "classes", ())]
    names = names[1:] if isinstance(data, EMNIST) and data.split == "letters" else names
    files = {wanted.path: root / wanted.path for wanted in files_of(data)}
    return Parts(
        parts[0], parts[1], names=tuple(names), classes=data.facts().classes,
        hash=lambda: hash_of_files(root / name, {name: files}),
    )  # fmt: skip


def files_of(data: DataSet) -> list[Wanted]:
    """The files of a data set under the data root, in torchvision's layout."""
    name = data.name()
    if name in ("MNIST", "FashionMNIST", "KMNIST"):
        return [Wanted(f"{name}/raw/{part}-{kind}", None) for part in ("train", "t10k") for kind in _IDX]
    if isinstance(data, EMNIST):
        return [Wanted(f"EMNIST/raw/emnist-{data.split}-{p}-{k}", None) for p in ("train", "test") for k in _IDX]
    if name == "QMNIST":
        kinds = ("images-idx3-ubyte", "labels-idx2-int")
        return [Wanted(f"QMNIST/raw/qmnist-{part}-{kind}", None) for part in ("train", "test") for kind in kinds]
    if name == "SVHN":
        return [Wanted(tv.SVHN.split_list[part][1], tv.SVHN.split_list[part][2]) for part in ("train", "test")]
    cls: Any = _class(name)
    listed: list[tuple[str, str]] = [*cls.train_list, *cls.test_list]
    if name.startswith("CIFAR"):
        listed.append((cls.meta["filename"], cls.meta["md5"]))
    return [Wanted(f"{cls.base_folder}/{file}", md5) for file, md5 in listed]


def ensure(data: DataSet, root: Path, *, download: bool = True) -> None:
    """See that a data set's files are there: in a run of several processes the first calls it before the others load.

    Raises:
        ResourceError: they are not and could not be downloaded; the message lists what belongs where.
    """
    missing = [wanted.path for wanted in files_of(data) if not (root / wanted.path).is_file()]
    if not missing:
        return
    where = "; ".join(str(root / path) for path in missing)
    if not download:
        raise ResourceError(f"{data.name()} is not in {root}: missing {where}")
    try:
        _download(data, root)
    except Exception as error:  # whatever the network, the archive or the disk made of it is the user's to read
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ResourceError(
            f"{data.name()} is not in {root} and could not be downloaded ({reason}); "
            f"put its unpacked files there, or set NETSPEC_DATA to the folder that holds them: {where}"
        ) from None


class _STL10(tv.STL10):
    """torchvision's, without the 2.8 GB of unlabelled images, which it would otherwise want to find and hash."""

    train_list = tv.STL10.train_list[:2]


def _class(name: str) -> Any:
    return _STL10 if name == "STL10" else getattr(tv, name)


def _open(data: DataSet, root: Path, *, train: bool, download: bool = False) -> Any:
    name = data.name()
    cls = _class(name)
    if isinstance(data, EMNIST):
        return cls(root, split=data.split, train=train, download=download)
    if isinstance(data, QMNIST):
        return cls(root, what="train" if train else data.what, download=download)
    if name in ("SVHN", "STL10"):
        return cls(root, split="train" if train else "test", download=download)
    return cls(root, train=train, download=download)


def _tensors(data: DataSet, dataset: Any) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) uint8 and classes (N,) int64 of one of torchvision's data sets."""
    images = torch.as_tensor(dataset.data)
    labels = torch.as_tensor(dataset.labels if hasattr(dataset, "labels") else dataset.targets).to(torch.int64)
    if labels.ndim == 2:  # QMNIST: the class, then where the digit came from
        labels = labels[:, 0]
    if isinstance(data, EMNIST) and data.split == "letters":
        labels = labels - 1
    if images.ndim == 3:
        images = images.unsqueeze(1)
    elif images.shape[-1] == 3 and images.shape[1] != 3:
        images = images.permute(0, 3, 1, 2)
    return images.contiguous(), labels.contiguous()


# ---- verification


def _verify(name: str, root: Path, path: Path, md5: str | None) -> None:
    again = "remove it and run again to download it"
    try:
        if md5 is not None:
            if (found := _digest(path, "md5")) != md5:
                raise damaged(path, f"is damaged, or not {name}'s: its MD5 is {found} where {md5} is published", again)
            return
        if (reason := _idx_fault(path)) is not None:
            raise damaged(path, reason, again)
        if (known := _known_sum(name, path)) is not None and (found := _digest(path, "sha256")) != known:
            raise damaged(path, f"is damaged: its SHA-256 is {found} where {known} is right", again)
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror or error}", "check its permissions") from None


def _idx_fault(path: Path) -> str | None:
    """What is wrong with an idx file's header or size: two zero bytes, type, number of axes, big-endian sizes, data."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
    axes = 3 if "idx3" in path.name else 2 if "idx2" in path.name else 1
    kind, width = (0x0C, 4) if path.name.endswith("-int") else (0x08, 1)
    if len(head) < 4 + 4 * axes:
        return f"is damaged: {size} bytes are less than an idx header"
    if head[:4] != bytes((0, 0, kind, axes)):
        right = f"00 00 {kind:02x} {axes:02x}"
        return f"is not the idx file its name says: it begins with {head[:4].hex(' ')} where {right} is right"
    sizes = [int.from_bytes(head[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes)]
    expected = 4 + 4 * axes + width * prod(sizes)
    if size != expected:
        shape = " × ".join(map(str, sizes))
        return f"is damaged: it has {size} bytes, but its header says {shape}, which takes {expected}"
    return None


def _known_sum(name: str, path: Path) -> str | None:
    sums = path.with_name("SHA256SUMS")
    if sums.is_file():
        for line in sums.read_text("utf-8").splitlines():
            digest, _, file = line.partition("  ")
            if file == path.name:
                return digest
    size, digest = _FASHION.get(path.name, (0, "")) if name == "FashionMNIST" else (0, "")
    return digest if size == path.stat().st_size else None


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def _need_scipy() -> None:
    try:
        import scipy.io  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]  # only SVHN needs it
    except ImportError:
        raise MissingExtra("SVHN is kept in MATLAB files, which scipy reads: pip install scipy") from None


# ---- download


def _download(data: DataSet, root: Path) -> None:
    """Let torchvision download beside the data root's own folders, then move whole files into place.

    What is interrupted leaves a `.NAME.part-*` folder and nothing else; the next download clears it. Archives that
    already lie in the root are used if their MD5 is right.
    """
    name = data.name()
    made = not root.exists()
    root.mkdir(parents=True, exist_ok=True)
    for old in root.glob(f".{name}.part-*"):
        if time.time() - old.stat().st_mtime > 86_400:
            shutil.rmtree(old, ignore_errors=True)
    part = root / f".{name}.part-{os.getpid()}"
    try:
        part.mkdir()
        _offer_archives(name, root, part)
        with _patience(30.0), contextlib.redirect_stdout(sys.stderr):
            for train in (True, False):
                _open(data, part, train=train, download=True)
        files = [root_file for root_file in (part / w.path for w in files_of(data)) if root_file.is_file()]
        raw = {file.parent for file in files if file.parent.name == "raw"}
        for folder in raw:
            idx = sorted(f for f in folder.iterdir() if f.is_file() and f.name.endswith(("-ubyte", "-int")))
            write_atomically(folder / "SHA256SUMS", "".join(f"{_digest(f, 'sha256')}  {f.name}\n" for f in idx))
            files += [*idx, folder / "SHA256SUMS"]
        files += part.rglob("class_names.txt")
        for file in dict.fromkeys(files):
            target = root / file.relative_to(part)
            target.parent.mkdir(parents=True, exist_ok=True)
            file.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if made and not any(root.iterdir()):
            root.rmdir()


def _offer_archives(name: str, root: Path, part: Path) -> None:
    """Link archives that the user put there to where torchvision looks for them; it checks their MD5."""
    for folder in (Path(), Path(name) / "raw"):
        for archive in sorted((root / folder).glob("*")):
            if archive.suffix in (".gz", ".zip", ".mat") and archive.is_file():
                (part / folder).mkdir(parents=True, exist_ok=True)
                os.link(archive, part / folder / archive.name)


@contextlib.contextmanager
def _patience(seconds: float) -> Generator[None]:
    """A time limit for connections: torchvision sets none, and a silent network would hang the run for ever."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
