"""Vision networks of `specs/graphs`, each held against torchvision's or a module written by hand from its paper:
parameters and outputs are equal."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

import netspec
from netspec.torch import verify
from tests.zoo import proof
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


@pytest.mark.parametrize("name", [name for name in SMALL if name != "ssd300"])
def test_torch_agrees_layer_by_layer(name: str) -> None:
    verify.verify(netspec.load(SPECS / f"{name}.yaml", set=SMALL[name]))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssd300"])
def test_torch_agrees_layer_by_layer_at_full_size(name: str) -> None:
    verify.verify(netspec.load(SPECS / f"{name}.yaml"))


def agrees(name: str, reference: Callable[[], nn.Module], params: int, *, batch: int = 2) -> list[Tensor]:
    """Assert that the network of a spec is the reference and has the published parameters.

    Returns:
        The outputs of the network, families flattened.
    """
    net = netspec.load(SPECS / f"{name}.yaml", set=SMALL[name])
    with proof.no_initialisers():
        theirs, model = reference(), netspec.build(net).eval()
    assert net.params == sum(parameter.numel() for parameter in theirs.parameters()) == params
    proof.fill(theirs.eval())
    inputs = verify.example(net, batch, torch.Generator().manual_seed(0))
    model.load_state_dict(netspec.transfer(theirs, net, example=tuple(inputs)))
    with torch.no_grad():
        found, expected = tree_leaves(model(*inputs)), tree_leaves(theirs(*inputs))
    assert [tensor.shape for tensor in found] == [tensor.shape for tensor in expected]
    for ours, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-5)
    return found


def test_retinanet_is_torchvisions() -> None:
    published, norms = 34_014_999, 53_120  # which are frozen there, and no parameters
    found = agrees("retinanet", RetinaNet, published + norms)
    assert len(found) == 10
    assert found[0].shape == (2, 8 * 12 * 9, 91)


def test_ssd300_is_torchvisions() -> None:
    with pytest.warns(UserWarning, match="scale_weight` is 512, and 512 × 1 × 1"):
        found = agrees("ssd300", SSD300, 35_641_826, batch=1)
    assert [tensor.shape for tensor in found] == [(1, 8732, 91), (1, 8732, 4)]


def test_yolov8n_is_the_published_one() -> None:
    maps_and_more = agrees("yolov8n", Yolov8n, 3_157_200)
    distances, scores = maps_and_more[3:]
    assert distances.shape == (2, 4, 8 * 12 + 4 * 6 + 2 * 3)
    assert scores.shape == (2, 80, 126)
    net = netspec.load(SPECS / "yolov8n.yaml")
    assert net.params - net.trainable_params == 16


def test_res2net_is_the_papers() -> None:
    agrees("res2net", Res2Net50, 25_699_120)


def test_hrnet_is_the_papers() -> None:
    agrees("hrnet_w18", HRNetW18, 21_299_004)


def test_slowfast_is_the_papers() -> None:
    agrees("slowfast", SlowFast, 34_480_216)


def test_ddpm_is_the_papers() -> None:
    agrees("ddpm", DDPM, 35_746_307)
