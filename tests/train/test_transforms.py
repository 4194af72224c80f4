"""Transforms of whole batches give what torchvision gives image by image for the same parameters."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
import torchvision.transforms.v2.functional as tvf
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torchvision.transforms import InterpolationMode, v2

from netspec.recipe import tables
from netspec.recipe.base import Transform
from netspec.trainer.transforms import color, fixed, geometry
from netspec.trainer.transforms.draws import draw_key, uniforms
from netspec.trainer.transforms.geometry import Boxes
from netspec.trainer.transforms.pipeline import Pipeline
from netspec.trainer.transforms.steps import MAKERS
from tests.recipe.least import least

STEP = 1 / 255
N = 5
SHAPES = [(1, 28, 28), (3, 20, 26)]
CPU = torch.device("cpu")


def images(shape: tuple[int, int, int], levels: int = 255) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randint(levels + 1, (N, *shape), generator=generator) / levels


def each(function: Any, x: Tensor, *parameters: Any) -> Tensor:
    """One image at a time, with its own parameters."""
    return torch.stack([function(image, *values) for image, *values in zip(x, *parameters, strict=True)])


def close(got: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    assert got.shape == expected.shape
    assert (got - expected).abs().max() <= tolerance


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest", "nearest-exact"])
@pytest.mark.parametrize("size", [(224, 224), (11, 9), (40, 15)])
def test_resize(shape: tuple[int, int, int], mode: str, size: tuple[int, int]) -> None:
    x = images(shape)
    close(fixed.resize(x, size, mode), tvf.resize(x, list(size), InterpolationMode(mode)))
    plain = tvf.resize(x, list(size), InterpolationMode(mode), antialias=False)
    close(fixed.resize(x, size, mode, antialias=False), plain)


@pytest.mark.parametrize("shape", SHAPES)
def test_crops_borders_and_grey(shape: tuple[int, int, int]) -> None:
    x = images(shape)
    for size in ((15, 12), (33, 13), (40, 41)):
        close(fixed.center_crop(x, size), tvf.center_crop(x, list(size)), 0)
    for mode in ("constant", "edge", "reflect", "symmetric"):
        close(fixed.pad(x, (1, 2, 3, 4), mode, 0.3), tvf.pad(x, [1, 2, 3, 4], 0.3, mode), 0)
    if shape[0] == 3:
        close(fixed.grayscale(x, 3), tvf.rgb_to_grayscale(x, 3), 0)
    mean, std = torch.rand(shape[0]), torch.rand(shape[0]) + 0.1
    close(fixed.normalize(x, mean, std), tvf.normalize(x, mean.tolist(), std.tolist()), 0)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(16, 16), (40, 30)])
def test_windows_of_different_sizes_are_resampled_in_one_batch(mode: str, size: tuple[int, int]) -> None:
    x = images((3, 20, 26))
    sides = [[0, 1, 2, 3, 4], [5, 4, 3, 2, 1], [20, 14, 13, 3, 1], [1, 21, 3, 17, 25]]
    boxes = Boxes(*(torch.tensor(side) for side in sides))
    for antialias in (True, False) if mode == "bilinear" else (True,):
        expected = each(
            lambda i, *box, aa=antialias: tvf.resized_crop(i, *box, list(size), InterpolationMode(mode), aa), x, *sides
        )
        close(geometry.resized_crop(x, boxes, size, mode, antialias=antialias), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill", [0.0, 0.4])
@pytest.mark.parametrize("center", [None, (3.0, 5.0)])
def test_rotation_and_affine(
    shape: tuple[int, int, int], mode: str, fill: float, center: tuple[float, float] | None
) -> None:
    x = images(shape)
    angle = torch.tensor([10.0, -33.0, 77.0, 123.5, 200.0])
    more: dict[str, Any] = {
        "interpolation": InterpolationMode(mode),
        "fill": fill,
        "center": list(center) if center else None,
    }
    rotated = each(lambda i, a: tvf.rotate(i, a, **more), x, angle.tolist())
    _mostly(geometry.rotate(x, angle, mode, fill, center), rotated)
    shift = torch.tensor([[1.0, -2, 3, 0, 4], [0.0, 2, -3, 1, 4]])
    scale = torch.tensor([1.0, 0.5, 2.0, 1.2, 0.8])
    shear = torch.tensor([[0.0, 10, -20, 5, 30], [0.0, 5, 10, -5, 3]])
    expected = each(
        lambda i, a, t, s, h: tvf.affine(i, a, t, s, h, **more),
        x, angle.tolist(), shift.T.tolist(), scale.tolist(), shear.T.tolist(),
    )  # fmt: skip
    got = geometry.affine(x, angle, (shift[0], shift[1]), scale, (shear[0], shear[1]), mode, fill, center)
    _mostly(got, expected)


def _mostly(got: Tensor, expected: Tensor) -> None:
    """Equal within a step; a nearest neighbour at an exact tie may be the other one."""
    assert ((got - expected).abs() > STEP).float().mean() < 1e-3


@pytest.mark.parametrize("shape", SHAPES)
def test_colour(shape: tuple[int, int, int]) -> None:
    x = images(shape, levels=8)  # few levels, so that equal channels and grey pixels occur
    factor = torch.tensor([0.0, 0.3, 1.0, 1.4, 2.5])
    for kind, function in enumerate((tvf.adjust_brightness, tvf.adjust_contrast, tvf.adjust_saturation)):
        close(color.adjust(x, factor, torch.full((N,), kind)), each(function, x, factor.tolist()))
    turn = torch.tensor([-0.5, -0.2, 0.0, 0.1, 0.5])
    close(color.adjust_hue(x, turn), each(tvf.adjust_hue, x, turn.tolist()))
    close(color.sharpen(x, 2.0), tvf.adjust_sharpness(x, 2.0))
    close(color.posterize(x, 3), tvf.posterize(x, 3))
    close(color.solarize(x, 0.4), tvf.solarize(x, 0.4))
    sigma = torch.tensor([0.1, 0.5, 1.0, 2.0, 3.0])
    close(
        color.gaussian_blur(x, (5, 7), sigma),
        each(lambda i, s: tvf.gaussian_blur(i, [5, 7], [s, s]), x, sigma.tolist()),
    )


@pytest.mark.parametrize("hue", [True, False])
def test_jitter_follows_each_image_s_own_order(hue: bool) -> None:
    orders = torch.tensor(list(itertools.permutations(range(4))))
    generator = torch.Generator().manual_seed(3)
    x = torch.rand(24, 3, 6, 7, generator=generator)
    factors = torch.rand(24, 3, generator=generator) * 1.5
    turn = torch.rand(24, generator=generator) - 0.5
    functions = (tvf.adjust_brightness, tvf.adjust_contrast, tvf.adjust_saturation, tvf.adjust_hue)

    def one(image: Tensor, order: list[int], values: list[float], angle: float) -> Tensor:
        for i in order:
            if i < 3:
                image = functions[i](image, values[i])
            elif hue:
                image = functions[3](image, angle)
        return image

    expected = each(one, x, orders.tolist(), factors.tolist(), turn.tolist())
    close(color.jitter(x, factors, turn if hue else None, orders), expected, 1e-4)


def test_erasing() -> None:
    x = images((3, 20, 26))
    sides = [[0, 1, 2, 3, 4], [5, 4, 3, 2, 1], [20, 14, 13, 3, 1], [1, 21, 3, 17, 25]]
    chosen = [True, False, True, True, False]
    expected = each(
        lambda i, e, *box: tvf.erase(i, *box, torch.tensor([0.5])[:, None, None]) if e else i, x, chosen, *sides
    )
    close(geometry.erase(x, Boxes(*map(torch.tensor, sides)), torch.tensor(chosen), 0.5), expected, 0)


# ---- drawn parameters


def test_windows_lie_inside_and_have_the_area_and_shape_that_were_asked_for() -> None:
    u = uniforms(draw_key(1, 0), torch.arange(4000), 22)
    boxes, found = geometry.draw_windows(u, 60, 90, (0.2, 0.6), (0.5, 2.0))
    assert found.all()
    assert (boxes.top >= 0).all()
    assert (boxes.left >= 0).all()
    assert (boxes.top + boxes.height <= 60).all()
    assert (boxes.left + boxes.width <= 90).all()
    area, shape = boxes.height * boxes.width / 5400, boxes.width / boxes.height
    assert 0.19 < area.min() < 0.22
    assert 0.58 < area.max() < 0.62
    assert shape.min() > 0.47
    assert shape.max() < 2.1
    assert (boxes.top == 0).any()
    assert (boxes.top + boxes.height == 60).any()


def test_an_impossible_window_is_the_middle_as_torchvision_takes_it() -> None:
    u = uniforms(draw_key(1, 0), torch.arange(3), 22)
    for height, width in ((4, 100), (100, 4), (30, 30)):
        boxes, found = geometry.draw_windows(u, height, width, (1.0, 1.0), (0.75, 0.8))
        params = v2.RandomResizedCrop(8, scale=(1.0, 1.0), ratio=(0.75, 0.8)).make_params(
            [torch.zeros(1, height, width)]
        )
        assert not found.any()
        assert [int(side[0]) for side in boxes] == [params[k] for k in ("top", "left", "height", "width")]


def test_a_crop_s_places_are_all_taken_and_equally_often() -> None:
    pipeline = Pipeline((), (tables.transform("RandomCrop")(size=4, padding=1),), CPU)
    x = torch.arange(16, dtype=torch.float32).view(1, 1, 4, 4).expand(9000, -1, -1, -1) + 1
    out = pipeline(x, torch.arange(9000), draw_key(0, 0))
    corners = out[:, 0, 1, 1].round().to(torch.int64)  # which pixel came to (1, 1)
    counts = torch.bincount(corners, minlength=17)[[1, 2, 3, 5, 6, 7, 9, 10, 11]]
    assert counts.sum() == 9000
    assert ((counts - 1000).abs() < 150).all()


def test_numbers_are_uniform_and_depend_on_seed_epoch_sample_and_column_alone() -> None:
    samples = torch.arange(20_000)
    u = uniforms(draw_key(5, 2), samples, 4)
    assert u.min() >= 0
    assert u.max() < 1
    counts = torch.histc(u, bins=64)
    assert ((counts - 1250) ** 2 / 1250).sum() < 125  # chi-square, 63 degrees of freedom, p = 1e-5
    assert (
        torch.corrcoef(torch.cat((u, uniforms(draw_key(5, 3), samples, 4)), 1).T).fill_diagonal_(0).abs().max() < 0.03
    )
    assert torch.equal(uniforms(draw_key(5, 2), samples[[17, 3]], 4), u[[17, 3]])
    assert torch.equal(uniforms(draw_key(5, 2), samples, 2), u[:, :2])
    assert not torch.equal(uniforms(draw_key(6, 2), samples, 4), u)


# ---- pipelines

AUGMENT: list[tuple[str, dict[str, Any]]] = [
    ("RandomCrop", {"size": 24, "padding": 2}),
    ("RandomResizedCrop", {"size": 20}),
    ("RandomHorizontalFlip", {}),
    ("RandomVerticalFlip", {}),
    ("RandomRotation", {"degrees": 20}),
    ("RandomAffine", {"degrees": 10, "translate": (0.1, 0.1), "scale": (0.8, 1.2), "shear": (-5, 5, -3, 3)}),
    ("RandomErasing", {}),
    ("ColorJitter", {"brightness": 0.2, "contrast": 0.2, "saturation": 0.2, "hue": 0.1}),
    ("RandomGrayscale", {"p": 0.5}),
    ("RandomInvert", {}),
    ("RandomSolarize", {"threshold": 0.5}),
    ("RandomPosterize", {"bits": 3}),
    ("RandomAdjustSharpness", {"sharpness_factor": 2}),
    ("GaussianBlur", {"kernel_size": 3}),
]
AUGMENT += [
    (name, least(tables.transform(name)))
    for name in tables.TRANSFORMS
    if tables.transform(name).random and name not in dict(AUGMENT)
]


def augment() -> list[Transform]:
    return [tables.transform(name)(**arguments) for name, arguments in AUGMENT]


def test_every_transform_of_the_table_can_be_run() -> None:
    assert {t.name() for t in MAKERS} == set(tables.TRANSFORMS)


@pytest.mark.parametrize(("name", "arguments"), AUGMENT)
def test_an_example_is_augmented_alike_in_whatever_batch_it_comes(name: str, arguments: dict[str, Any]) -> None:
    pipeline = Pipeline((), (tables.transform(name)(**arguments),), CPU)
    x = torch.randint(256, (12, 3, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    samples = torch.arange(100, 112)
    key = draw_key(3, 1)
    whole = pipeline(x, samples, key)
    chosen = torch.tensor([7, 2, 11])
    assert torch.equal(pipeline(x[chosen], samples[chosen], key), whole[chosen])
    assert not torch.equal(pipeline(x, samples, draw_key(3, 2)), whole)
    assert torch.isfinite(whole).all()


def test_normalize_comes_after_the_augmentation() -> None:
    normalize = tables.transform("Normalize")(mean=(0.5,), std=(0.25,))
    invert = tables.transform("RandomInvert")(p=1)
    x = torch.rand(2, 1, 4, 4)
    out = Pipeline((normalize,), (invert,), CPU)(x, torch.arange(2), draw_key(0, 0))
    close(out, (1 - x - 0.5) / 0.25)


def test_without_a_key_nothing_is_augmented() -> None:
    x = torch.randint(256, (3, 3, 28, 28), dtype=torch.uint8)
    assert torch.equal(Pipeline((), augment(), CPU)(x), v2.functional.to_dtype(x, torch.float32, scale=True))


class NoReadBack(TorchDispatchMode):
    """Fails on operations that would make the host wait for the device."""

    READS = ("_local_scalar_dense", "nonzero", "masked_select", "is_nonzero", "unique", "equal.default")

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert not any(read in str(func) for read in self.READS), func
        return func(*args, **(kwargs or {}))


def test_a_whole_pipeline_never_reads_a_value_back_to_the_host() -> None:
    transforms = [tables.transform("Resize")(size=28), tables.transform("Normalize")(mean=(0.5,), std=(0.5,))]
    pipeline = Pipeline(transforms, augment(), CPU)
    x = torch.randint(256, (4, 3, 32, 32), dtype=torch.uint8)
    samples, key = torch.arange(4), draw_key(0, 0)
    with NoReadBack():
        out = pipeline(x, samples, key)
    assert out.shape == (4, 3, 20, 20)
    with pytest.raises(AssertionError), NoReadBack():
        bool(out.sum() > 0)
