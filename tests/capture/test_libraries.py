"""Networks of torchvision, and what netspec itself builds, become specs. `python -m tests.imports` has them all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import netspec
from netspec.capture.importing import from_torch

SPECS = Path(__file__).parents[2] / "specs"


@pytest.mark.parametrize(("name", "lines"), [("squeezenet1_1", 35), ("shufflenet_v2_x0_5", 70), ("resnet18", 45)])
def test_networks_of_torchvision_are_proven_with_their_keys(name: str, lines: int) -> None:
    models = pytest.importorskip("torchvision.models")
    module = models.get_model(name, weights=None)
    found = from_torch(module, torch.randn(2, 3, 64, 64), name=name)
    assert found.keeps_keys
    assert found.blocks
    assert len(found.text.splitlines()) <= lines
    netspec.build(found.net).load_state_dict(module.state_dict())


@pytest.mark.parametrize(
    "name",
    ["lenet", "d2l/lenet_batch_norm", "d2l/nin", "d2l/vit", "graphs/actor_critic", "vision/siren", "vision/espcn"],
)
def test_what_netspec_builds_comes_back(name: str) -> None:
    net = netspec.load(SPECS / f"{name}.yaml")
    inputs = [torch.randn(2, *value.type.shape) for value in net.inputs]
    found = from_torch(netspec.build(net), *inputs, name="again", is_verified=False).net
    assert [(leaf.type, leaf.output_shape) for leaf in found.layers] == [
        (leaf.type, leaf.output_shape) for leaf in net.layers
    ]
    assert (found.params, found.macs) == (net.params, net.macs)
