"""Networks of torchvision, and what netspec itself builds, become specs. `python -m tests.imports` has them all."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

import netspec
from netspec.capture.importing import from_torch
from netspec.layers.base import TensorType

SPECS = Path(__file__).parents[2] / "specs"


@pytest.mark.slow
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
    ("name", "spec", "size"),
    [
        ("resnet50", "resnet", 64),
        ("vgg16", "vgg", 64),
        ("mobilenet_v3_large", "mobilenet_v3", 64),
        ("vit_b_16", "vision_transformer", 224),
    ],
)
def test_imports_are_not_much_longer_than_what_a_person_wrote(name: str, spec: str, size: int) -> None:
    models = pytest.importorskip("torchvision.models")
    module = models.get_model(name, weights=None)
    found = from_torch(module, torch.randn(2, 3, size, size), name=name, is_verified=False)
    ours = (SPECS / "torchvision" / f"{spec}.yaml").read_text(encoding="utf-8")
    assert len(found.text.splitlines()) <= 1.5 * len(ours.splitlines())


SAME = """
    lenet d2l/lenet d2l/lenet_batch_norm d2l/nin d2l/vit d2l/densenet d2l/resnext audio/tcn audio/tcn_training
    generative/sngan_discriminator language/gpt_bytes language/sasrec language/decision_transformer
    generative/conv_autoencoder
    generative/dcgan_discriminator generative/dcgan_generator generative/realnvp generative/stylegan_mapping
    graphs/actor_critic graphs/dcn_v2 graphs/deit graphs/dueling_dqn graphs/pointnet graphs/sac_actor
    graphs/wide_and_deep language/text_cnn tabular/deepfm tabular/ft_transformer tabular/gcn tabular/neumf
    tabular/tabular_resnet vision/espcn vision/nonlocal vision/siren vision/srcnn
"""


def an_input(value: TensorType) -> Tensor:
    shape = (2, *(int(size) for size in value.shape))
    if value.dtype == "float32":
        return torch.randn(shape)
    return torch.randint(0, 2, shape).to(torch.bool if value.dtype == "bool" else torch.int64)


@pytest.mark.parametrize("name", SAME.split())
def test_what_netspec_builds_comes_back(name: str) -> None:
    net = netspec.load(SPECS / f"{name}.yaml")
    inputs = [an_input(value.type) for value in net.inputs]
    found = from_torch(netspec.build(net), *inputs, name="again", is_verified=False).net
    ours, theirs = (
        [(leaf.type, leaf.output_shape) for leaf in one.layers if leaf.type != "Identity"] for one in (found, net)
    )  # an `Identity` holds the place of a module that does nothing
    assert ours == theirs
    assert (found.params, found.macs) == (net.params, net.macs)
