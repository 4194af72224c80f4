"""Modules that the layers of a plugin build are those layers in an import."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.cli import cli
from netspec.layers import Example, Layer, Real, TensorType, TorchCall
from tests.commands import invoke
from tests.plugged import LAYERS, ChannelScale, SquaredReLU
from tests.plugged_modules import Residual
from tests.plugged_modules import SquaredReLU as Squared


class Sorting(nn.Module):
    """What no layer of netspec's does."""

    def __init__(self, sharpness: float) -> None:
        super().__init__()
        self.sharpness = sharpness

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.sharpness).sort(-1).values


class Sort(Layer):
    """(*) → (*): the numbers along the last axis in their order, times a factor."""

    family = "activation"
    scalar = "sharpness"
    examples = (Example({"sharpness": 2}, (4,), (4,)),)

    sharpness: Real

    def output(self, x: TensorType) -> TensorType:
        return x

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Sorting", self.arguments(x), __name__)


class Net(nn.Module):
    """A network with two of them, one without arguments that its module keeps."""

    def __init__(self, sharpness: float = 2.0) -> None:
        super().__init__()
        self.first = nn.Linear(6, 4)
        self.scale = Residual(4, 1, 0.5)
        self.act = Squared()
        self.sort = Sorting(sharpness)
        self.last = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.sort(self.act(self.scale(self.first(x)))))


def test_modules_of_a_plugins_layers_are_those_layers() -> None:
    module = Net(3)
    found = from_torch(module, torch.randn(2, 6), plugins=[*LAYERS, Sort])
    assert "plugins: [tests.plugged, tests.capture.test_plugged]\n" in found.text
    assert "  - {ChannelScale: , name: scale}\n  - SquaredReLU\n  - Sort: 3\n" in found.text
    assert found.keeps_keys
    again = netspec.loads(found.text, layers=[*LAYERS, Sort])
    model = netspec.build(again).eval()
    model.load_state_dict(module.state_dict())
    x = torch.randn(5, 6)
    assert torch.equal(model(x), module.eval()(x))


def test_without_the_plugin_the_refusal_says_that_one_would_do() -> None:
    with pytest.raises(NotCaptured) as caught:
        from_torch(Net(), torch.randn(2, 6), plugins=[SquaredReLU, ChannelScale])
    said = str(caught.value)
    assert "`sort` has no form in a spec" in said
    assert said.endswith("`netspec import --write-plugin my_layers.py` writes a layer of yours for `Sorting`")
    assert "--plugin" in invoke(cli, "explain", "plugins").stdout


class Other(Sort):
    """As `Sort`, with a default that is not what the module has."""

    sharpness: Real = 5.0

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Hidden", self.arguments(x), __name__)


class Hidden(Sorting):
    """A module that keeps its argument under another name."""

    def __init__(self, sharpness: float) -> None:
        super().__init__(sharpness)
        self.factor = self.__dict__.pop("sharpness")

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.factor).sort(-1).values


def test_an_argument_that_the_module_keeps_elsewhere_is_no_wrong_number() -> None:
    with pytest.raises(NotCaptured, match="the spec and the module differ"):
        from_torch(nn.Sequential(nn.Linear(3, 4), Hidden(2)), torch.randn(2, 3), plugins=[Other])
    found = from_torch(nn.Sequential(nn.Linear(3, 4), Hidden(5)), torch.randn(2, 3), plugins=[Other])
    assert "- Other\n" in found.text


class Broken(Sort):
    """A layer whose code fails."""

    def call(self, x: TensorType) -> TorchCall:
        raise ZeroDivisionError("it does not work")


def test_code_of_a_plugin_that_fails_is_told_as_its_own() -> None:
    with pytest.raises(NotCaptured, match=r"`call` of `Broken`, for its own example, raised ZeroDivisionError"):
        from_torch(Net(), torch.randn(2, 6), plugins=[Broken])


def test_the_command_takes_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ours.py").write_text("from tests.plugged_modules import SquaredReLU\nfrom torch import nn\n"
        "net = lambda: nn.Sequential(nn.Linear(3, 4), SquaredReLU())\n")  # fmt: skip
    done = invoke(cli, "import", "--plugin", "tests.plugged", "ours:net", "--input", "3", "-o", "ours.yaml")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "ours.yaml").read_text().endswith("layers:\n  - Linear: 4\n  - SquaredReLU\n")
    assert invoke(cli, "compile", "ours.yaml", "--plugin", "tests.plugged", "--no-write").exit_code == 0
