"""`parametrize` beside a layer: torch's own parametrisations with torch's keys, and standardised weights."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

import netspec
from netspec import estimate
from netspec.comparison import compare
from netspec.net import Net
from netspec.torch.measured import kept
from netspec.torch.verify import verify
from netspec.views.describe import layer_text
from tests.emitted import assert_same, emitted
from tests.train.small_runs import finish, run_until, whole_state

Made = Callable[[], nn.Module]

LAYERS: dict[str, tuple[str, str, Made]] = {
    "Linear": ("[5, 6]", "Linear: 7", lambda: nn.Linear(6, 7)),
    "Conv1d": ("[4, 9]", "Conv1d: {out_channels: 6, kernel_size: 3}", lambda: nn.Conv1d(4, 6, 3)),
    "Conv2d": (
        "[4, 5, 5]", "Conv2d: {out_channels: 6, kernel_size: 3, groups: 2, bias: false}",
        lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False),
    ),
    "Conv3d": ("[2, 3, 3, 3]", "Conv3d: {out_channels: 3, kernel_size: 2}", lambda: nn.Conv3d(2, 3, 2)),
    "ConvTranspose1d": (
        "[4, 5]", "ConvTranspose1d: {out_channels: 6, kernel_size: 4, stride: 2}",
        lambda: nn.ConvTranspose1d(4, 6, 4, 2),
    ),
    "ConvTranspose2d": (
        "[4, 3, 3]", "ConvTranspose2d: {out_channels: 6, kernel_size: 2}", lambda: nn.ConvTranspose2d(4, 6, 2),
    ),
}  # fmt: skip

KINDS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "weight_norm": weight_norm,
    "weight_norm: {dim: 1}": lambda module: weight_norm(module, dim=1),
    "weight_norm: {dim: null}": lambda module: weight_norm(module, dim=None),  # type: ignore[arg-type]  # torch takes it
    "spectral_norm": spectral_norm,
    "spectral_norm: {n_power_iterations: 3, eps: 0.0001, dim: 1}": lambda module: spectral_norm(
        module, n_power_iterations=3, eps=0.0001, dim=1
    ),
}


def written(kind: str) -> str:
    return f"{{{kind}}}" if ":" in kind else kind


def spec(layer: str, kind: str, *, beside: str = "") -> str:
    shape, text, _ = LAYERS[layer]
    return f"input: {shape}\nlayers:\n  - {text}\n    parametrize: {written(kind)}\n{beside}"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_what_torchs_function_makes_of_it_to_the_bit(layer: str, kind: str) -> None:
    """State, its keys and their order, outputs and gradients, in three steps of training and then in eval mode."""
    net = netspec.loads(spec(layer, kind))
    verify(net)
    model = netspec.build(net, seed=3)
    torch.manual_seed(3)
    theirs = KINDS[kind](LAYERS[layer][2]())
    assert [f"0.{key}" for key in theirs.state_dict()] == list(model.state_dict())
    assert net.params == sum(p.numel() for p in theirs.parameters())
    assert net.buffers == sum(b.numel() for b in theirs.buffers())
    x = torch.randn(3, *net.input_shape)  # type: ignore[arg-type]
    for training in (True, True, True, False):
        y, expected = model.train(training)(x), theirs.train(training)(x)
        assert torch.equal(y, expected)
        y.square().sum().backward()
        expected.square().sum().backward()
    for key, value in theirs.state_dict().items():
        assert torch.equal(model.state_dict()[f"0.{key}"], value)
    for (_, ours), (_, other) in zip(model.named_parameters(), theirs.named_parameters(), strict=True):
        assert ours.grad is not None and other.grad is not None and torch.equal(ours.grad, other.grad)


# ---- standardised weights


def standardised(weight: torch.Tensor, eps: float, gain: torch.Tensor | None, gamma: float) -> torch.Tensor:
    """Output by output."""
    rows: list[torch.Tensor] = []
    for i, row in enumerate(weight):
        mean = row.sum() / row.numel()
        variance = (row - mean).pow(2).sum() / row.numel()
        y = (row - mean) / (variance + eps).sqrt()
        rows.append(y if gain is None else y * gain[i] * gamma * row.numel() ** -0.5)
    return torch.stack(rows)


@pytest.mark.parametrize("gain", [False, True])
@pytest.mark.parametrize("layer", ["Linear", "Conv1d", "Conv2d", "Conv3d"])
def test_a_standardised_weight_has_mean_0_and_variance_1_for_each_output(layer: str, gain: bool) -> None:
    kind = f"weight_standardization: {{eps: 0.001, gain: {str(gain).lower()}{', gamma: 1.7' if gain else ''}}}"
    net = netspec.loads(spec(layer, kind))
    verify(net)
    model: Any = netspec.build(net, seed=0).double()
    torch.manual_seed(0)
    plain: Any = LAYERS[layer][2]()
    assert torch.equal(model[0].parametrizations.weight.original.float(), plain.weight)
    factors = None
    if gain:
        factors = nn.init.normal_(model[0].parametrizations.weight[0].gain)
        assert factors.shape == (plain.weight.shape[0], *[1] * (plain.weight.ndim - 1))
    expected = standardised(plain.weight.detach().double(), 0.001, factors, 1.7)
    assert torch.allclose(model[0].weight, expected, rtol=0, atol=1e-12)
    plain.double().weight = nn.Parameter(expected)
    x = torch.randn(2, *net.input_shape, dtype=torch.float64)  # type: ignore[arg-type]
    assert torch.allclose(model(x), plain(x), rtol=0, atol=1e-12)
    keys = (
        ["bias"] * (layer != "Conv2d")
        + ["parametrizations.weight.original"]
        + ["parametrizations.weight.0.gain"] * gain
    )
    assert [key.removeprefix("0.") for key in model.state_dict()] == keys


def test_a_standardised_convolution_is_that_of_timm() -> None:
    """What `ScaledStdConv2d.forward` computes, with its arguments."""
    net = netspec.loads(spec("Conv2d", "weight_standardization: {gain: true, gamma: 1.2}"))
    model: Any = netspec.build(net, seed=0)
    own = model[0].parametrizations.weight
    weight, gain = own.original, nn.init.uniform_(own[0].gain)
    scale = 1.2 * weight[0].numel() ** -0.5
    theirs = nn.functional.batch_norm(
        weight.reshape(1, 6, -1), None, None, weight=(gain * scale).view(-1), training=True, momentum=0.0, eps=1e-6
    ).reshape_as(weight)
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(model(x), nn.functional.conv2d(x, theirs, groups=2))


# ---- beside other things

TOGETHER = """
name: together
input: [3, 12, 12]
init: {Conv2d: {weight: {normal_: {std: 0.02}}, bias: zeros_}}
blocks:
  body(width):
    - Conv2d: {out_channels: width, kernel_size: 3, padding: 1}
      parametrize: weight_norm
    - LeakyReLU: 0.1
layers:
  - body: 8
  - body: 8
  - residual:
      - body: 8
  - Conv2d: {out_channels: 8, kernel_size: 3, padding: 1}
    parametrize: {weight_standardization: {gain: true}}
    freeze: true
  - ConvTranspose2d: {out_channels: 4, kernel_size: 2, stride: 2}
    parametrize: spectral_norm
    name: up
  - Conv2d: {out_channels: 4, kernel_size: 1}
    parametrize: {weight_norm: {dim: null}}
    shared: twice
  - ReLU
  - Conv2d: {out_channels: 4, kernel_size: 1}
    parametrize: {weight_norm: {dim: null}}
    shared: twice
  - Flatten
  - Linear: 5
    parametrize: {spectral_norm: {n_power_iterations: 2}}
    init: {weight: orthogonal_}
    name: head
  - Linear: 5
    tie: {bias: head.bias}
"""


def test_emitted_python_is_the_same_to_the_bit_from_the_first_weights_on() -> None:
    net = netspec.loads(TOGETHER)
    verify(net)
    assert_same(net)
    ours, theirs = netspec.build(net, seed=7).state_dict(), emitted(net, 7).state_dict()
    assert all(torch.equal(value, theirs[key]) for key, value in ours.items())
    text = netspec.to_python(net)
    assert "from torch.nn.utils.parametrizations import spectral_norm, weight_norm\n" in text
    assert '    for path in ["0", "2", "4.body.0"]:\n        weight_norm(model.get_submodule(path))\n' in text
    assert '    weight_norm(model.get_submodule("twice"), dim=-1)\n' in text


def test_what_is_initialised_is_the_weight_before() -> None:
    model: Any = netspec.build(netspec.loads(TOGETHER), seed=0)
    first, head = (model.get_submodule(path) for path in ("0", "head"))
    assert first.weight.std().item() == pytest.approx(0.02, rel=0.2)
    assert torch.allclose(first.weight, first.parametrizations.weight.original1)
    original = head.parametrizations.weight.original
    assert torch.allclose(original @ original.T, torch.eye(5), atol=1e-5)
    assert torch.linalg.matrix_norm(head.eval().weight, 2).item() == pytest.approx(1, abs=1e-4)


def test_frozen_shared_and_tied_layers_stay_what_they_are() -> None:
    net = netspec.loads(TOGETHER)
    model = netspec.build(net, seed=0)
    frozen = [key for key, p in model.named_parameters() if not p.requires_grad]
    assert frozen == ["5.bias", "5.parametrizations.weight.original", "5.parametrizations.weight.0.gain"]
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == net.trainable_params
    assert sum(p.numel() for p in model.parameters()) == net.params
    assert model.get_parameter("head.bias") is model[-1].bias


def test_it_is_copied_exported_and_written_out_flat() -> None:
    net = netspec.loads(TOGETHER)
    model, x = netspec.build(net, seed=0).eval(), torch.randn(2, 3, 12, 12)
    expected = model(x)
    assert torch.equal(copy.deepcopy(model)(x), expected)
    batch = torch.export.Dim("batch", min=2, max=64)
    exported = torch.export.export(model, (x,), dynamic_shapes=[{0: batch}])  # type: ignore[no-untyped-call]
    assert torch.allclose(exported.module()(torch.cat([x, x]))[:2], expected, atol=1e-6)
    again = netspec.loads(netspec.expand(net))
    assert netspec.expand(again) == netspec.expand(net)
    assert torch.equal(netspec.build(again, seed=0).eval()(x), expected)
    layers = {layer["path"]: layer for layer in netspec.to_json(net)["layers"] if "parametrize" in layer}
    assert layers["twice"]["parametrize"] == {"weight_norm": {"dim": None}}
    assert "parametrize" not in json.dumps(netspec.to_json(netspec.loads("input: [8]\nlayers: [Linear: 4]")))
    texts = {leaf.path: layer_text(leaf) for leaf in net.layers}
    assert texts["5"] == "Conv2d 8, 3×3, padding 1, weight_standardization, gain, frozen"
    assert texts["twice"] == "Conv2d 4, 1×1, weight_norm, dim null"


def test_two_nets_that_differ_in_it_alone_differ() -> None:
    plain, normed = (
        netspec.loads(f"input: [8]\nlayers:\n  - Linear: 4\n{beside}")
        for beside in ("", "    parametrize: {spectral_norm: {eps: 0.1}}\n")
    )
    assert "parametrize" in str(compare(plain, normed).to_text())


@pytest.mark.parametrize("batch", [2, 50])
@pytest.mark.parametrize("kind", [*KINDS, "weight_standardization", "weight_standardization: {gain: true}"])
@pytest.mark.parametrize("layer", LAYERS)
def test_what_is_kept_for_the_backward_pass_is_what_autograd_keeps(layer: str, kind: str, batch: int) -> None:
    if layer.startswith("ConvTranspose") and kind.startswith("weight_standardization"):
        pytest.skip("is refused")
    shape, text, _ = LAYERS[layer]
    norm = f"LayerNorm: {{normalized_shape: {shape}}}"  # so that a gradient flows back to what the layer is given
    net = netspec.loads(f"input: {shape}\nlayers:\n  - {norm}\n  - {text}\n    parametrize: {written(kind)}\n")
    model = netspec.build(net, seed=0)
    found, _ = kept(model, torch.randn(batch, *net.input_shape))  # type: ignore[arg-type]
    assert estimate(net, batch, device="cpu").activations == sum(found.values())


TRAINED = """
name: discriminator
input: [1, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, stride: 2}
    parametrize: spectral_norm
  - LeakyReLU: 0.1
  - Conv2d: {out_channels: 4, kernel_size: 2}
    parametrize: {weight_standardization: {gain: true}}
  - ReLU
  - Flatten
  - Linear: 8
    parametrize: weight_norm
  - Linear: 4
train:
  data: {synthetic: {train: 100, test: 16}}
  batch_size: 8
  epochs: 2
  loss: CrossEntropyLoss
  optimizer: {SGD: {lr: 0.1, momentum: 0.9, weight_decay: 0.001}}
  ema: 0.9
"""


@pytest.mark.slow
def test_a_run_is_resumed_to_the_bit(tmp_path: Path) -> None:
    net = netspec.loads(TRAINED)
    finish(net, tmp_path / "whole")
    run_until(net, tmp_path / "run", 9)
    finish(net, tmp_path / "run")
    assert whole_state(tmp_path / "run") == whole_state(tmp_path / "whole")
    model = whole_state(tmp_path / "run")["model"]
    assert any(key.endswith("0.parametrizations.weight.0._u") for key in model)


def test_a_run_is_not_resumed_with_another_parametrization(tmp_path: Path) -> None:
    run_until(netspec.loads(TRAINED), tmp_path / "run", 3)
    other: Net = netspec.loads(TRAINED.replace("parametrize: weight_norm", "parametrize: {weight_norm: {dim: 1}}"))
    with pytest.raises(netspec.UsageError, match="architecture"):
        finish(other, tmp_path / "run")


# ---- what is refused


def problems(layers: str, input: str = "[4, 8, 8]") -> list[tuple[str, str | None]]:
    with pytest.raises(netspec.SpecError) as caught:
        netspec.loads(f"input: {input}\nlayers:\n{layers}")
    return [(d.message, d.help) for d in caught.value.diagnostics]


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("  - ReLU:\n    parametrize: weight_norm", "`ReLU` has no `weight` here, and it takes a weight"),
        ("  - BatchNorm2d:\n    parametrize: weight_norm", "`BatchNorm2d` has a weight of one axis, and it takes"),
        ("  - LSTM: 4\n    parametrize: weight_norm", "`LSTM` has no `weight` here"),
        ("  - Linear: 4\n    parametrize: weight_nrom", "there is no parametrization `weight_nrom`"),
        ("  - Linear: 4\n    parametrize: {weight_norm: {dim: 2}}", "so `dim` is from 0 to 1, not 2"),
        ("  - Linear: 4\n    parametrize: {weight_norm: {dim: -1}}", "wants an integer of at least 0"),
        ("  - Linear: 4\n    parametrize: {weight_norm: {eps: 1}}", "`weight_norm` has no argument `eps`"),
        ("  - Linear: 4\n    parametrize: {spectral_norm: {n_power_iterations: 0}}", "an integer of at least 1"),
        ("  - Linear: 4\n    parametrize: {weight_standardization: {gamma: 2}}", "write `gain: true` beside it"),
        ("  - ConvTranspose2d: {out_channels: 2, kernel_size: 2}\n    parametrize: weight_standardization",
         "`ConvTranspose2d` has its outputs on the second axis of the weight"),
        ("  - Conv2d: {out_channels: 4, kernel_size: 1, groups: 4}\n    parametrize: weight_standardization",
         "`Conv2d` has one weight for each output, which has no variance"),
        ("  - residual: [ReLU]\n    parametrize: weight_norm", "`residual` has no option `parametrize`"),
        ("  - Linear: 8\n    name: a\n  - Linear: 8\n    parametrize: weight_norm\n    tie: {weight: a.weight}",
         "`Linear` has no parameter `weight` here: `parametrize: weight_norm` computes it of others"),
        ("  - Linear: 8\n    name: a\n    parametrize: weight_norm\n  - Linear: 8\n    tie: {weight: a.weight}",
         "which has no parameter `weight` here: `parametrize: weight_norm` computes it of others"),
        ("  - Linear: 8\n    shared: a\n    parametrize: weight_norm\n  - Linear: 8\n    shared: a",
         "`parametrize` of its `Linear` is here none and at first weight_norm"),
        ("  - weight_norm: [Linear: 8]", "there is no layer or block `weight_norm`"),
    ],
)  # fmt: skip
def test_what_it_is_not_for_is_said(layers: str, words: str) -> None:
    input_ = "[4, 8]" if "LSTM" in layers else "[4, 8, 8]"
    assert any(words in message for message, _ in problems(layers, input_)), problems(layers, input_)


@pytest.mark.parametrize(
    ("head", "advice"),
    [
        ("weight_norm: [Linear: 8]", "`parametrize: weight_norm` stands beside the layer"),
        ("spectral_norm: [Linear: 8]", "`parametrize: spectral_norm` stands beside the layer"),
        ("StdConv2d: {out_channels: 8, kernel_size: 3}", "`parametrize: weight_standardization` beside a `Conv2d`"),
        ("ScaledStdConv2d: {out_channels: 8, kernel_size: 3}", "{gain: true}}` beside a `Conv2d` is timm's layer"),
    ],
)
def test_what_others_write_as_a_layer_is_answered(head: str, advice: str) -> None:
    ((_, help_),) = problems(f"  - {head}")
    assert help_ is not None and advice in help_
