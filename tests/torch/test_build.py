"""The built module: its keys, its parameters, what a seed means, freezing, auxiliary heads, refusals."""

from __future__ import annotations

import copy
import re
import subprocess
import sys

import pytest
import torch
from torch import nn

import netspec
from netspec.diagnostics import Defect, MissingExtra, ResourceError, UsageError
from netspec.extras import install
from netspec.layers.base import TorchCall
from netspec.net import Initializer
from netspec.torch import build as builder
from netspec.torch.build import available_memory, build, constructor
from netspec.torch.modules import AuxiliarySequential, FrozenBatchNorm2d, Outputs
from tests.doctored import doctored

LENET = """
name: lenet
input: [1, 28, 28]
layers:
  - Conv2d: {out_channels: 6, kernel_size: 5, padding: 2}
  - Sigmoid
  - AvgPool2d: {kernel_size: 2, stride: 2}
  - Flatten
  - Linear: 10
init: {Conv2d: xavier_uniform_, Linear: {weight: xavier_uniform_, bias: zeros_}}
"""

JOINED = """
name: joined
input: [4, 6, 6]
layers:
  - residual: [{Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}}, ReLU]
  - residual: [{Conv2d: {out_channels: 8, kernel_size: 1}}]
    shortcut: [{Conv2d: {out_channels: 8, kernel_size: 1, bias: false}}]
  - add: [[], [ReLU], [{Conv2d: {out_channels: 8, kernel_size: 1}}]]
  - concat: [[], [{Conv2d: {out_channels: 2, kernel_size: 1}}]]
  - concat: [[], [ReLU]]
    split: 2
  - concat: [[], []]
    dim: 3
  - gate: [{AdaptiveAvgPool2d: 1}, {Conv2d: {out_channels: in_channels, kernel_size: 1}}, Sigmoid]
  - sequential: [ReLU, {Conv2d: {out_channels: 3, kernel_size: 1}}]
"""

FROZEN = """
name: frozen
input: [3, 8, 8]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3}
    freeze: true
  - BatchNorm2d
    freeze: true
  - {BatchNorm2d: {}}
  - {Flatten: {}}
  - Linear: 2
""".replace("  - BatchNorm2d\n    freeze", "  - BatchNorm2d: {}\n    freeze")

AUX = """
name: heads
input: [3, 4, 4]
layers:
  - Conv2d: {out_channels: 4, kernel_size: 1}
  - aux: [Flatten, {Linear: 3}]
  - sequential:
      - ReLU
      - aux: [Flatten, {Linear: 5}]
  - Flatten
  - Linear: 3
"""


def test_a_plain_chain_is_an_nn_sequential_with_the_keys_of_one_written_by_hand():
    model = build(netspec.loads(LENET))
    assert type(model) is nn.Sequential
    assert list(model.state_dict()) == ["0.weight", "0.bias", "4.weight", "4.bias"]


def test_a_seed_gives_the_parameters_of_the_same_network_written_by_hand_and_leaves_torchs_generator_alone():
    def init_weights(module: nn.Module) -> None:
        if type(module) in (nn.Linear, nn.Conv2d):
            nn.init.xavier_uniform_(module.weight)
        if type(module) is nn.Linear:
            nn.init.zeros_(module.bias)

    torch.manual_seed(7)
    by_hand = nn.Sequential(
        nn.Conv2d(1, 6, kernel_size=5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2), nn.Flatten(), nn.Linear(1176, 10)
    )
    by_hand.apply(init_weights)
    before = torch.get_rng_state()
    model = build(netspec.loads(LENET), seed=7)
    assert torch.equal(torch.get_rng_state(), before)
    for key, value in by_hand.state_dict().items():
        assert torch.equal(model.state_dict()[key], value), key


def test_without_a_seed_torchs_own_generator_decides():
    torch.manual_seed(3)
    first = build(netspec.loads(LENET))
    torch.manual_seed(3)
    assert torch.equal(build(netspec.loads(LENET))[0].weight, first[0].weight)


def test_only_arguments_that_differ_from_torchs_defaults_reach_the_constructor(monkeypatch: pytest.MonkeyPatch):
    seen: list[dict[str, object]] = []
    conv = nn.Conv2d

    class Spy(conv):
        def __init__(self, **arguments: object) -> None:
            seen.append(arguments)
            super().__init__(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(nn, "Conv2d", Spy)
    build(netspec.loads(LENET))
    assert seen == [{"in_channels": 1, "out_channels": 6, "kernel_size": 5, "padding": 2}]


def test_combinators_compute_what_their_words_say():
    net = netspec.loads(JOINED)
    model = build(net, seed=0).eval()
    x = torch.randn(3, 4, 6, 6)
    m = dict(model.named_modules())
    y = torch.relu(m["0.body.0"](x)) + x
    y = m["1.body.0"](y) + m["1.shortcut.0"](y)
    y = y + torch.relu(y) + m["2.branches.2.0"](y)
    y = torch.cat([y, m["3.branches.1.0"](y)], 1)
    a, b = y.chunk(2, 1)
    y = torch.cat([a, torch.relu(b)], 1)
    y = torch.cat([y, y], 3)
    y = y * torch.sigmoid(m["6.body.1"](y.mean((2, 3), keepdim=True)))
    y = m["7.1"](torch.relu(y))
    assert torch.allclose(model(x), y, atol=1e-6)
    assert tuple(model(x).shape) == (3, *net.output_shape)
    keys = {key.rpartition(".")[0] for key in model.state_dict()}
    assert keys == {leaf.path for leaf in net.layers if leaf.params}


def test_frozen_layers_do_not_learn_and_frozen_norms_keep_their_statistics_while_training():
    model = build(netspec.loads(FROZEN))
    assert type(model) is nn.Sequential
    model.train()
    assert [module.training for module in model] == [True, False, True, True, True]
    assert [parameter.requires_grad for parameter in model.parameters()] == [False] * 4 + [True] * 4
    before = copy.deepcopy(model.state_dict())
    model(torch.randn(4, 3, 8, 8) + 5)
    assert torch.equal(model[1].running_mean, before["1.running_mean"])
    assert not torch.equal(model[2].running_mean, before["2.running_mean"])


def test_frozen_norms_stay_frozen_in_copies_and_slices():
    model = build(netspec.loads(FROZEN))
    for other in (copy.deepcopy(model), model[:3]):
        other.train()
        assert isinstance(other[1], FrozenBatchNorm2d)
        assert not other[1].training


def test_auxiliary_heads_give_outputs_in_training_and_a_plain_tensor_in_eval():
    model = build(netspec.loads(AUX), seed=0)
    assert isinstance(model, AuxiliarySequential)
    x = torch.randn(2, 3, 4, 4)
    output = model.train()(x)
    assert isinstance(output, Outputs)
    assert [tuple(head.shape) for head in output.aux] == [(2, 3), (2, 5)]
    assert torch.equal(output.output, model.eval()(x))
    features = model[0](x)
    assert torch.equal(output.aux[0], model[1].body(features))
    copy.deepcopy(model)  # no result of a step is left inside


def test_a_net_with_symbols_is_refused_with_the_option_that_makes_it_concrete():
    net = netspec.loads("name: s\ninput: [3, H, W]\nlayers:\n  - ReLU\n")
    with pytest.raises(UsageError, match=r"symbols H, W.*--set H=224 --set W=224"):
        build(net)


def test_parameters_that_do_not_fit_into_memory_are_refused_with_both_numbers(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(builder, "available_memory", lambda: 1024)
    net = netspec.loads(LENET)
    with pytest.raises(ResourceError, match=r"46\.6 KiB \(11,926 in float32\), but 1\.0 KiB"):
        build(net)
    assert len(build(net, check_memory=False)) == 5
    assert len(build(net, device="meta")) == 5


def test_the_memory_that_is_free_is_a_plausible_number():
    free = available_memory()
    assert free is not None
    assert 2**20 < free < 2**50


def test_an_initialiser_that_torch_refuses_is_a_defect_that_names_layer_shape_and_reason():
    net = netspec.loads("name: i\ninput: [3, 4, 4]\nlayers:\n  - BatchNorm2d\n")
    net = doctored(net, 0, init=(Initializer("weight", "xavier_uniform_", {}),))
    with pytest.raises(
        Defect, match=r"refuses `xavier_uniform_` for the weight \(3\) of `BatchNorm2d` at <string>:4:5"
    ):
        build(net)


def test_a_layer_that_torch_refuses_to_make_is_a_defect_that_names_its_place(monkeypatch: pytest.MonkeyPatch):
    net = netspec.loads(LENET)
    wrong = TorchCall("Conv2d", {"in_channels": 1, "out_channels": 6, "kernel_size": 5, "groups": 0})
    monkeypatch.setattr(type(net.layers[0].layer), "call", lambda self, x: wrong)
    with pytest.raises(Defect, match=r"refuses `Conv2d` at <string>:5:5, which netspec accepted: groups must be"):
        build(net)


@pytest.mark.parametrize("module", ["os", "torch", "torch.nn.modules", "netspec.cli"])
def test_only_classes_of_the_closed_table_of_namespaces_are_called(module: str):
    with pytest.raises(Defect, match="no namespace"):
        constructor(TorchCall("system", {}, module))
    with pytest.raises(Defect, match="has no module"):
        constructor(TorchCall("functional", {}, "torch.nn"))


def test_without_torch_the_message_is_the_line_that_installs_it():
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import netspec\n"
        "from netspec.diagnostics import MissingExtra\n"
        "try: netspec.build\n"
        "except MissingExtra as error: print(error)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip().endswith(f":\n    {install('torch')}")


def test_without_torchvision_a_layer_of_its_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.delitem(sys.modules, "torchvision.ops", raising=False)
    with pytest.raises(MissingExtra, match=re.escape(install("torch"))):
        constructor(TorchCall("StochasticDepth", {}, "torchvision.ops"))
