"""`specs/torchvision` holds all of torchvision's classifiers, and they are the same networks.

The ordinary run counts all of them and compares a small one of each family; `pytest -m slow tests/zoo` compares all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from unittest.mock import patch

import pytest
import torch
import torchvision
import yaml

import netspec
from netspec.diagnostics import has_errors
from tests.zoo import proof

NAMES = proof.names()
FILES = sorted(proof.SPECS.glob("*.yaml"))
SMALL = [
    "alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "googlenet", "inception_v3", "maxvit_t",
    "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_y_400mf", "resnet18", "shufflenet_v2_x0_5",
    "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11", "vit_b_32",
]  # fmt: skip
OTHERS = [name for name in NAMES if name not in SMALL]


def test_the_folder_has_every_classifier_of_torchvision_and_no_other() -> None:
    found: list[str] = []
    for path in FILES:
        spec = yaml.safe_load(path.read_text())
        found += spec.get("variants") or [spec["name"]]
    assert sorted(found) == NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_family_is_one_page_without_errors(path: proof.Path) -> None:
    lines = path.read_text().splitlines()
    assert len(lines) <= 100
    assert max(map(len, lines)) <= 100
    assert not has_errors(netspec.check(path))


def test_the_whole_zoo_is_at_most_a_thousand_lines() -> None:
    assert sum(len(path.read_text().splitlines()) for path in FILES) <= 1000


@pytest.mark.parametrize("name", NAMES)
def test_parameters_buffers_and_macs_are_torchvisions(name: str) -> None:
    net = proof.spec_of(name)
    with proof.no_initialisers():
        module = proof.reference(name)
    assert net.params == sum(p.numel() for p in module.parameters())
    assert net.buffers == sum(b.numel() for b in module.buffers())
    # torchvision publishes billions of multiply-accumulates beside its weights, for the size they are used at
    published = {weights.meta["_ops"] for weights in torchvision.models.get_model_weights(name)}
    assert round(net.macs / 1e9, 3) in published


@pytest.fixture
def every_core() -> Iterator[None]:
    """Products of large matrices, unlike the small tensors of other tests, are shared without loss."""
    before = torch.get_num_threads()
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_small_network_of_each_family_computes_and_trains_as_torchvisions(name: str) -> None:
    assert proof.differences(name) == []


@pytest.mark.slow
@pytest.mark.usefixtures("every_core")
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_network_computes_and_trains_as_torchvisions(name: str) -> None:
    assert proof.differences(name) == []


@pytest.mark.slow
@pytest.mark.usefixtures("every_core")
@pytest.mark.parametrize("name", NAMES)
def test_every_network_is_verified_layer_by_layer(name: str) -> None:
    assert not netspec.verify(proof.spec_of(name, size=proof.size_of(name))).disagreements


@pytest.mark.slow
def test_the_proof_sees_another_momentum_another_drop_and_another_initialiser() -> None:
    text = (proof.SPECS / "mobilenet_v3.yaml").read_text()
    for right, wrong, complaint in (
        ("momentum: 0.01", "momentum: 0.1", "call 1 in training is ('batch_norm', (True, 0.01, 0.001)"),
        ("Dropout: 0.2", "Dropout: 0.3", "is ('dropout', (0.2,), ()) in torchvision's and ('dropout', (0.3,), ())"),
        ("std: 0.01", "std: 0.02", "begins as ('normal', 0.0, 0.01) in torchvision's"),
        ("mode: fan_out", "mode: fan_in", "`features.0.0.weight` begins as ('normal', 0.0, 0.117851) in torch"),
        ("Hardsigmoid", "Sigmoid", "the built network's output differs by"),
    ):
        assert text.count(right) == 1
        net = netspec.loads(text.replace(right, wrong), variant="mobilenet_v3_small", set={"input": [3, 64, 64]})
        with patch.object(proof, "spec_of", lambda name, size=None, net=net: net):
            assert complaint in "\n".join(proof.differences("mobilenet_v3_small"))
