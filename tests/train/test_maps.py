"""Targets that are maps: they move with their images, or the recipe is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision.transforms.v2.functional as tvf
from safetensors.torch import save_file
from torch import Tensor
from torchvision import tv_tensors

import netspec
from netspec.recipe import tables
from netspec.trainer.data.splits import Batch
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.setup.trainer import Trainer
from netspec.trainer.transforms.draws import draw_key, uniforms
from netspec.trainer.transforms.geometry import draw_windows
from netspec.trainer.transforms.pipeline import Pipeline
from tests.recipe.test_check import findings

CPU = torch.device("cpu")
IGNORED = 9
MOVING: dict[str, dict[str, Any]] = {
    "RandomCrop": {"size": 12, "padding": 3},
    "RandomHorizontalFlip": {},
    "RandomVerticalFlip": {},
    "RandomRotation": {"degrees": 40},
    "RandomAffine": {"degrees": 10, "translate": (0.2, 0.2), "scale": (0.7, 1.3), "shear": 10},
    "Pad": {"padding": 2},
    "CenterCrop": {"size": (16, 8)},
    "Resize": {"size": (9, 15), "interpolation": "nearest"},
}
STILL = {"RandomErasing": {"p": 1}, "ColorJitter": {"brightness": 0.5}, "GaussianBlur": {"kernel_size": 3}}


def masks(n: int = 6, size: int = 12) -> Tensor:
    return torch.randint(5, (n, size, size), generator=torch.Generator().manual_seed(0))


def loss(**arguments: Any) -> Any:
    return tables.loss("CrossEntropyLoss")(ignore_index=IGNORED, **arguments)


@pytest.mark.parametrize("name", MOVING)
def test_a_mask_goes_where_a_picture_of_it_goes(name: str) -> None:
    """The picture holds each class as a grey, none as 0: what is 0 afterwards came from outside."""
    y = masks()
    step = tables.transform(name)(**MOVING[name])
    other = tables.transform("ColorJitter")()  # its numbers come first, and move nothing
    pipeline = Pipeline((), (other, step), CPU, loss())
    x, moved = pipeline.batch((y + 1).unsqueeze(1) / 8, y, torch.arange(6), draw_key(3, 1))
    picture = (x.squeeze(1) * 8).round().to(torch.int64) - 1
    assert torch.equal(moved, picture.masked_fill(picture < 0, IGNORED))
    assert not torch.equal(moved, y)
    assert torch.equal(pipeline.batch(x, y, torch.arange(6), None)[1], y)  # evaluation


def test_a_mask_of_a_resized_window_is_torchvisions() -> None:
    y, key = masks(), draw_key(1, 0)
    pipeline = Pipeline((), (tables.transform("RandomResizedCrop")(size=(10, 16)),), CPU, loss())
    _, moved = pipeline.batch(torch.rand(6, 1, 12, 12), y, torch.arange(6), key)
    boxes, _ = draw_windows(uniforms(key, torch.arange(6), 22), 12, 12, (0.08, 1.0), (3 / 4, 4 / 3))
    for i in range(6):
        box = [int(side[i]) for side in boxes]
        assert torch.equal(moved[i], tvf.resized_crop(tv_tensors.Mask(y[i]), *box, [10, 16]).data)


@pytest.mark.parametrize("name", STILL)
def test_what_moves_no_pixel_leaves_the_mask(name: str) -> None:
    y = masks()
    pipeline = Pipeline((), (tables.transform(name)(**STILL[name]),), CPU, loss())
    assert torch.equal(pipeline.batch(torch.rand(6, 3, 12, 12), y, torch.arange(6), draw_key(0, 0))[1], y)


def test_every_transform_says_whether_it_moves_pixels() -> None:
    moving = {name for name in tables.TRANSFORMS if tables.transform(name).moves}
    policies = {"RandAugment", "TrivialAugmentWide", "AutoAugment"}  # see test_policies.py
    assert moving == {*MOVING, "RandomResizedCrop", *policies}


@pytest.mark.parametrize("shape", [(3, 12, 12), (12, 12)])
def test_a_picture_as_target_moves_as_its_image(shape: tuple[int, ...]) -> None:
    x = torch.rand(6, 3, 12, 12)
    y = x if len(shape) == 3 else x[:, 0]
    augment = tuple(tables.transform(name)(**MOVING[name]) for name in MOVING if name.startswith("Random"))
    pipeline = Pipeline((), augment, CPU, tables.loss("MSELoss")())
    moved, target = pipeline.batch(x, y, torch.arange(6), draw_key(0, 0))
    assert torch.equal(target, moved if len(shape) == 3 else moved[:, 0])


# ---- in a run

SPEC = """
name: maps
input: [1, 8, 8]
layers: [{Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}, ReLU, {Conv2d: {out_channels: OUT, kernel_size: 1}}]
train:
  data: {tensors: {train: DIR/train.safetensors}}
  batch_size: 8
  epochs: 1
  loss: LOSS
  optimizer: {SGD: {lr: 0.1}}
"""


def trainer(folder: Path, y: Tensor, loss: str, out: int, **settings: Any) -> Trainer:
    x = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    save_file({"x": x, "y": y}, folder / "train.safetensors")
    text = SPEC.replace("DIR", str(folder)).replace("OUT", str(out)).replace("LOSS", loss)
    net = netspec.loads(text, set={f"train.{k}": v for k, v in settings.items()})
    return assemble(net, Options(device="cpu", **({"budget": 0} if settings.get("seed") else {})), World(), "cpu")


@pytest.mark.parametrize("seed", [0, 1])  # resident, and streamed
def test_what_comes_from_outside_of_a_mask_does_not_count(seed: int, tmp_path: Path) -> None:
    y = masks(16, 8) % 2
    one = trainer(tmp_path, y, "CrossEntropyLoss", 2, augment=[{"RandomCrop": {"size": 8, "padding": 3}}], seed=seed)
    batch = next(one.batches(0, 0))
    counted = batch.y != -100
    assert 0 < int(counted.sum()) < counted.numel()
    with torch.no_grad():
        output = one.model(batch.x)
    one.step(one.buffers(batch, 0, ()))
    score = one.sums.read()
    assert score.loss == pytest.approx(float(torch.nn.CrossEntropyLoss()(output.double(), batch.y)), rel=1e-5)
    assert score.accuracy == pytest.approx(float((output.argmax(1) == batch.y)[counted].double().mean()))


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_cutmix_pastes_the_target_and_mixup_averages_one_of_values(kind: str, tmp_path: Path) -> None:
    values = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    y, loss, out = (masks(16, 8) % 3, "CrossEntropyLoss", 3) if kind == "classes" else (values, "MSELoss", 3)
    settings = {"cutmix": 1.0} if kind == "classes" else {"cutmix": 1.0, "mixup": 0.4}
    one = trainer(tmp_path, y, loss, out, **settings)
    batch: Batch = next(one.batches(0, 0))
    for mix in [(1.0, 0.75, 2.0, 6.0, 1.0, 5.0), (0.3, 0.3, 0.0, 0.0, 0.0, 0.0)][: len(settings)]:
        x, target = (mix[0] * t + (1 - mix[0]) * t.roll(1, 0) for t in (batch.x, batch.y))
        rows, columns = slice(int(mix[2]), int(mix[3])), slice(int(mix[4]), int(mix[5]))
        x[..., rows, columns] = batch.x.roll(1, 0)[..., rows, columns]
        target[..., rows, columns] = batch.y.roll(1, 0)[..., rows, columns].to(target.dtype)
        with torch.no_grad():
            expected = one.step.objective.terms[0](one.model(x), target.to(batch.y.dtype))
        one.sums.reset()
        one.step(one.buffers(batch, 0, mix))
        assert one.sums.read().loss == pytest.approx(expected.item(), rel=1e-5)


def test_a_run_learns_from_masks_that_are_flipped_with_their_images(tmp_path: Path) -> None:
    x = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(2))
    settings = {"optimizer": {"Adam": {"lr": 0.1}}, "augment": ["RandomHorizontalFlip", {"RandomRotation": 90}]}
    one = trainer(tmp_path, (x.squeeze(1) > 0.5).long(), "CrossEntropyLoss", 2, **settings)
    for epoch in range(40):
        one.sums.reset()
        for number, batch in enumerate(one.batches(epoch, 0)):
            one.step(one.buffers(batch, number, ()))
    assert one.sums.read().loss < 0.2  # as if drawn by lot: 0.69


# ---- refused


def places(text: str) -> list[tuple[str, int]]:
    """Code and line of each finding."""
    return [(found.code, found.span.line) for found in findings(text)]


def test_mixup_of_masks_is_refused_where_it_stands() -> None:
    text = SPEC.replace("LOSS", "CrossEntropyLoss").replace("OUT", "2")
    assert places(text + "  mixup: 0.2\n") == [("recipe-conflict", 11)]
    assert places(text.replace("CrossEntropyLoss", "MSELoss") + "  mixup: 0.2\n") == []


@pytest.mark.parametrize("line", ["augment: [RandomHorizontalFlip]", "augment: [{RandomRotation: 5}]", "cutmix: 1.0"])
@pytest.mark.parametrize("loss", ["CrossEntropyLoss", "MSELoss"])
def test_a_map_of_another_size_than_the_image_cannot_follow_and_is_refused(line: str, loss: str) -> None:
    text = SPEC.replace("LOSS", loss).replace("OUT", "2").replace("kernel_size: 1}", "kernel_size: 2, stride: 2}")
    assert places(text) == []
    assert places(f"{text}  {line}\n") == [("recipe-conflict", 11)]
    assert places(f"{text}  augment: [{{ColorJitter: {{brightness: 0.1}}}}]\n") == []
