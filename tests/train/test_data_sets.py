"""torchvision's data sets in their official formats: read, verified, refused when damaged, downloaded whole or not."""

from __future__ import annotations

import os
import pickle
import struct
from hashlib import md5
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
import torchvision.datasets as tv
from torch import Tensor

from netspec.diagnostics import MissingExtra, ResourceError
from netspec.layers.base import TensorType
from netspec.recipe import Recipe, tables
from netspec.recipe.datasets.torchvision import Torchvision
from netspec.trainer.data import load_data
from netspec.trainer.data.layouts import LAYOUTS, LabelledSTL10
from netspec.trainer.data.torchvision_sets import ensure, load_torchvision

REAL = os.environ.get("NETSPEC_DATA")
needs_real = pytest.mark.skipif(
    not REAL or not (Path(REAL) / "FashionMNIST").is_dir(), reason="NETSPEC_DATA names no folder with FashionMNIST"
)


def recipe(data: str, more: dict[str, Any] | None = None, **arguments: Any) -> Recipe:
    return Recipe(
        data=tables.data_set(data)(**arguments),
        loss=tables.loss("CrossEntropyLoss")(),
        optimizer=tables.optimizer("SGD")(),
        batch_size=4,
        epochs=1,
        **(more or {}),
    )


def write_idx(path: Path, values: Tensor, kind: int = 8) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = struct.pack(">BBBB", 0, 0, kind, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
    path.write_bytes(header + (values.numpy().astype(">i4") if kind == 12 else values.numpy()).tobytes())


def pictures(n: int, side: int = 28) -> Tensor:
    return torch.randint(256, (n, side, side), dtype=torch.uint8, generator=torch.Generator().manual_seed(n))


def write_mnist(root: Path, name: str = "MNIST") -> None:
    raw = root / name / "raw"
    for part, n in (("train", 20), ("t10k", 10)):
        write_idx(raw / f"{part}-images-idx3-ubyte", pictures(n))
        write_idx(raw / f"{part}-labels-idx1-ubyte", (torch.arange(n) % 10).to(torch.uint8))


@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST", "KMNIST"])
def test_the_mnist_family_is_read_as_torchvision_reads_it(tmp_path: Path, name: str) -> None:
    write_mnist(tmp_path, name)
    data = load_data(recipe(name), TensorType((1, 28, 28)), TensorType((10,)), root=tmp_path, download=False)
    reference = getattr(tv, name)(tmp_path, train=False)
    assert data.test is not None
    ((x, y),) = data.test.batches(100)
    for i, (picture, label) in enumerate(reference):
        assert torch.equal(x[i, 0], torch.from_numpy(np.array(picture)) * torch.tensor(1 / 255))
        assert int(y[i]) == label
    assert (len(data.train), len(data.test), data.classes, len(data.names)) == (20, 10, 10, 10)


def test_the_letters_of_emnist_count_from_0(tmp_path: Path) -> None:
    for part in ("train", "test"):
        write_idx(tmp_path / f"EMNIST/raw/emnist-letters-{part}-images-idx3-ubyte", pictures(26))
        labels = torch.arange(1, 27).to(torch.uint8)
        write_idx(tmp_path / f"EMNIST/raw/emnist-letters-{part}-labels-idx1-ubyte", labels)
    parts = load_torchvision(tables.data_set("EMNIST")(split="letters"), tmp_path, download=False)
    assert parts.train.y.tolist() == list(range(26))
    assert (len(parts.names), parts.names[0], parts.classes) == (26, "a", 26)


def test_qmnist_is_tested_on_the_part_that_was_chosen(tmp_path: Path) -> None:
    for part, n in (("train", 12), ("test", 10_030)):
        write_idx(tmp_path / f"QMNIST/raw/qmnist-{part}-images-idx3-ubyte", pictures(n, 2))
        labels = torch.stack([(torch.arange(n) + i) % 10 for i in range(8)], 1).to(torch.int32)
        write_idx(tmp_path / f"QMNIST/raw/qmnist-{part}-labels-idx2-int", labels, kind=12)
    for what, n in (("test", 10_030), ("test10k", 10_000), ("test50k", 30)):
        parts = load_torchvision(tables.data_set("QMNIST")(what=what), tmp_path, download=False)
        assert parts.test is not None
        assert (len(parts.train.y), len(parts.test.y)) == (12, n)
        assert parts.train.y.tolist() == [i % 10 for i in range(12)]


def cifar(monkeypatch: pytest.MonkeyPatch, root: Path, name: str) -> Any:
    """Small files in CIFAR's format, their sums made the published ones."""
    cls = getattr(tv, name)
    folder = root / cls.base_folder
    folder.mkdir()
    key = "labels" if name == "CIFAR10" else "fine_labels"
    generator = np.random.default_rng(0)

    def write(file: str, content: Any) -> list[str]:
        (folder / file).write_bytes(pickle.dumps(content))
        return [file, md5((folder / file).read_bytes()).hexdigest()]

    def batch(file: str) -> list[str]:
        return write(file, {"data": generator.integers(0, 256, (4, 3072), dtype=np.uint8), key: [0, 1, 2, 3]})

    monkeypatch.setattr(cls, "train_list", [batch(file) for file, _ in cls.train_list])
    monkeypatch.setattr(cls, "test_list", [batch(file) for file, _ in cls.test_list])
    names = [f"class {i}" for i in range(4)]
    file, digest = write(cls.meta["filename"], {cls.meta["key"]: names})
    monkeypatch.setattr(cls, "meta", {**cls.meta, "filename": file, "md5": digest})
    return cls


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar_is_read_as_torchvision_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    cls = cifar(monkeypatch, tmp_path, name)
    parts = load_torchvision(tables.data_set(name)(), tmp_path, download=False)
    reference = cls(tmp_path, train=True)
    assert torch.equal(parts.train.x, torch.from_numpy(reference.data).permute(0, 3, 1, 2))  # pyright: ignore[reportArgumentType]
    assert parts.train.y.tolist() == reference.targets
    assert parts.names == ("class 0", "class 1", "class 2", "class 3")


class Payload:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def test_a_pickle_that_is_not_the_published_one_is_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cls = cifar(monkeypatch, tmp_path, "CIFAR10")
    for file, _ in [*cls.train_list, *cls.test_list, (cls.meta["filename"], "")]:
        path = tmp_path / cls.base_folder / file
        whole = path.read_bytes()
        path.write_bytes(pickle.dumps(Payload(tmp_path / "executed")))
        with pytest.raises(ResourceError, match=r"damaged, or not CIFAR10's: its MD5 is .* remove it") as caught:
            load_torchvision(tables.data_set("CIFAR10")(), tmp_path, download=False)
        assert str(path) in str(caught.value)
        assert not (tmp_path / "executed").exists()
        path.write_bytes(whole)
    pickle.loads(pickle.dumps(Payload(tmp_path / "executed")))
    assert (tmp_path / "executed").exists(), "the payload itself must work for this test to mean anything"


@pytest.mark.parametrize("name", tables.DATA_SETS)
def test_every_data_set_has_a_reader_and_torchvision_s_a_layout(name: str) -> None:
    kind = tables.data_set(name)
    assert callable(import_module(f"netspec.trainer.data.{kind.reader}").read)
    assert issubclass(kind, Torchvision) == (kind in LAYOUTS)


def test_stl10_is_read_without_its_unlabelled_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "stl10_binary"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (3, 3, 96, 96), dtype=np.uint8)
    sums = {}
    for part in ("train", "test"):
        (folder / f"{part}_X.bin").write_bytes(images.tobytes())
        (folder / f"{part}_y.bin").write_bytes(bytes([1, 2, 10]))
        sums |= {f: md5((folder / f).read_bytes()).hexdigest() for f in (f"{part}_X.bin", f"{part}_y.bin")}
    cls = LabelledSTL10
    monkeypatch.setattr(cls, "train_list", [[f, sums[f]] for f in ("train_X.bin", "train_y.bin")])
    monkeypatch.setattr(cls, "test_list", [[f, sums[f]] for f in ("test_X.bin", "test_y.bin")])
    parts = load_torchvision(tables.data_set("STL10")(), tmp_path, download=False)
    assert torch.equal(parts.train.x, torch.from_numpy(images).transpose(2, 3))  # pyright: ignore[reportArgumentType]
    assert parts.train.y.tolist() == [0, 1, 9]


def test_svhn_says_that_it_needs_scipy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(MissingExtra, match="pip install scipy"):
        load_torchvision(tables.data_set("SVHN")(), tmp_path, download=False)


# ---- damage


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _extended(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _compressed(path: Path) -> None:
    path.write_bytes(b"\x1f\x8b\x08\x00" + path.read_bytes())


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_truncated, "its header says"),
        (_extended, "its header says"),
        (_empty, "less than an idx header"),
        (_compressed, "begins with 1f 8b 08 00 where 00 00 08"),
        (_folder, "missing"),
    ],
)
@pytest.mark.parametrize("kind", ["images-idx3-ubyte", "labels-idx1-ubyte"])
def test_a_damaged_file_is_a_path_and_a_reason(tmp_path: Path, damage: Any, words: str, kind: str) -> None:
    write_mnist(tmp_path)
    path = tmp_path / "MNIST/raw" / f"t10k-{kind}"
    damage(path)
    with pytest.raises(ResourceError, match=words) as caught:
        load_torchvision(tables.data_set("MNIST")(), tmp_path, download=False)
    assert str(path) in str(caught.value)


def test_images_and_labels_of_different_number_are_refused(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST/raw/train-labels-idx1-ubyte", torch.zeros(19, dtype=torch.uint8))
    with pytest.raises(ResourceError, match="20 images, but 19 labels"):
        load_data(recipe("MNIST"), TensorType((1, 28, 28)), TensorType((10,)), root=tmp_path, download=False)


def test_a_label_that_the_net_has_no_output_for_is_named(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    write_idx(tmp_path / "MNIST/raw/train-labels-idx1-ubyte", torch.tensor([0] * 19 + [200], dtype=torch.uint8))
    with pytest.raises(ResourceError, match=r"example 19 of MNIST in `.*` is of class 200, but the net has 10 outputs"):
        load_data(recipe("MNIST"), TensorType((1, 28, 28)), TensorType((10,)), root=tmp_path, download=False)


@needs_real
def test_one_flipped_bit_in_the_official_files_is_noticed(tmp_path: Path) -> None:
    raw = tmp_path / "FashionMNIST/raw"
    raw.mkdir(parents=True)
    for file in (Path(str(REAL)) / "FashionMNIST/raw").iterdir():
        (raw / file.name).symlink_to(file)
    damaged = raw / "t10k-labels-idx1-ubyte"
    content = bytearray(damaged.read_bytes())
    damaged.unlink()
    content[5000] ^= 1
    damaged.write_bytes(bytes(content))
    with pytest.raises(ResourceError, match=r"t10k-labels-idx1-ubyte` is damaged: its SHA-256 is"):
        load_torchvision(tables.data_set("FashionMNIST")(), tmp_path, download=False)


# ---- downloads


def test_missing_files_are_listed_with_where_they_belong(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    (tmp_path / "MNIST/raw/t10k-images-idx3-ubyte").unlink()
    with pytest.raises(ResourceError, match="missing") as caught:
        ensure(tables.data_set("MNIST")(), tmp_path, download=False)
    assert str(tmp_path / "MNIST/raw/t10k-images-idx3-ubyte") in str(caught.value)
    assert "train-images" not in str(caught.value)


def fake_downloads(monkeypatch: pytest.MonkeyPatch, fail_at: int | None = None) -> list[str]:
    """torchvision's downloads replaced by small files; the one of this number fails."""
    asked: list[str] = []

    def fetch(url: str, download_root: str, **_: Any) -> None:
        name = url.rsplit("/", 1)[1].removesuffix(".gz")
        asked.append(name)
        if fail_at is not None and len(asked) > fail_at:
            raise URLError("no route to host")
        n = 20 if "train" in name else 10
        values = pictures(n) if "images" in name else (torch.arange(n) % 10).to(torch.uint8)
        write_idx(Path(download_root) / name, values)

    monkeypatch.setattr(tv.mnist, "download_and_extract_archive", fetch)
    return asked


def test_a_download_comes_whole_and_is_verified_ever_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = fake_downloads(monkeypatch)
    root = tmp_path / "new"
    assert len(load_torchvision(tables.data_set("MNIST")(), root).train.y) == 20
    assert len(asked) == 4
    assert sorted(p.name for p in root.iterdir()) == ["MNIST"]
    load_torchvision(tables.data_set("MNIST")(), root, download=False)
    assert len(asked) == 4
    path = root / "MNIST/raw/train-images-idx3-ubyte"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ResourceError, match="its SHA-256 is"):
        load_torchvision(tables.data_set("MNIST")(), root)


@pytest.mark.parametrize("fail_at", range(4))
def test_a_download_that_fails_leaves_nothing_and_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    fake_downloads(monkeypatch, fail_at)
    for root in (tmp_path, tmp_path / "data"):
        with pytest.raises(ResourceError, match="could not be downloaded") as caught:
            load_torchvision(tables.data_set("KMNIST")(), root)
        message = str(caught.value)
        assert "no route to host" in message
        assert "NETSPEC_DATA" in message
        assert str(root / "KMNIST/raw/train-images-idx3-ubyte") in message
        assert list(tmp_path.iterdir()) == []


# ---- the real one


@needs_real
def test_the_real_fashion_mnist_is_there_and_divided() -> None:
    more = {"validation": 0.1, "transforms": (tables.transform("Resize")(size=32),)}
    data = load_data(
        recipe("FashionMNIST", more), TensorType((1, 32, 32)), TensorType((10,)), root=REAL, download=False
    )
    assert data.validation is not None
    assert data.test is not None
    assert [len(s) for s in (data.train, data.validation, data.test)] == [54_000, 6_000, 10_000]
    ((x, y),) = list(data.test.batches(256))[:1] if len(data.test) <= 256 else [next(iter(data.test.batches(256)))]
    assert x.shape == (256, 1, 32, 32)
    assert y[:4].tolist() == [9, 2, 1, 1]
    assert data.names[9] == "Ankle boot"


@needs_real
@pytest.mark.parametrize("size", [28, 224])
def test_images_differ_from_a_pil_pipeline_by_one_step_of_255_at_most(size: int) -> None:
    from torchvision.transforms import v2

    reference = tv.FashionMNIST(str(REAL), train=False)
    transform = v2.Compose([v2.Resize(size), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    more = {"transforms": (tables.transform("Resize")(size=size),)}
    shape = TensorType((1, size, size))
    data = load_data(recipe("FashionMNIST", more), shape, TensorType((10,)), root=REAL, download=False)
    assert data.test is not None
    x, _ = next(iter(data.test.batches(64)))
    expected = torch.stack([transform(reference[i][0]) for i in range(64)])
    assert (x - expected).abs().max() <= 1 / 255 + 1e-6
