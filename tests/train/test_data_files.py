"""Data of the user's own: folders of images, files of tensors, synthetic examples; and what is wrong with them."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import netspec
from netspec.diagnostics import ResourceError
from netspec.layers.base import DType, TensorType
from netspec.recipe import Recipe, tables
from netspec.trainer.data import Batch, DataSplits, Split, load_data
from netspec.trainer.data.listing import list_folder
from netspec.trainer.data.streamed import Streamed
from tests.train.programs import pictures_spec
from tests.train.small_runs import finish


def load(
    data: str,
    arguments: dict[str, Any],
    input: tuple[int, ...],
    output: tuple[int, ...] = (3,),
    *,
    loss: str = "CrossEntropyLoss",
    dtype: DType = "float32",
    budget: int | None = None,
    **more: Any,
) -> DataSplits:
    recipe = Recipe(
        data=tables.data_set(data)(**arguments),
        loss=tables.loss(loss)(),
        optimizer=tables.optimizer("SGD")(),
        batch_size=4,
        epochs=1,
        **more,
    )
    return load_data(recipe, TensorType(input, dtype), TensorType(output), budget=budget, workers=0)


def whole(split: Split | None, **options: Any) -> Batch:
    assert split is not None
    batches = list(split.batches(4, **options))
    return Batch(torch.cat([b.x for b in batches]), torch.cat([b.y for b in batches]))


# ---- folders

SIZED = (tables.transform("Resize")(size=12), tables.transform("CenterCrop")(size=10))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures of different sizes and modes in three classes."""
    generator = torch.Generator().manual_seed(0)
    for part, n in (("train", 4), ("test", 2)):
        for label in ("cat", "dog", "eel"):
            (tmp_path / part / label).mkdir(parents=True)
            for i in range(n):
                height, width = 12 + 3 * i, 20 - 2 * i
                pixels = torch.randint(256, (height, width, 3), dtype=torch.uint8, generator=generator)
                image = Image.fromarray(pixels.numpy())
                image.convert(("RGB", "L", "RGBA", "P")[i]).save(tmp_path / part / label / f"{i}.png")
    return tmp_path


def test_a_folder_of_pictures_is_what_torchvision_makes_of_it(folder: Path) -> None:
    data = load("folder", {"path": str(folder)}, (3, 10, 10), transforms=SIZED)
    assert data.names == ("cat", "dog", "eel")
    assert (len(data.train), data.classes) == (12, 3)
    x, y = whole(data.test)
    reference = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Resize(12), v2.CenterCrop(10)])
    paths = sorted((folder / "test").rglob("*.png"))
    expected = torch.stack([reference(Image.open(path).convert("RGB")) for path in paths])
    assert (x - expected).abs().max() <= 0.5 / 255 + 1e-6
    assert y.tolist() == [0, 0, 1, 1, 2, 2]


def test_pictures_beyond_the_budget_are_streamed_alike(folder: Path) -> None:
    arguments = {"path": str(folder), "channels": 1}
    more: dict[str, Any] = {
        "transforms": (*SIZED, tables.transform("Normalize")(mean=(0.5,), std=(0.5,))),
        "augment": (tables.transform("RandomHorizontalFlip")(),),
        "validation": 0.25,
    }
    kept, streamed = (load("folder", arguments, (1, 10, 10), budget=b, **more) for b in (10**6, 0))
    assert isinstance(streamed.train, Streamed)
    for name in ("train", "validation", "test"):
        a, b = (whole(d.split(name), shuffle=True, augment=True, epoch=2) for d in (kept, streamed))
        assert torch.equal(a.x, b.x)
        assert torch.equal(a.y, b.y)


def test_pictures_of_one_size_need_no_transform_and_others_are_named(folder: Path) -> None:
    arguments = {"path": str(folder), "test": None}
    with pytest.raises(
        ResourceError, match=r"dog.*png` is 3 × \d+ × \d+, but `.*0.png` is 3 × 12 × 20; transforms that fix"
    ):
        for i in range(4):
            (folder / "train/cat" / f"{i}.png").unlink()
            Image.new("RGB", (20, 12)).save(folder / "train/cat" / f"{i}.png")
        load("folder", arguments, (3, 12, 20))
    for path in (folder / "train").rglob("*.png"):
        Image.new("RGB", (20, 12)).save(path)
    assert load("folder", arguments, (3, 12, 20)).test is None


@pytest.mark.parametrize("budget", [10**6, 0])
def test_a_damaged_picture_is_a_path_and_a_reason(folder: Path, budget: int) -> None:
    path = folder / "train/dog/2.png"
    path.write_bytes(path.read_bytes()[:60])
    with pytest.raises(ResourceError, match=r"^`.*train/dog/2.png` is no readable picture"):
        whole(load("folder", {"path": str(folder)}, (3, 10, 10), transforms=SIZED, budget=budget).train)


def test_folders_that_are_missing_empty_or_of_other_classes_are_told_apart(folder: Path) -> None:
    def message(**arguments: Any) -> str:
        with pytest.raises(ResourceError) as caught:
            load("folder", {"path": str(folder)} | arguments, (3, 10, 10), transforms=SIZED)
        return str(caught.value)

    assert "/no` of train images; images belong in one folder per class" in message(train="no")
    assert "write `test: null`" in message(test="no")
    (folder / "validation/fox").mkdir(parents=True)
    assert "no picture in the folders of its classes" in message(validation="validation")
    Image.new("RGB", (20, 20)).save(folder / "validation/fox/0.png")
    assert "has classes that" in message(validation="validation")
    assert "does not have: fox;" in message(validation="validation")


def test_an_empty_class_to_train_on_is_refused_and_to_test_on_is_mentioned(folder: Path) -> None:
    (folder / "train" / "owl").mkdir()
    with pytest.raises(ResourceError, match=r"no picture in `.*train/owl`; put some there, or remove the folder"):
        load("folder", {"path": str(folder)}, (3, 10, 10), transforms=SIZED)
    (folder / "train" / "owl").rmdir()
    shutil.rmtree(folder / "test" / "cat")
    for picture in (folder / "test" / "eel").iterdir():
        picture.unlink()
    data = load("folder", {"path": str(folder)}, (3, 10, 10), transforms=SIZED)
    assert data.notes == (f"note: `{folder}/test` has no picture of cat, eel",)
    assert data.names == ("cat", "dog", "eel")
    assert set(whole(data.test).y.tolist()) == {1}


def test_what_is_hidden_is_not_there_and_what_is_skipped_is_mentioned(folder: Path) -> None:
    plain = load("folder", {"path": str(folder)}, (3, 10, 10), transforms=SIZED)
    for hidden in ("train/.ipynb_checkpoints", "train/dog/.ipynb_checkpoints"):
        (folder / hidden).mkdir()
        shutil.copy(folder / "train/dog/1.png", folder / hidden / "1-checkpoint.png")
    (folder / "train/dog/._1.png").write_bytes(b"what another system hides")
    for name in ("dog/a.txt", "dog/b.TXT", "cat/c.avif", "cat/README"):
        (folder / "train" / name).write_bytes(b"")
    data = load("folder", {"path": str(folder)}, (3, 10, 10), transforms=SIZED)
    assert torch.equal(whole(data.train).x, whole(plain.train).x)
    assert data.fingerprint == plain.fingerprint
    assert data.notes == (
        f"note: of `{folder}/train` 4 files by their endings no pictures are passed over: "
        "no ending (1), .avif (1), .txt (2)",
    )


def test_deep_folders_are_read_in_the_order_of_torchvision(folder: Path) -> None:
    for name in ("b/1.png", "b/x/2.PNG", "a.png", "c-c/0.png", "c/9.png", "10.png", "b/0.png"):
        target = folder / "train/dog" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "train/cat/1.png", target)
    ours = list_folder(folder / "train")
    theirs = ImageFolder(folder / "train")
    assert list(ours.classes) == theirs.classes
    assert [path for paths in ours.classes.values() for path in paths] == [path for path, _ in theirs.samples]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names of files are text")
def test_a_class_whose_name_is_no_text_is_trained_and_shown(folder: Path, tmp_path: Path) -> None:
    for part in ("train", "test"):
        (folder / part / "eel").rename(os.fsdecode(os.fsencode(folder / part) + b"/caf\xe9"))
    text = pictures_spec(folder, epochs=1)
    result = finish(netspec.loads(text), tmp_path / "run", report=True)
    assert "caf\\xe9" in (result.run / "report.html").read_text()
    assert json.loads((result.run / "environment.json").read_text())["data"]["names"] == ["caf\\xe9", "cat", "dog"]


@pytest.mark.parametrize("budget", [10**6, 0])
def test_all_damaged_pictures_are_named_at_once(budget: int, folder: Path) -> None:
    wrong = [folder / "train/cat/0.png", folder / "train/dog/2.png", folder / "test/eel/1.png"]
    for number, path in enumerate(wrong):
        path.write_bytes(path.read_bytes()[: 40 * number])
    with pytest.raises(ResourceError) as caught:
        data = load("folder", {"path": str(folder)}, (3, 10, 10), transforms=SIZED, budget=budget)
        whole(data.train)
    named = [path for path in wrong if f"`{path}` is no readable picture" in str(caught.value)]
    assert named == wrong[: 3 if budget else 2]
    assert str(caught.value).startswith(f"{len(named)} pictures cannot be used\n")


# ---- tensors


def save(path: Path, **tensors: Tensor) -> str:
    save_file({name: t.clone() for name, t in tensors.items()}, path)
    return str(path)


def test_tensors_are_given_as_they_are(tmp_path: Path) -> None:
    x, y = torch.randn(10, 7), torch.arange(10) % 3
    train, test = save(tmp_path / "a", x=x, y=y), save(tmp_path / "b", x=x[:4], y=y[:4].view(4, 1))
    data = load("tensors", {"train": train, "test": test}, (7,))
    assert torch.equal(whole(data.train).x, x)
    assert torch.equal(whole(data.test).y, y[:4])
    assert data.classes == 3


def test_bytes_are_images_and_integers_stay_integers(tmp_path: Path) -> None:
    pixels = torch.randint(256, (5, 1, 8, 8), dtype=torch.uint8)
    train = save(tmp_path / "a", x=pixels, y=torch.zeros(5, dtype=torch.int64))
    resize = (tables.transform("Resize")(size=16),)
    assert whole(load("tensors", {"train": train}, (1, 16, 16), transforms=resize).train).x.shape == (5, 1, 16, 16)
    words = torch.randint(100, (5, 12))
    train = save(tmp_path / "b", x=words.to(torch.int32), y=torch.zeros(5, dtype=torch.int64))
    assert torch.equal(whole(load("tensors", {"train": train}, (12,), dtype="int64").train).x, words)


def test_values_are_targets_of_a_loss_that_compares_them(tmp_path: Path) -> None:
    x, y = torch.randn(6, 4), torch.randn(6, 2)
    data = load("tensors", {"train": save(tmp_path / "a", x=x, y=y)}, (4,), (2,), loss="MSELoss", validation=0.5)
    assert data.classes is None
    assert data.validation is not None
    assert len(data.train) == len(data.validation) == 3
    assert torch.equal(whole(data.train).y, y[data.train.rows])


FLOATS, CLASSES = torch.randn(6, 4), torch.arange(6) % 3


@pytest.mark.parametrize(
    ("tensors", "loss", "words"),
    [
        ({"x": FLOATS}, "CrossEntropyLoss", "holds x, but `x` and `y` are wanted"),
        ({"x": FLOATS, "y": CLASSES[:5]}, "CrossEntropyLoss", "6 examples in `x`, but 5 targets in `y`"),
        ({"x": FLOATS[:, :3].contiguous(), "y": CLASSES}, "CrossEntropyLoss", "is 3, but the net's input is 4"),
        (
            {"x": FLOATS, "y": FLOATS},
            "CrossEntropyLoss",
            "float32, but CrossEntropyLoss wants int64 classes; store them as `y.long()`",
        ),
        (
            {"x": FLOATS, "y": CLASSES + 1},
            "CrossEntropyLoss",
            "is of class 3, but the net has 3 outputs, from class 0 on; if they count from 1, store `y - 1`",
        ),
        (
            {"x": FLOATS, "y": CLASSES.masked_fill(CLASSES == 2, 255)},
            "CrossEntropyLoss",
            "if 255 marks what has no class, write `loss: {CrossEntropyLoss: {ignore_index: 255}}`",
        ),
        ({"x": FLOATS, "y": CLASSES + 3}, "MultiMarginLoss", "is of class 5, but the net has 3 outputs"),
        ({"x": FLOATS, "y": CLASSES - 1}, "CrossEntropyLoss", "is -1, but classes count from 0"),
        (
            {"x": FLOATS / torch.tensor([1, 1, 0, 1.0]), "y": CLASSES},
            "CrossEntropyLoss",
            "in example 0 of `x` that is not finite",
        ),
        (
            {"x": FLOATS, "y": torch.stack([CLASSES] * 2, 1)},
            "CrossEntropyLoss",
            "shape [2], but the net's output [3] wants []",
        ),
        (
            {"x": FLOATS, "y": CLASSES},
            "MSELoss",
            "int64, but MSELoss compares float32 values; store them as `y.float()`",
        ),
        ({"x": FLOATS, "y": FLOATS}, "MSELoss", "is 4, but the net's output is 3"),
        ({"x": FLOATS, "y": FLOATS[:, :3] + 9}, "BCEWithLogitsLoss", "targets between 0 and 1"),
        ({"x": FLOATS[:0], "y": CLASSES[:0]}, "CrossEntropyLoss", "has no train examples"),
        (
            {"x": FLOATS.to(torch.int64), "y": CLASSES},
            "CrossEntropyLoss",
            "int64, but the net's input is float32; store them as `x.float()`",
        ),
        ({"x": FLOATS > 0, "y": CLASSES}, "CrossEntropyLoss", "has bool in `x`"),
    ],
)
def test_tensors_that_do_not_fit_the_net_are_refused(
    tmp_path: Path, tensors: dict[str, Tensor], loss: str, words: str
) -> None:
    train = save(tmp_path / "t.safetensors", **tensors)
    with pytest.raises(ResourceError) as caught:
        load("tensors", {"train": train}, (4,), loss=loss)
    assert words in str(caught.value)
    assert "t.safetensors" in str(caught.value)


def test_files_that_are_no_safetensors_are_refused_and_never_executed(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "executed",))

    good = Path(save(tmp_path / "good", x=FLOATS, y=CLASSES)).read_bytes()
    for name, content in (
        ("pickle", pickle.dumps(Payload())),
        ("empty", b""),
        ("cut", good[:-1]),
        ("header", b"\xff" * 8 + good[8:]),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(ResourceError, match=f"{name}` is no readable safetensors file"):
            load("tensors", {"train": str(path)}, (4,))
    assert not (tmp_path / "executed").exists()
    with pytest.raises(ResourceError, match=r"there is no file `.*absent`"):
        load("tensors", {"train": str(tmp_path / "absent")}, (4,))


@pytest.mark.parametrize(
    ("target", "output", "mend"),
    [
        ((), (1,), "store `y` as N × 1: `y.unsqueeze(1)`"),
        ((2,), (2, 1), "store `y` as N × 2 × 1: `y.unsqueeze(2)`"),
        ((1,), (), "store `y` as N: `y.squeeze(1)`"),
    ],
)
def test_values_that_lack_an_axis_of_one_are_told_how_to_get_it_and_then_they_fit(
    tmp_path: Path, target: tuple[int, ...], output: tuple[int, ...], mend: str
) -> None:
    y = torch.randn(6, *target)
    with pytest.raises(ResourceError) as caught:
        load("tensors", {"train": save(tmp_path / "t", x=FLOATS, y=y)}, (4,), output, loss="MSELoss")
    assert str(caught.value).endswith(mend)
    mended = y.squeeze(1) if "squeeze(1)" in mend and output == () else y.unsqueeze(len(output))
    data = load("tensors", {"train": save(tmp_path / "t", x=FLOATS, y=mended)}, (4,), output, loss="MSELoss")
    assert whole(data.train).y.shape == (6, *output)


def test_other_widths_of_numbers_are_read_as_the_reference_says(tmp_path: Path) -> None:
    for x, y, loss in (
        (FLOATS.double(), FLOATS[:, :3].double(), "MSELoss"),
        (FLOATS.half(), CLASSES.to(torch.uint8), "CrossEntropyLoss"),
        (FLOATS.bfloat16(), CLASSES.to(torch.int16), "CrossEntropyLoss"),
    ):
        batch = whole(load("tensors", {"train": save(tmp_path / "t", x=x, y=y)}, (4,), loss=loss).train)
        assert torch.equal(batch.x, x.float())
        assert batch.y.dtype == (torch.float32 if loss == "MSELoss" else torch.int64)
        assert torch.equal(batch.y.double(), y.float().double())


def test_pictures_of_another_size_are_told_the_resize_that_mends_them(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("cat", "dog", "eel"):
            (tmp_path / part / label).mkdir(parents=True)
            Image.new("RGB", (50, 40)).save(tmp_path / part / label / "0.png")
    mend = (tables.transform("Resize")(size=(32, 32)),)
    for before, channels, words in (
        ((), 3, "is 3 × 40 × 50, but the net's input is 3 × 32 × 32; write `transforms: [Resize: {size: [32, 32]}]`"),
        ((tables.transform("Resize")(size=32),), 3, "3 × 32 × 32; write `transforms: [Resize: {size: [32, 32]}]`"),
        ((), 1, "is 1 × 40 × 50, but the net's input is 3 × 32 × 32; write `transforms: [Grayscale: 3, Resize:"),
    ):
        arguments = {"path": str(tmp_path), "channels": channels}
        with pytest.raises(ResourceError) as caught:
            load("folder", arguments, (3, 32, 32), transforms=before)
        assert words in str(caught.value)
    data = load("folder", {"path": str(tmp_path)}, (3, 32, 32), transforms=mend)
    assert whole(data.train).x.shape == (3, 3, 32, 32)


# ---- synthetic


@pytest.mark.parametrize(
    ("arguments", "shape", "dtype"),
    [({}, (2, 9, 9), "float32"), ({}, (20,), "float32"), ({"vocabulary": 50}, (16,), "int64")],
)
def test_synthetic_examples_have_the_net_s_shape_and_can_be_told_apart(
    arguments: dict[str, Any], shape: tuple[int, ...], dtype: DType
) -> None:
    data = load("synthetic", {"train": 200, "test": 100} | arguments, shape, dtype=dtype)
    x, y = whole(data.train)
    assert x.shape == (200, *shape)
    assert str(x.dtype) == f"torch.{dtype}"
    means = torch.stack([x[y == c].double().mean(0) for c in range(3)]).flatten(1)
    if dtype == "int64":
        means = torch.stack([x[y == c].mode(0).values for c in range(3)]).double()
    test_x, test_y = whole(data.test)
    nearest = torch.cdist(test_x.double().flatten(1), means, p=0 if dtype == "int64" else 2).argmin(1)
    assert (nearest == test_y).double().mean() > 0.95


def test_synthetic_examples_depend_on_their_seed_alone() -> None:
    a, b, c = (load("synthetic", {"seed": seed}, (5,)) for seed in (1, 1, 2))
    assert torch.equal(whole(a.train).x, whole(b.train).x)
    assert not torch.equal(whole(a.train).x, whole(c.train).x)
    assert a.fingerprint == b.fingerprint != c.fingerprint


def test_synthetic_values_have_the_shape_of_the_output() -> None:
    data = load("synthetic", {}, (5,), (2, 3), loss="MSELoss")
    assert whole(data.train).y.shape == (1024, 2, 3)
    assert data.classes is None


def test_synthetic_classes_stand_at_every_position_of_the_output() -> None:
    _, y = whole(load("synthetic", {"train": 8, "test": 4}, (1, 6, 6), (5, 6, 6)).train)
    assert y.shape == (8, 6, 6)
    assert (y == y[:, :1, :1]).all()


def test_transforms_are_held_against_the_net_s_input() -> None:
    with pytest.raises(
        ResourceError, match=r"3 × 6 × 6 after the transforms \(3 × 9 × 9 as stored\), but .* 3 × 9 × 9"
    ):
        load("synthetic", {}, (3, 9, 9), transforms=(tables.transform("Resize")(size=6),))
