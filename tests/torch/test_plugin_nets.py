"""Nets with layers of one's own: built, written as Python, verified, given weights; and whose fault a difference is."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn

import netspec
from netspec.layers import Layer, Shape, TensorType, TorchCall
from netspec.torch.verify import PluginVerificationError
from tests.emitted import assert_same
from tests.plugged import LAYERS, SPEC, ChannelScale, SquaredReLU, Widen
from tests.plugged_modules import Residual

GRAPH = """\
input: {a: [4, 6, 6], b: [4]}
layers:
  - Conv2d: {out_channels: 4, kernel_size: 3, padding: 1}
  - as: skip
  - SquaredReLU
  - add: [[], skip, [ChannelScale: 0.1]]
  - Flatten
output: {far: [Widen: 3], near: b}
"""


def test_a_built_net_is_the_written_file_and_what_is_inferred() -> None:
    net = netspec.loads(SPEC, layers=LAYERS)
    assert_same(net)
    assert netspec.verify(net).disagreements == ()
    model = netspec.build(net)
    assert torch.equal(model.get_parameter("3.weight"), torch.ones(4))  # `init` knows the layer
    assert not model.get_parameter("3.weight").requires_grad
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        x = torch.randn(2, 3, 8, 8)
        assert torch.equal(again(x), model(x))


def test_a_default_of_the_class_is_no_default_of_the_module() -> None:
    """`Widen` builds torch's `Linear`, whose bias is there unless it is told otherwise."""
    net = netspec.loads("input: [3]\nlayers: [Widen: 5]\n", layers=LAYERS)
    assert list(netspec.build(net).state_dict()) == ["0.weight"]
    assert "nn.Linear(3, 5, bias=False)" in netspec.to_python(net)


def test_a_graph_with_layers_of_ones_own() -> None:
    net = netspec.loads(GRAPH, layers=LAYERS)
    assert netspec.verify(net).disagreements == ()
    text = netspec.to_python(net)
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(text, "emitted.py", "exec", dont_inherit=True), names)
    made, built = names["string_2"](), netspec.build(net, seed=0)
    made.load_state_dict(built.state_dict())
    inputs = torch.randn(2, 4, 6, 6), torch.randn(2, 4)
    assert all(torch.equal(a, b) for a, b in zip(made(*inputs), built(*inputs), strict=True))


def test_a_class_whose_name_the_file_has_otherwise_gets_another() -> None:
    text = netspec.to_python(netspec.loads(SPEC, layers=LAYERS))
    assert (
        "from tests.plugged_modules import Residual as Residual2\nfrom tests.plugged_modules import SquaredReLU\n"
        in text
    )
    assert "Residual2(channels=4, axes=3, init_value=0.5)" in text and "class Residual(nn.Module):" in text


def test_weights_of_a_module_written_by_hand_are_carried_over() -> None:
    net = netspec.loads("input: [4, 6, 6]\nlayers: [ChannelScale: 0.5, Flatten, Linear: 2]\n", layers=LAYERS)
    by_hand = nn.Sequential(Residual(4, 3, 2.0), nn.Flatten(), nn.Linear(144, 2))
    model = netspec.build(net)
    model.load_state_dict(netspec.transfer(by_hand, net))
    x = torch.randn(3, 4, 6, 6)
    assert torch.equal(model(x), by_hand(x))


def test_the_module_is_asked_for_where_it_is_and_nowhere_else() -> None:
    def of(module: str, target: str = "SquaredReLU") -> type[Layer]:
        return type(
            "Mine", (SquaredReLU,), {"call": lambda self, x: TorchCall(target, {}, module), "__module__": __name__}
        )

    spec = "input: [3]\nlayers: [Mine]\n"
    for module, target, message in (
        ("nowhere", "Mine", "`nowhere.Mine`, which `call` of `Mine` names, cannot be imported: ModuleNotFoundError"),
        ("tests.plugged_modules", "Gone", "`tests.plugged_modules.Gone`, which `call` of `Mine` names, is not there"),
        ("json", "loads", "no subclass of `torch.nn.Module`"),
    ):
        net = netspec.loads(spec, layers=[of(module, target)])
        with pytest.raises(netspec.PluginError, match=message):
            netspec.build(net)
    net = netspec.loads(spec, layers=[of("__main__")])
    with pytest.raises(netspec.UsageError, match="is a class of the program that runs, which no other file can import"):
        netspec.to_python(net)


class Narrow(Widen):
    """Says one output too many."""

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Linear", self.arguments(x) | {"out_features": self.out_features - 1})


class Lost(ChannelScale):
    """Says a parameter of another size."""

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"weight": (x.shape[0] + 1,)}


class Refused(ChannelScale):
    """Gives its module an argument that it does not take."""

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Residual", {"width": 3}, "tests.plugged_modules")


def test_a_wrong_class_is_a_fault_of_the_plugins_and_not_of_netspecs() -> None:
    net = netspec.loads("input: [3]\nlayers: [Narrow: 5, ReLU, Linear: 2]\n", layers=[Narrow])
    with pytest.raises(PluginVerificationError) as caught:
        netspec.verify(net)
    text = str(caught.value)
    assert (
        "this is a fault of the plugin's layer `Narrow`:" in text and "output inferred as 2 × 5, in torch 2 × 4" in text
    )
    assert caught.value.exit_status == 2
    lost = netspec.loads("input: [3]\nlayers: [Lost]\n", layers=[Lost])
    with pytest.raises(PluginVerificationError, match="parameters inferred as weight 4, in torch weight 3"):
        netspec.verify(lost)
    refused = netspec.loads("input: [3]\nlayers: [Refused]\n", layers=[Refused])
    with pytest.raises(
        netspec.PluginError, match=r"the module of `Refused` at <string>:2:10 cannot be made: TypeError"
    ):
        netspec.build(refused)


def test_what_the_module_itself_raises_is_told_with_its_line() -> None:
    class Breaking(SquaredReLU):
        def call(self, x: TensorType) -> TorchCall:
            return TorchCall("Raising", {}, __name__)

    net = netspec.loads("input: [3]\nlayers: [Breaking]\n", layers=[Breaking])
    with pytest.raises(
        PluginVerificationError,
        match="forward in train mode inferred as legal, in torch refused: KeyError: 'no such thing' ",
    ):
        netspec.verify(net)


class Raising(nn.Module):
    """Breaks in its forward pass."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise KeyError("no such thing")
