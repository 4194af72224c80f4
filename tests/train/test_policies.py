"""RandAugment, TrivialAugmentWide and AutoAugment: what torchvision's give for the same draws, image by image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

import netspec
from netspec.diagnostics import Diagnostic
from netspec.recipe import tables
from netspec.trainer.transforms import policies
from netspec.trainer.transforms.draws import draw_key, uniforms
from netspec.trainer.transforms.pipeline import MovingTarget, Pipeline
from netspec.trainer.transforms.steps import make_step
from tests.train.small_runs import EVERYTHING, finish, run_until, small_net, whole_state

if TYPE_CHECKING:
    from pathlib import Path

CPU = torch.device("cpu")
SPACES = {"rand": (v2.RandAugment, False), "trivial": (v2.TrivialAugmentWide, True), "auto": (v2.AutoAugment, False)}


def images(count: int, channels: int, height: int = 20, width: int = 26) -> Tensor:
    generator = torch.Generator().manual_seed(channels)
    return torch.randint(256, (count, channels, height, width), generator=generator) / 255


def theirs(name: str, image: Tensor, operation: str, strength: float, mode: str, fill: float) -> Tensor:
    return SPACES[name][0]()._apply_image_or_video_transform(  # type: ignore[no-any-return]
        image, operation, strength, InterpolationMode(mode), {torch.Tensor: [fill], "others": [fill]}
    )


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("mode", "fill"), [("nearest", 0.0), ("bilinear", 0.4)])
@pytest.mark.parametrize("name", SPACES)
def test_each_image_is_what_torchvision_makes_of_it(name: str, mode: str, fill: float, channels: int) -> None:
    """Every operation in every bin, in one batch in which each image has another."""
    kind, wide = SPACES[name]
    bins = 10 if name == "auto" else 31
    height, width = 20, 26
    drawn: list[tuple[int, int, bool, float]] = []
    for operation, (magnitudes, signed) in kind._AUGMENTATION_SPACE.items():
        values = magnitudes(bins, height, width)
        for place in range(bins):
            for positive in (True, False) if signed else (True,):
                value = 0.0 if values is None else float(values[place]) * (1 if positive else -1)
                if operation.startswith("Translate") and abs(value - round(value)) < 1e-4:
                    value = round(value)  # torch's float32 says 15.999999 of 16, of which torchvision takes 15 pixels
                drawn.append((policies.OPERATIONS.index(operation), place, positive, value))
    x = images(len(drawn), channels, height, width)
    numbers, places, positives = (torch.tensor([one[i] for one in drawn]) for i in range(3))
    strength = policies.strengths(bins, CPU, wide=wide).of(numbers, places, positives, x)
    found = policies.operate(x, numbers, strength, mode, fill)
    off: dict[str, list[float]] = {}
    for image, got, (number, _, _, value) in zip(x, found, drawn, strict=True):
        operation = policies.OPERATIONS[number]
        if operation == "Posterize" and value == 8:
            assert torch.equal(got, image)  # of a stored value nothing is lost
            continue
        expected = theirs(name, image, operation, value, mode, fill)
        off.setdefault(operation, []).append(((got - expected).abs() > 1.01 / 255).float().mean().item())
    for operation, shares in off.items():  # a nearest neighbour at an exact tie may be the other one, along a row
        moved = operation in ("ShearX", "ShearY", "Rotate") and mode == "nearest"
        assert max(shares) <= (0.06 if moved else 0), (operation, shares)
        assert sum(shares) / len(shares) <= 0.01, (operation, shares)


@pytest.mark.parametrize("name", ["imagenet", "cifar10", "svhn"])
def test_the_pairs_are_torchvision_s(name: str) -> None:
    assert list(policies.POLICIES[name]) == v2.AutoAugment(v2.AutoAugmentPolicy(name))._policies


# ---- what is drawn


def drawn(name: str, arguments: dict[str, Any], count: int) -> list[tuple[Tensor, Tensor]]:
    """The operations and strengths of so many examples, as they come to `operate`."""
    step = make_step(tables.transform(name)(**arguments), CPU)
    found: list[tuple[Tensor, Tensor]] = []
    real = policies.operate

    def watched(x: Tensor, operation: Tensor, strength: Tensor, *more: Any) -> Tensor:
        found.append((operation, strength))
        return x

    policies.operate = watched
    try:
        step.apply(torch.zeros(count, 1, 331, 331), uniforms(draw_key(0, 0), torch.arange(count), step.columns))
    finally:
        policies.operate = real
    return found


@pytest.mark.slow
def test_operations_signs_and_bins_are_drawn_evenly_and_apart() -> None:
    n = 14 * 200
    (first, strength), (second, _) = drawn("RandAugment", {"magnitude": 10}, n)
    for operations in (first, second):
        counts = torch.bincount(operations, minlength=15)
        assert counts[14] == 0 and bool(((counts[:14] - 200).abs() < 60).all())
    assert abs(float((first == second).float().mean()) - 1 / 14) < 0.02
    shifts = strength[first == policies.OPERATIONS.index("TranslateX")]
    assert shifts.abs().tolist() == pytest.approx([50.0] * len(shifts))  # 10/30 of 150/331 of 331 pixels
    assert 0.35 < float((shifts > 0).float().mean()) < 0.65
    ((operation, strength),) = drawn("TrivialAugmentWide", {"num_magnitude_bins": 5}, n)
    rotated = strength[operation == policies.OPERATIONS.index("Rotate")].abs().unique()
    assert rotated.tolist() == pytest.approx([0, 33.75, 67.5, 101.25, 135])
    (first, _), _ = drawn("AutoAugment", {"policy": "cifar10"}, 25 * 400)
    expected = torch.zeros(15)
    for (name, share, _), _ in policies.POLICIES["cifar10"]:
        expected[policies.OPERATIONS.index(name)] += 400 * share
    counts = torch.bincount(first, minlength=15)
    assert bool(((counts - expected)[1:].abs() < 5 * expected[1:].sqrt() + 1).all())


def test_a_mask_follows_what_moves_and_is_left_alone_by_colours() -> None:
    loss = tables.loss("CrossEntropyLoss")()
    policy = tables.transform("TrivialAugmentWide")()
    n = 400
    mask = torch.randint(1, 5, (1, 12, 12), generator=torch.Generator().manual_seed(1)).expand(n, 12, 12)
    u = uniforms(draw_key(0, 0), torch.arange(n), 3)
    found = MovingTarget(loss, (policy,), CPU)(mask, u)
    moves = (u[:, 0] * 14).long()
    moving = (moves >= 1) & (moves <= 5)
    assert torch.equal(found[~moving], mask[~moving])
    assert set(found.unique().tolist()) <= {-100, 1, 2, 3, 4}
    image = Pipeline((), (policy,), CPU)(mask.unsqueeze(1) / 10, torch.arange(n), draw_key(0, 0))[:, 0]
    inside = found != -100
    assert torch.allclose(image[moving] * 10, (found * inside)[moving].float(), atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("augment", [["RandAugment"], ["TrivialAugmentWide"], ["AutoAugment"]])
def test_a_run_with_one_resumes_to_the_bit(augment: list[str], tmp_path: Path) -> None:
    net = small_net(EVERYTHING, augment=augment, epochs=2)
    finish(net, tmp_path / "whole")
    run_until(net, tmp_path / "run", 7)
    finish(net, tmp_path / "run")
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "whole")


def test_a_magnitude_beyond_its_bins_and_an_unknown_policy_are_refused(tmp_path: Path) -> None:
    def found(text: str) -> Diagnostic:
        (tmp_path / "net.yaml").write_text(EVERYTHING.replace("[RandomHorizontalFlip, ", f"[{text}, "))
        (one,) = netspec.check(tmp_path / "net.yaml")
        return one

    one = found("RandAugment: {magnitude: 31}")
    assert one.message == "`magnitude` of `RandAugment` is 31, but its 31 bins count from 0 to 30"
    assert found("AutoAugment: imagnet").code == "invalid-argument"
