"""Pairs of pictures in files: they are found by their names, move together, and train as the tensors made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision.transforms.v2.functional as tvf
from click.testing import Result
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

import netspec
from netspec.cli import cli
from netspec.diagnostics import NetspecError
from netspec.trainer.measure.evaluation import evaluating
from tests.commands import invoke
from tests.train.small_runs import finish, run_until


def netspec_(*words: object) -> Result:
    return invoke(cli, *words)


def picture(seed: int, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """An image uint8 (3, H, W) with two squares, and the mask int64 (H, W) of their classes."""
    draw = np.random.default_rng(seed)
    height, width = size
    image = draw.integers(0, 60, (3, height, width)).astype(np.uint8)
    mask = np.zeros((height, width), np.int64)
    for kind in (1, 2):
        y, x = draw.integers(0, height - 8), draw.integers(0, width - 8)
        image[kind, y : y + 8, x : x + 8] = 200
        mask[y : y + 8, x : x + 8] = kind
    return torch.from_numpy(image), torch.from_numpy(mask)


def write(
    folder: Path, count: int, first: int = 0, values: tuple[int, ...] = (0, 1, 2), *, sizes: bool = False
) -> None:
    """Pairs as PNG, of one size, or each of its own."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        size = (20 + number % 5, 24 - number % 3) if sizes else (16, 16)
        image, mask = picture(number, size)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(folder / "images" / f"p{number}.png")
        shades = torch.tensor(values)[mask.clamp(max=len(values) - 1)]
        Image.fromarray(shades.numpy().astype(np.uint8)).save(folder / "masks" / f"p{number}.png")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spec(data: str, size: int = 16, outputs: int = 3, loss: str = "CrossEntropyLoss", **more: Any) -> str:
    keys = "".join(f"  {key}: {value}\n" for key, value in ({"epochs": 2} | more).items())
    return (
        f"name: seg\ninput: [3, {size}, {size}]\nlayers:\n  - Conv2d: {{out_channels: 4, kernel_size: 3, padding: 1}}\n"
        f"  - ReLU\n  - Conv2d: {{out_channels: {outputs}, kernel_size: 1}}\ntrain:\n  data: {{{data}}}\n"
        f"  batch_size: 4\n  optimizer: {{Adam: {{lr: 0.01}}}}\n  loss: {loss}\n{keys}"
    )


PAIRS = "pairs: {path: p, inputs: images/*.png}"
MOVED = "[RandomHorizontalFlip, {RandomCrop: {size: 16, padding: 2}}]"
IGNORING = "{CrossEntropyLoss: {ignore_index: 255}}"


def stacked(first: int, count: int) -> tuple[Tensor, Tensor]:
    x, y = zip(*(picture(number, (16, 16)) for number in range(first, first + count)), strict=True)
    return torch.stack(x), torch.stack(y)


@pytest.mark.slow
def test_pairs_train_to_the_bit_as_the_tensors_that_hold_them_in_memory_or_streamed(here: Path) -> None:
    write(here / "p" / "train", 10)
    write(here / "p" / "test", 3, 10)
    order = sorted(f"p{number}" for number in range(10))  # by the names of the files
    x, y = stacked(0, 10)
    rows = [int(name[1:]) for name in order]
    save_file({"x": x[rows], "y": y[rows]}, "train.safetensors")
    x, y = stacked(10, 3)
    save_file({"x": x, "y": y}, "test.safetensors")
    tensors = "tensors: {train: train.safetensors, test: test.safetensors}"
    more: dict[str, Any] = {"loss": IGNORING, "augment": MOVED, "metrics": "[JaccardIndex]"}
    plain = finish(netspec.loads(spec(tensors, **more)), here / "plain")
    for name, options in (
        ("memory", {}),
        ("streamed", {"budget": 0, "workers": 0}),
        ("workers", {"budget": 0, "workers": 2}),
    ):
        own = netspec.train(netspec.loads(spec(PAIRS, **more)), run=here / name, quiet=True, **options)
        assert (own.run / "model.safetensors").read_bytes() == (plain.run / "model.safetensors").read_bytes(), name
        assert [r.parts for r in own.records] == [r.parts for r in plain.records]


def test_masks_move_with_their_pictures_by_the_nearest_pixel(here: Path) -> None:
    """Held against torchvision's own on the files, each pair of a size of its own."""
    write(here / "p" / "train", 6, sizes=True)
    transforms = "[Resize: {size: [18, 20]}, CenterCrop: 16, Normalize: {mean: [0.5, 0.5, 0.5], std: [1, 1, 1]}]"
    data = PAIRS.replace("}", ", test: null}")
    run = netspec.open_run(finish(netspec.loads(spec(data, transforms=transforms, epochs=1)), here / "run").run)
    (batch,) = run.data["train"].batches(10)
    for number in range(6):
        image, mask = picture(number, (20 + number % 5, 24 - number % 3))
        small = tvf.center_crop(tvf.resize(image.float() / 255, [18, 20], antialias=True), [16, 16])
        assert (batch.x[number] - (small - 0.5)).abs().max() <= 1 / 510 + 1e-6
        moved = tvf.resize(mask.unsqueeze(0).to(torch.uint8), [18, 20], tvf.InterpolationMode.NEAREST)
        assert torch.equal(batch.y[number], tvf.center_crop(moved, [16, 16])[0].long())


@pytest.mark.slow
def test_a_run_on_pairs_resumes_to_the_bit(here: Path) -> None:
    write(here / "p" / "train", 9)
    write(here / "p" / "test", 3, 9)
    net = netspec.loads(spec(PAIRS, loss=IGNORING, augment=MOVED, validation=0.3))
    whole = finish(net, here / "whole")
    run_until(net, here / "parts", 3)
    parts = finish(net, here / "parts")
    assert (whole.run / "model.safetensors").read_bytes() == (parts.run / "model.safetensors").read_bytes()


def test_names_in_a_file_choose_the_pairs(here: Path) -> None:
    write(here / "p", 6)
    (here / "p" / "train.txt").write_text("p1\np3\n\np5\n")
    (here / "p" / "val.txt").write_text("p0\np2\n")
    data = "pairs: {path: p, inputs: images/*.png, train: train.txt, test: val.txt}"
    run = netspec.open_run(finish(netspec.loads(spec(data, epochs=1)), here / "run").run)
    (train,), (test,) = run.data["train"].batches(9), run.data["test"].batches(9)
    assert torch.equal(train.y, torch.stack([picture(n, (16, 16))[1] for n in (1, 3, 5)]))
    assert torch.equal(test.y, torch.stack([picture(n, (16, 16))[1] for n in (0, 2)]))


@pytest.mark.parametrize("values", [(0, 255), (0, 1)])
def test_a_mask_of_two_values_is_a_label_for_each_pixel(values: tuple[int, int], here: Path) -> None:
    write(here / "p" / "train", 5, values=values)
    data = PAIRS.replace("}", ", test: null}")
    text = spec(data, outputs=1, loss="BCEWithLogitsLoss", epochs=1)
    run = netspec.open_run(finish(netspec.loads(text), here / "run").run)
    (batch,) = run.data["train"].batches(9)
    assert torch.equal(batch.y[:, 0], torch.stack([(picture(n, (16, 16))[1] > 0).float() for n in range(5)]))


def test_grey_values_that_are_no_indices_are_named(here: Path) -> None:
    write(here / "p" / "train", 4, values=(10, 90, 200))
    data = PAIRS.replace("}", ", test: null, values: [10, 90, 200]}")
    run = netspec.open_run(finish(netspec.loads(spec(data, epochs=1)), here / "run").run)
    (batch,) = run.data["train"].batches(9)
    assert torch.equal(batch.y, torch.stack([picture(n, (16, 16))[1] for n in range(4)]))


def test_the_target_of_a_loss_of_values_is_a_picture(here: Path) -> None:
    write(here / "p" / "train", 4)
    data = "pairs: {path: p, inputs: images/*.png, targets: images/p*.png, test: null}"
    (here / "p" / "train" / "images" / "p").mkdir()
    data = "pairs: {path: p, inputs: images/p*.png, targets: images/*.png, test: null}"
    for number in range(4):
        (here / "p" / "train" / "images" / f"{number}.png").write_bytes(
            (here / "p" / "train" / "images" / f"p{number}.png").read_bytes()
        )
    run = netspec.open_run(finish(netspec.loads(spec(data, loss="MSELoss", epochs=1)), here / "run").run)
    (batch,) = run.data["train"].batches(9)
    assert torch.allclose(batch.x, batch.y) and batch.y.shape == (4, 3, 16, 16)


@pytest.mark.parametrize("kind", ["classes", "labels", "values"])
def test_predictions_are_written_as_pictures(kind: str, here: Path) -> None:
    write(here / "p" / "train", 4, values=(0, 1, 2) if kind == "classes" else (0, 255))
    loss, outputs = {"classes": ("CrossEntropyLoss", 3), "labels": ("BCEWithLogitsLoss", 1), "values": ("L1Loss", 1)}[
        kind
    ]
    data = PAIRS.replace("}", ", test: null}")
    result = finish(netspec.loads(spec(data, loss=loss, outputs=outputs, epochs=1)), here / "run")
    told = netspec_("predict", result.run, "p/train/images/p0.png", "p/train/images/p3.png", "-o", "out")
    assert told.output.split() == ["out/p0.png", "out/p3.png"]
    run = netspec.open_run(result.run)
    for number in (0, 3):
        x = picture(number, (16, 16))[0].float().unsqueeze(0) / 255
        with evaluating(run.model):
            output = run.model(x)[0]
        shades = (output[0] * 255).round().clamp(0, 255)
        expected = {"classes": output.argmax(0), "labels": (output[0] > 0) * 255, "values": shades}[kind]
        written = torch.from_numpy(np.asarray(Image.open(f"out/p{number}.png")).astype(np.int64))
        assert (written - expected.long()).abs().max() <= (1 if kind == "values" else 0)


@pytest.mark.parametrize("name", ["out.csv", "out.PNG", "there"])
def test_pictures_are_written_into_a_folder_that_is_called_so(name: str, here: Path) -> None:
    write(here / "p" / "train", 3)
    run = finish(netspec.loads(spec(PAIRS.replace("}", ", test: null}"), epochs=1)), here / "run").run
    Path("there").write_text("")
    told = str(netspec_("predict", run, "p/train/images/p0.png", "-o", name).exception)
    way = "is a file" if name == "there" else "gives a picture for each picture: name a folder, such as `out`"
    assert f"`{name}`" in told and way in told
    assert sorted(path.name for path in here.iterdir()) == ["p", "run", "there"]
    assert netspec_("predict", run, "p/train/images/p0.png", "-o", "out").exit_code == 0


# ---- what is wrong


def wrong(words: str, data: str = PAIRS, **more: Any) -> None:
    with pytest.raises(NetspecError) as caught:
        netspec.train(netspec.loads(spec(data, **more)), run="run", quiet=True)
    assert words in str(caught.value).replace(f"{Path.cwd()}/", "")
    assert not Path("run").exists()


def test_pairs_that_cannot_be_used_are_told_with_their_files(here: Path) -> None:
    wrong("there is no folder `p/train` of train pairs; `train: .` takes")
    write(here / "p" / "train", 3)
    wrong("there is no folder `p/test` of test pairs; name it by `test:`, or write `test: null`")
    write(here / "p" / "test", 2)
    (here / "p" / "train" / "masks" / "p1.png").rename(here / "p" / "train" / "masks" / "q1.png")
    wrong("1 target of 3 is not there, such as `p/train/masks/p1.png`")
    (here / "p" / "train" / "masks" / "q1.png").rename(here / "p" / "train" / "masks" / "p1.png")
    image, mask = Image.new("RGB", (16, 16), (9, 8, 7)), Image.new("L", (15, 16))
    mask.save(here / "p" / "train" / "masks" / "p1.png")
    wrong("`p/train/masks/p1.png` is 16 × 15, but `p/train/images/p1.png`, whose target it is, is 16 × 16")
    image.save(here / "p" / "train" / "masks" / "p1.png")
    wrong(
        "`p/train/masks/p1.png` is a coloured picture, and a mask has a number for each pixel; save it with a palette"
    )
    (here / "p" / "train" / "masks" / "p1.png").write_bytes(b"no picture")
    wrong("`p/train/masks/p1.png` is no readable picture")


TRAIN = PAIRS.replace("}", ", test: null}")


def test_values_that_are_no_classes_are_told_with_the_line_to_write(here: Path) -> None:
    write(here / "p" / "train", 3, values=(0, 255))
    wrong("the masks of `p` hold the values 0, 255, and the net has 3 outputs, from class 0 on: write "
          "`values: [0, 255]`, which makes them 0, 1, and let its last layer give 2", TRAIN)  # fmt: skip
    data = TRAIN.replace("}", ", values: [0, 255]}")
    finish(netspec.loads(spec(data, outputs=2, epochs=1)), here / "told")


def test_masks_of_which_one_value_counts_are_told(here: Path) -> None:
    write(here / "p" / "train", 3, values=(0, 255))
    wrong("hold the values 0, 255 alone, and the loss leaves 255 out: what counts is one class; for two write "
          "`values: [0, 255]` and no `ignore_index`", TRAIN, outputs=2, loss=IGNORING)  # fmt: skip


def test_a_value_behind_the_classes_may_mark_what_has_none(here: Path) -> None:
    write(here / "p" / "train", 3, values=(0, 1, 255))
    told = "if 255 marks what has no class, write `loss: {CrossEntropyLoss: {ignore_index: 255}}`; else write "
    told += "`values: [0, 1, 255]`, which makes them 0, 1, 2, and let its last layer give 3"
    wrong(told, TRAIN, outputs=2)
    finish(netspec.loads(spec(TRAIN, outputs=2, epochs=1, loss=IGNORING)), here / "told")


def test_too_few_outputs_are_told_with_their_number(here: Path) -> None:
    write(here / "p" / "train", 3)
    wrong("and the net has 2 outputs, from class 0 on: let its last layer give 3", TRAIN, outputs=2)


def test_masks_of_mixed_values_are_told(here: Path) -> None:
    write(here / "p" / "train", 3)
    shades = np.arange(256, dtype=np.uint8).reshape(16, 16)
    Image.fromarray(shades).save(here / "p" / "train" / "masks" / "p1.png")
    wrong("0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, …, 256 of them, too many for 3 classes", TRAIN)


def test_a_value_that_is_not_named_is_told_with_the_line_to_write(here: Path) -> None:
    write(here / "p" / "train", 3, values=(0, 7, 9))
    data = TRAIN.replace("}", ", values: [0, 7]}")
    wrong("has the value 9, and a mask here has 0, 7; write `values: [0, 7, 9]` with an output for each", data)
    finish(netspec.loads(spec(data.replace("7]", "7, 9]"), epochs=1)), here / "told")


def test_labels_of_other_values_are_told_with_the_line_to_write(here: Path) -> None:
    write(here / "p" / "train", 3, values=(0, 128))
    more: dict[str, Any] = {"outputs": 1, "loss": "BCEWithLogitsLoss", "epochs": 1}
    wrong("has the value 128, and a mask here has 0, 255; write `values: [0, 128]`", TRAIN, **more)
    finish(netspec.loads(spec(TRAIN.replace("}", ", values: [0, 128]}"), **more)), here / "told")
    write(here / "p" / "train", 3)
    wrong("for classes write `loss: CrossEntropyLoss`, with an output for each", TRAIN, **more)


def test_a_pattern_that_matches_nothing_is_answered_with_what_there_is(here: Path) -> None:
    write(here / "p" / "train", 3)
    wrong("`p/train/images/*.jpg` names no picture, but there are 3 `*.png` in `p/train/images`; write "
          "`inputs: images/*.png`", "pairs: {path: p, test: null}")  # fmt: skip
    wrong("there is no folder `p/train/pictures`; in `p/train` there are the folders `images`, `masks`",
          "pairs: {path: p, test: null, inputs: pictures/*.png}")  # fmt: skip
    wrong("3 targets of 3 are not there, such as `p/train/masks/p0.gif`, but there are 3 `*.png` in `p/train/masks`; "
          "write `targets: masks/*.png`", TRAIN.replace("}", ", targets: masks/*.gif}"))  # fmt: skip
    (here / "p" / "train.txt").write_text("\n")
    wrong("`p/train.txt` names no picture: write the name of a pair on each line",
          "pairs: {path: p, test: null, train: train.txt}")  # fmt: skip


def test_pictures_of_several_sizes_need_a_transform(here: Path) -> None:
    write(here / "p" / "train", 3, sizes=True)
    wrong("transforms that fix the size, such as `Resize: {size: [224, 224]}`", PAIRS.replace("}", ", test: null}"))


def test_values_are_scaled_after_what_moves_pixels(here: Path) -> None:
    write(here / "p" / "train", 3)
    wrong("`Normalize` stands before `Resize`, which moves pixels; of `pairs` it must come last",
          PAIRS.replace("}", ", test: null}"),
          transforms="[Normalize: {mean: [0.5, 0.5, 0.5], std: [1, 1, 1]}, Resize: {size: [16, 16]}]")  # fmt: skip
