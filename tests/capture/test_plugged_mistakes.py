"""What goes wrong with layers of plugins in an import is told, and with which layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.cli import cli
from netspec.diagnostics import PluginError
from netspec.layers import Example, Layer, Shape, TensorType, TorchCall
from tests.capture.test_plugged import Sorting
from tests.commands import invoke


class Gain(nn.Module):
    """Numbers in their order, each times a factor."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return x.sort(-1).values * self.gain


class Gained(Layer):
    """(width) → (width): numbers in their order, each times a factor."""

    family = "activation"
    examples = (Example({}, (4,), (4,)),)

    def output(self, x: TensorType) -> TensorType:
        return x

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"gain": x.shape}

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Gain", {"width": x.shape[0]}, __name__)


class Fewer(Gained):
    """One that counts too few parameters."""

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"gain": (3,)}


class NoParameters(Gained):
    """One that counts none."""

    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {}


class Smaller(Gained):
    """One whose output has another size."""

    def output(self, x: TensorType) -> TensorType:
        return TensorType((3,))


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 4), Gain(4), nn.Linear(4, 2))


def test_a_rule_that_is_right_is_proven() -> None:
    assert from_torch(net(), torch.randn(2, 6), plugins=[Gained]).net.params == 42


@pytest.mark.parametrize(
    ("layer", "says"),
    [
        (Fewer, "parameters inferred as gain 3, in torch gain 4"),
        (NoParameters, "parameters inferred as none, in torch gain 4"),
        (Smaller, "output inferred as 2 × 3, in torch 2 × 4"),
    ],
)
def test_a_rule_that_is_wrong_is_no_wrong_count_and_no_traceback(layer: type[Layer], says: str) -> None:
    with pytest.raises(PluginError) as caught:
        from_torch(net(), torch.randn(2, 6), plugins=[layer])
    assert f"a fault of the plugin's layer `{layer.__name__}`" in str(caught.value)
    assert f"`1` ({layer.__name__}): {says}" in str(caught.value)


class Unnamed(Gained):
    """One without examples."""

    examples = ()


class Elsewhere(Gained):
    """One of a class of this name in another module."""

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Gain", {"width": x.shape[0]}, "elsewhere")


def test_a_layer_that_is_there_for_a_module_and_is_not_found_is_told() -> None:
    with pytest.raises(NotCaptured, match="the plugin's layer `Unnamed` has no `examples`, which say modules of which"):
        from_torch(net(), torch.randn(2, 6), plugins=[Unnamed])
    with pytest.raises(NotCaptured, match=f"`Elsewhere` builds `elsewhere.Gain`; this is `{__name__}.Gain`"):
        from_torch(net(), torch.randn(2, 6), plugins=[Elsewhere])


class Nearest(nn.Module):
    """Of some numbers, for each of others the nearest."""

    def forward(self, x: Tensor, others: Tensor) -> Tensor:
        return others.gather(-1, (x[..., None] - others[..., None, :]).abs().argmin(-1))


class Near(Layer):
    """(n) → (n): the nearest of others."""

    family = "activation"
    several = True
    tensors = ("others",)
    examples = (Example({}, (4,), (4,), others={"others": (6,)}),)

    def output(self, x: TensorType) -> TensorType:
        return x

    def results(self, x: TensorType, others: object) -> tuple[TensorType, ...]:
        return (x,)

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Nearest", {}, __name__)


class Two(nn.Module):
    """Gives a layer what it takes by name, and in another order."""

    def __init__(self, *, second: bool = True) -> None:
        super().__init__()
        self.a = nn.Linear(3, 4)
        self.near = Nearest()
        self.second = second

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.near(others=y, x=self.a(x)) if self.second else self.near(y, others=self.a(x))


def test_a_layer_is_given_tensors_by_name() -> None:
    for second in (True, False):
        found = from_torch(Two(second=second), torch.randn(2, 3), torch.randn(2, 4), plugins=[Near])
        assert "Near: {others: " in found.text


def test_a_layer_that_takes_fewer_tensors_than_it_is_given_says_so() -> None:
    narrow = type("Narrow", (Near,), {"tensors": (), "__module__": __name__})
    with pytest.raises(NotCaptured, match="`Narrow` is given 2 tensors and takes 1"):
        from_torch(Two(), torch.randn(2, 3), torch.randn(2, 4), plugins=[narrow])


def test_two_networks_of_one_file_have_modules_of_one_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two_nets.py").write_text(
        "from torch import nn\nclass Rank(nn.Module):\n    def forward(self, x):\n        return x.sort(-1).values\n"
        "def narrow(): return nn.Sequential(nn.Linear(3, 4), Rank())\n"
        "def wide(): return nn.Sequential(nn.Linear(3, 8), Rank())\n"
    )
    (tmp_path / "of_two_nets.py").write_text(
        "from netspec.layers import Example, Layer, TensorType, TorchCall\nclass Rank(Layer):\n"
        "    '''(*) → (*): in their order.'''\n    family = 'activation'\n    examples = (Example({}, (4,), (4,)),)\n"
        "    def output(self, x): return x\n    def call(self, x): return TorchCall('Rank', {}, 'two_nets')\n"
    )
    plugged = ("--plugin", "of_two_nets")
    both = invoke(cli, "compare", *plugged, "two_nets.py:narrow", "two_nets.py:wide")
    assert both.exit_code == 0, both.output
    assert "16" in both.output and "32" in both.output
    shown = invoke(cli, "summary", *plugged, "two_nets.py:wide")
    assert shown.exit_code == 0 and "Rank" in shown.output
    for command in ("import", "summary", "compare"):
        assert "modules of the classes that its layers build are such layers" in " ".join(
            invoke(cli, command, "--help").output.split()
        )
    refused = invoke(cli, "summary", "two_nets.py:wide")
    assert isinstance(refused.exception, NotCaptured)
    assert "\n  two_nets.py:4: `sort` has no form in a spec\n" in str(refused.exception)


def _norm(x: Any, **along: Any) -> Any:
    return x.norm(**along)


def test_a_norm_may_drop_its_axes() -> None:
    class Norms(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Linear(3, 4)

        def forward(self, x: Tensor) -> Tensor:
            return torch.cat((_norm(self.a(x), dim=-1), _norm(self.a(x), dim=(1, 2))[:, None]), 1)

    assert "keepdim" not in from_torch(Norms(), torch.randn(2, 5, 3)).text
    sorting = nn.Sequential(nn.Linear(3, 4), Sorting(2))
    with pytest.raises(NotCaptured) as caught:
        from_torch(sorting, torch.randn(2, 3))
    assert [type(one.region.module) for one in caught.value.refused] == [Sorting]
