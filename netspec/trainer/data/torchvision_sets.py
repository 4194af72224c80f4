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
from typing import Any

import torch
from torch import Tensor

from netspec.diagnostics import ResourceError
from netspec.recipe.base import DataSet
from netspec.trainer.data.fingerprint import hash_of_files
from netspec.trainer.data.layouts import LAYOUTS, Layout, Stored
from netspec.trainer.data.parts import Part, Parts, Request, damaged
from netspec.trainer.machine.disk import write_atomically


def read(data: DataSet, request: Request) -> Parts:
    """See `load_torchvision`."""
    return load_torchvision(data, request.root, download=request.download)


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
    name, layout = data.name(), LAYOUTS[type(data)]
    layout.need_reader()
    ensure(data, root, download=download)
    stored = layout.files(data)
    for file in stored:
        _verify(name, layout, root / file.path, file)
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
    files = {file.path: root / file.path for file in stored}
    return Parts(
        parts[0], parts[1], names=tuple(names[layout.first_class(data) :]), classes=data.facts().classes,
        hash=lambda: hash_of_files(root / name, {name: files}),
    )  # fmt: skip


def ensure(data: DataSet, root: Path, *, download: bool = True) -> None:
    """See that a data set's files are there, and download those that are not.

    Raises:
        ResourceError: they are not and could not be downloaded; the message lists what belongs where.
    """
    missing = [file.path for file in LAYOUTS[type(data)].files(data) if not (root / file.path).is_file()]
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


def _open(data: DataSet, root: Path, *, train: bool, download: bool = False) -> Any:
    layout = LAYOUTS[type(data)]
    return layout.kind(root, **layout.part(data, train=train), download=download)


def _tensors(data: DataSet, dataset: Any) -> tuple[Tensor, Tensor]:
    """Images (N, C, H, W) uint8 and classes (N,) int64 of one of torchvision's data sets."""
    images = torch.as_tensor(dataset.data)
    labels = torch.as_tensor(dataset.labels if hasattr(dataset, "labels") else dataset.targets).to(torch.int64)
    if labels.ndim == 2:  # QMNIST: the class, then where the digit came from
        labels = labels[:, 0]
    labels = labels - LAYOUTS[type(data)].first_class(data)
    if images.ndim == 3:
        images = images.unsqueeze(1)
    elif images.shape[-1] == 3 and images.shape[1] != 3:
        images = images.permute(0, 3, 1, 2)
    return images.contiguous(), labels.contiguous()


# ---- verification


def _verify(name: str, layout: Layout, path: Path, file: Stored) -> None:
    again = "remove it and run again to download it"
    try:
        if file.md5 is not None:
            if (found := _digest(path, "md5")) != file.md5:
                what = f"is damaged, or not {name}'s: its MD5 is {found} where {file.md5} is published"
                raise damaged(path, what, again)
            return
        if (reason := _idx_fault(path, file)) is not None:
            raise damaged(path, reason, again)
        if (known := _known_sum(layout, path)) is not None and (found := _digest(path, "sha256")) != known:
            raise damaged(path, f"is damaged: its SHA-256 is {found} where {known} is right", again)
    except OSError as error:
        raise damaged(path, f"cannot be read: {error.strerror or error}", "check its permissions") from None


def _idx_fault(path: Path, stored: Stored) -> str | None:
    """What is wrong with an idx file's header or size: two zero bytes, type, number of axes, big-endian sizes, data."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(16)
    axes, (kind, width) = stored.axes, (0x0C, 4) if stored.integers else (0x08, 1)
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


def _known_sum(layout: Layout, path: Path) -> str | None:
    sums = path.with_name("SHA256SUMS")
    if sums.is_file():
        for line in sums.read_text("utf-8").splitlines():
            digest, _, file = line.partition("  ")
            if file == path.name:
                return digest
    size, digest = layout.known.get(path.name, (0, ""))
    return digest if size == path.stat().st_size else None


def _digest(path: Path, kind: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


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
        stored = [file for file in LAYOUTS[type(data)].files(data) if (part / file.path).is_file()]
        files = [part / file.path for file in stored]
        raw = {(part / file.path).parent for file in stored if file.md5 is None}
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
