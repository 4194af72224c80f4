"""The estimate of training memory, compared with what torch keeps for backward."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

import netspec
from netspec.cost import estimate
from netspec.diagnostics import UsageError
from netspec.net import Net
from netspec.recipe.tables import OPTIMIZERS
from tests.layers.memory import kept

SPECS = Path(__file__).parents[1] / "specs"

ENCODER = """
input: [64, 128]
layers:
  - TransformerEncoder: {num_layers: 3, encoder_layer: {nhead: 4, dim_feedforward: 512}}
  - LayerNorm
  - Flatten
  - Linear: 10
"""

JOINED = """
input: [3, 16, 16]
layers:
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
  - residual: [BatchNorm2d, ReLU, {Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}}]
  - concat: [[{Conv2d: {out_channels: 4, kernel_size: 1}}], [{MaxPool2d: {kernel_size: 3, stride: 1, padding: 1}}]]
  - gate: [{AdaptiveAvgPool2d: 1}, {Conv2d: {out_channels: 12, kernel_size: 1}}, Sigmoid]
  - Flatten
  - Linear: 10
"""


def net_of(name: str) -> Net:
    """The net of a file in `specs/`, or of one of the texts above."""
    if name in ("encoder", "joined"):
        return netspec.loads(ENCODER if name == "encoder" else JOINED)
    return netspec.load(SPECS / name)


@pytest.mark.parametrize(
    ("name", "batch"),
    [
        ("lenet.yaml", 16),
        ("alexnet.yaml", 2),
        ("d2l/vgg11.yaml", 1),
        ("d2l/resnet18.yaml", 2),
        ("d2l/vit.yaml", 1),
        ("encoder", 3),
        ("joined", 4),
    ],
)
def test_what_is_kept_is_within_15_percent_of_what_torch_keeps(name: str, batch: int) -> None:
    """Compares with the distinct storages of torch's saved tensors and with its parameters, on the CPU."""
    net = net_of(name)
    model = netspec.build(net)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found, _ = kept(model, torch.rand(batch, *net.input_shape))  # type: ignore[arg-type]  # concrete sizes
    parameters = sum(p.nbytes for p in model.parameters())
    cost = estimate(net, batch, device="cpu")
    assert cost.kept == pytest.approx(parameters + sum(found.values()), rel=0.15)
    assert cost.activations == pytest.approx(sum(found.values()), rel=0.05)
    assert cost.weights == parameters


def test_a_tensor_that_two_layers_keep_counts_once() -> None:
    """A ReLU saves its output, and the convolution after it saves the same tensor as its input."""
    body = "Conv2d: {out_channels: 3, kernel_size: 1}"
    alone = estimate(netspec.loads(f"input: [3, 8, 8]\nlayers:\n  - {body}\n  - ReLU\n"), 1)
    both = estimate(netspec.loads(f"input: [3, 8, 8]\nlayers:\n  - {body}\n  - ReLU\n  - {body}\n"), 1)
    assert both.activations == alone.activations
    assert [layer.saved for layer in both.layers] == [768, 768, 0]


def test_an_activation_that_overwrites_its_input_takes_no_memory_of_its_own() -> None:
    def peak(relu: str) -> int:
        text = f"input: [3, 8, 8]\nlayers:\n  - BatchNorm2d\n  - {relu}\n  - BatchNorm2d\n  - {relu}\n"
        return estimate(netspec.loads(text), 4).activations

    assert peak("ReLU: {inplace: true}") < peak("LeakyReLU")


def test_the_batch_multiplies_activations_alone() -> None:
    one, two = estimate(net_of("lenet.yaml"), 8), estimate(net_of("lenet.yaml"), 16)
    assert two.activations == 2 * one.activations
    assert (two.weights, two.gradients, two.optimizer_state) == (one.weights, one.gradients, one.optimizer_state)


@pytest.mark.parametrize(
    ("optimizer", "arguments"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("Adam", {}),
        ("Adam", {"amsgrad": True}),
        ("AdamW", {}),
        ("NAdam", {}),
        ("RAdam", {}),
        ("Adamax", {}),
        ("Adadelta", {}),
        ("Adagrad", {}),
        ("ASGD", {}),
        ("RMSprop", {"momentum": 0.9, "centered": True}),
        ("Rprop", {}),
        ("Adafactor", {}),
    ],
)
def test_the_state_of_an_optimizer_is_what_torch_allocates(optimizer: str, arguments: dict[str, Any]) -> None:
    net = net_of("lenet.yaml")
    model = netspec.build(net)
    steps = getattr(torch.optim, optimizer)(model.parameters(), lr=0.1, **arguments)
    model(torch.rand(2, 1, 28, 28)).sum().backward()
    steps.step()
    state = (tensor for tensors in steps.state.values() for tensor in tensors.values() if torch.is_tensor(tensor))
    measured = sum(tensor.nbytes for tensor in state if tensor.ndim)  # step counters aside
    assert estimate(net, 2, optimizer=optimizer, arguments=arguments).optimizer_state == measured


def test_the_memory_of_every_optimizer_of_a_recipe_is_known() -> None:
    net = net_of("joined")
    for name in OPTIMIZERS:
        assert estimate(net, 4, optimizer=name).optimizer == name


def test_frozen_layers_have_no_gradients_and_what_only_they_need_is_not_kept() -> None:
    text = "input: [10]\nlayers:\n  - {{Linear: 100, freeze: {frozen}}}\n  - ReLU\n  - Linear: 5\n"
    free = estimate(netspec.loads(text.format(frozen="false")), 4, optimizer="Adam")
    frozen = estimate(netspec.loads(text.format(frozen="true")), 4, optimizer="Adam")
    assert free.gradients - frozen.gradients == 4 * 1100
    assert frozen.optimizer_state == 2 * frozen.gradients
    assert frozen.layers[0].saved == 0
    assert frozen.activations == 4 * 4 * 100  # the input of the last layer


def test_half_precision_halves_what_is_kept_and_adds_copies_of_the_weights() -> None:
    full, half = estimate(net_of("alexnet.yaml"), 128), estimate(net_of("alexnet.yaml"), 128, "bf16")
    assert 0.45 < half.activations / full.activations < 0.75  # the indices of pools stay 64 bits wide
    assert half.casts == full.weights // 2
    assert half.weights == full.weights
    assert estimate(net_of("alexnet.yaml"), 128, "tf32").peak == full.peak


def test_the_peak_lies_between_what_is_kept_and_everything_at_once() -> None:
    for name in ("lenet.yaml", "alexnet.yaml", "encoder", "joined"):
        cost = estimate(net_of(name), 32, optimizer="Adam")
        everything = sum(layer.output for layer in cost.layers) * 2 + cost.activations
        always = cost.weights + cost.buffers + cost.optimizer_state
        assert always + cost.activations <= cost.peak <= always + cost.gradients + 2 * everything
        assert cost.fits(cost.peak)
        assert not cost.fits(cost.peak - 1)


def test_a_wrong_use_is_a_usage_error() -> None:
    net = net_of("lenet.yaml")
    with pytest.raises(UsageError, match="did you mean `AdamW`"):
        estimate(net, 4, optimizer="Adamw")
    with pytest.raises(UsageError, match="at least one example"):
        estimate(net, 0)
    with pytest.raises(UsageError, match="--set H=224"):
        estimate(netspec.loads("input: [3, H, H]\nlayers: [ReLU]\n"), 1)


def test_the_estimate_reads_as_a_list_and_as_json() -> None:
    cost = estimate(net_of("alexnet.yaml"), 128, "bf16", "Adam")
    assert "state of Adam" in cost.to_text()
    assert cost.to_json()["totals"]["peak"] == cost.peak
    assert len(cost.to_json()["layers"]) == 21
