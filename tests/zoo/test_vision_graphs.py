"""Vision networks of `specs/graphs`, each held against torchvision's or a module written by hand from its paper:
parameters and outputs are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

import netspec
from tests.zoo import proof
from tests.zoo.agreement import agree
from tests.zoo.test_graphs import SPECS
from tests.zoo.vision import DDPM, SSD300, HRNetW18, Res2Net50, RetinaNet, SlowFast, Yolov8n

SMALL: dict[str, dict[str, object]] = {
    "retinanet": {"input": [3, 64, 96]},
    "ssd300": {},
    "yolov8n": {"input": [3, 64, 96]},
    "res2net": {"input": [3, 64, 64]},
    "hrnet_w18": {"input": [3, 64, 64]},
    "slowfast": {"input": [3, 16, 64, 64]},
    "ddpm": {"input": {"image": [3, 16, 16], "time": []}, "attended": 8},
}
"""The sizes at which a network is compared in the ordinary run."""


def agrees(name: str, make: Callable[[], nn.Module], params: int, **how: Any) -> list[tuple[int, ...]]:
    """Assert that the network of a spec is the reference, of published parameters; the shapes of its outputs."""
    with proof.no_initialisers():
        theirs = make()
    assert sum(parameter.numel() for parameter in theirs.parameters()) == params
    return agree(f"graphs/{name}", theirs, set=SMALL[name], large=True, **how).shapes


@pytest.mark.slow
def test_retinanet_is_torchvisions() -> None:
    published, norms = 34_014_999, 53_120  # which are frozen there, and no parameters
    shapes = agrees("retinanet", RetinaNet, published + norms, reference="torchvision: retinanet_resnet50_fpn")
    assert len(shapes) == 10
    assert shapes[0] == (2, 8 * 12 * 9, 91)


@pytest.mark.slow
def test_ssd300_is_torchvisions() -> None:
    with pytest.warns(UserWarning, match="scale_weight` is 512, and 512 × 1 × 1"):
        shapes = agrees("ssd300", SSD300, 35_641_826, batch=1, reference="torchvision: ssd300_vgg16")
    assert shapes == [(1, 8732, 91), (1, 8732, 4)]


@pytest.mark.slow
def test_yolov8n_is_the_published_one() -> None:
    *_, distances, scores = agrees("yolov8n", Yolov8n, 3_157_200)
    assert distances == (2, 4, 8 * 12 + 4 * 6 + 2 * 3)
    assert scores == (2, 80, 126)
    net = netspec.load(SPECS / "yolov8n.yaml")
    assert net.params - net.trainable_params == 16


@pytest.mark.slow
def test_res2net_is_the_papers() -> None:
    agrees("res2net", Res2Net50, 25_699_120)


@pytest.mark.slow
def test_hrnet_is_the_papers() -> None:
    agrees("hrnet_w18", HRNetW18, 21_299_004)


@pytest.mark.slow
def test_slowfast_is_the_papers() -> None:
    agrees("slowfast", SlowFast, 34_480_216)


@pytest.mark.slow
def test_ddpm_is_the_papers() -> None:
    agrees("ddpm", DDPM, 35_746_307)
