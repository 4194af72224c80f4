"""`netspec.probe` finds what a layer's class says wrongly of its module, and gives both sides of it."""

from __future__ import annotations

from random import Random
from typing import Any, Literal

import pytest
import torch
from torch import nn

import netspec
from netspec.dims import UNKNOWN
from netspec.layers import (
    MODULE_OF,
    Count,
    Counts2,
    Example,
    Layer,
    Natural,
    Probability,
    Saved,
    Shape,
    Size,
    TensorType,
    TorchCall,
    layer_class,
    need,
    product,
)
from netspec.torch.draws import variation
from netspec.torch.probe import ProbeError
from tests.plugged import LAYERS, ChannelScale, SquaredReLU, Widen

ABOUT = {"RNN", "LSTM", "GRU", "EmbeddingBag"}
"""Layers of which `saved` is measured within 20 %: they keep states of a few sizes."""


@pytest.mark.parametrize("cls", LAYERS)
def test_a_right_class_agrees_with_its_module_in_all_variations(cls: type[Layer]) -> None:
    found = netspec.probe(cls)
    assert found.tried >= 80 and found.differences == ()
    assert str(found).startswith(f"`{cls.__name__}` agrees with its module: {found.tried} cases tried")


@pytest.mark.parametrize("name", sorted(set(MODULE_OF) - {"Rearrange"}))  # of whose memory nothing is said
def test_netspecs_own_layers_stand_the_same_comparison(name: str) -> None:
    found = netspec.probe(layer_class(name), count=0, tolerance=0.25 if name in ABOUT else 0)
    assert found.tried == len(layer_class(name).examples)


@pytest.mark.parametrize("name", ["Chunk", "Split", "GaussianSample"])
def test_layers_of_several_inputs_and_results_are_tried_in_variations_too(name: str) -> None:
    found = netspec.probe(layer_class(name), count=30)
    assert found.tried > len(layer_class(name).examples) and found.refused


@pytest.mark.parametrize(
    "name", ["Roll", "IndexSelect", "Tril", "Triu", "RelativeShift", "Sinusoids", "GRN", "GumbelSoftmax", "NoisyLinear"]
)
def test_layers_that_torch_lacks_are_tried_in_variations_too(name: str) -> None:
    """Also the memory that they keep, whatever their arguments."""
    found = netspec.probe(layer_class(name), count=20)
    assert found.tried > len(layer_class(name).examples) + 5


def test_torchs_random_numbers_are_as_before() -> None:
    before = torch.get_rng_state()
    first, second = (netspec.probe(SquaredReLU, seed=3) for _ in range(2))
    assert first == second
    assert torch.equal(torch.get_rng_state(), before)


# ---- what is wrong is found


class Base(SquaredReLU):
    """A right class, for wrong ones."""


class WrongShape(Widen):
    def output(self, x: TensorType) -> TensorType:
        return TensorType((*super().output(x).shape[:-1], self.out_features + 1))


class WrongDtype(Base):
    def output(self, x: TensorType) -> TensorType:
        return TensorType(x.shape, "int64")


class WrongParameters(ChannelScale):
    def parameters(self, x: TensorType) -> dict[str, Shape]:
        return {"scale": (x.shape[0],)}


class WrongBuffers(ChannelScale):
    def buffers(self, x: TensorType) -> dict[str, Shape]:
        return {"mean": (1,)}


class WrongMacs(Widen):
    def macs(self, x: TensorType) -> Size:
        return product(x.shape)


class WrongSaved(Base):
    def saved(self, x: TensorType) -> Saved:
        return Saved()


class WrongInput(Base):
    def saved(self, x: TensorType) -> Saved:
        return Saved(input=True)


class WrongShares(Base):
    def shares(self, x: TensorType) -> bool:
        return True


class WrongExample(Base):
    examples = (Example({}, (4, 3), (4, 4)),)


class WrongValues(Base):
    keeps_values = True


class RefusesItsExample(Base):
    def output(self, x: TensorType) -> TensorType:
        need(len(x.shape) == 1, lambda: "a vector is wanted")
        return x


class RefusesItsArguments(Widen):
    examples = (Example({"out_features": 0}, (3,), (0,)),)


class WrongArguments(ChannelScale):
    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Residual", {"width": 3}, "tests.plugged_modules")


class Counting(nn.Module):
    """Takes the mean over the batch from what it is given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x - x.mean(0, keepdim=True)


class Mixes(Layer):
    """Says nothing of the other examples."""

    family = "normalization"
    examples = (Example({}, (4,), (4,)),)

    def output(self, x: TensorType) -> TensorType:
        self.need_float(x)
        return x

    def saved(self, x: TensorType) -> Saved:
        return Saved()

    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Counting", {}, __name__)


class ForwardFails(Mixes):
    def call(self, x: TensorType) -> TorchCall:
        return TorchCall("Bilinear", {"in1_features": 1, "in2_features": 1, "out_features": 1})


class TakesUnknownForNumbers(Base):
    def output(self, x: TensorType) -> TensorType:
        need(x.shape[0] is not UNKNOWN, lambda: "how many?")
        return x


class TakesSymbolsForNumbers(Base):
    examples = (Example({}, (3, 5), (3, 5)),)

    def output(self, x: TensorType) -> TensorType:
        return TensorType((3 if x.shape[0] > 2 else 4, *x.shape[1:]))  # type: ignore[operator]


class Fails(Base):
    def macs(self, x: TensorType) -> Size:
        return x.shape[9]


WRONG: list[tuple[type[Layer], str, str, str]] = [
    (WrongShape, "output in train mode", "6", "5"),
    (WrongDtype, "output in train mode", "4 × 3 int64", "4 × 3"),
    (WrongParameters, "parameters", "scale 4", "weight 4"),
    (WrongBuffers, "buffers", "mean 1", "none"),
    (WrongMacs, "MACs", "3", "15"),
    (WrongSaved, "bytes kept for the backward pass of 2 examples", "0", "96"),
    (WrongInput, "the input kept for the backward pass", "yes", "no"),
    (WrongShares, "memory shared with the input", "yes", "no"),
    (WrongExample, "output of the example", "4 × 4", "4 × 3 by its rule"),
    (WrongValues, "the values of the input in eval mode", "kept", "gives others"),
    (RefusesItsExample, "legality", "`a vector is wanted`", "accepts it"),
    (RefusesItsArguments, "arguments", "they are refused: wants an integer of at least 1", "was not asked"),
    (WrongArguments, "constructor", "legal", "refuses it: TypeError: "),
    (Mixes, "one example changes with the others of its batch", "never", "in train mode"),
    (ForwardFails, "forward in train mode", "legal", "refuses it: TypeError: "),
    (TakesUnknownForNumbers, "output for an unknown size on axis 0", "it is refused: how many?", "was not asked"),
    (
        TakesSymbolsForNumbers,
        "output for a symbol on axis 0",
        "`output` of `TakesSymbolsForNumbers` raised TypeError",
        "",
    ),
    (Fails, "rule", "`macs` of `Fails` raised IndexError: tuple index out of range", "was not asked"),
]


@pytest.mark.parametrize(("cls", "what", "declared", "measured"), WRONG, ids=[cls.__name__ for cls, *_ in WRONG])
def test_what_a_class_says_wrongly_is_named_with_both_sides(
    cls: type[Layer], what: str, declared: str, measured: str
) -> None:
    with pytest.raises(ProbeError) as caught:
        netspec.probe(cls, count=0)
    found = next(difference for difference in caught.value.probe.differences if difference.what == what)
    if declared[:1].isdigit():
        assert (found.declared, found.measured) == (declared, measured)
    else:
        assert found.declared.startswith(declared) and found.measured.startswith(measured)
    assert f"`{cls.__name__}`" in found.case or f"`{cls.__name__}:" in found.case
    assert str(found) in str(caught.value)


class Rare(Widen):
    """Wrong only where the examples do not look."""

    def macs(self, x: TensorType) -> Size:
        return product(x.shape) * self.out_features + (self.bias is True)


def test_variations_find_what_the_examples_do_not_show() -> None:
    assert netspec.probe(Rare, count=0).differences == ()
    with pytest.raises(ProbeError, match=r"bias: true.* MACs: the class says"):
        netspec.probe(Rare)


def test_a_class_without_examples_or_that_is_no_layer_is_refused() -> None:
    class Bare(Layer):
        family = "activation"

        def output(self, x: TensorType) -> TensorType:
            return x

    with pytest.raises(netspec.PluginError, match="`Bare` has no examples to try"):
        netspec.probe(Bare)
    with pytest.raises(netspec.PluginError, match="is no class derived from"):
        netspec.probe(int)  # type: ignore[arg-type]
    assert netspec.probe(SquaredReLU, Example({}, (7,), (7,)), count=3).tried == 4


class Many(Layer):
    """Fields of many kinds."""

    family = "activation"
    width = "size"

    size: Count | None = None
    count: Count
    natural: Natural = 0
    part: Probability = 0.5
    pair: Counts2 = 1
    mode: Literal["zeros", "ones"] = "zeros"
    flag: bool = False
    text: str = ""


def test_variations_have_arguments_that_the_fields_take_and_draw_all_of_them() -> None:
    rng = Random(0)
    seen: dict[str, set[Any]] = {}
    for _ in range(200):
        found = variation(Many, Example({"count": 3}, (4, 5), ()), rng)
        assert "size" not in found.arguments
        Many.model_validate(found.arguments)
        assert all(1 <= size <= 12 for size in found.input) and len(found.input) == 2
        for name, value in found.arguments.items():
            seen.setdefault(name, set()).add(value)
    assert {name for name, values in seen.items() if len(values) > 1} == {
        "count",
        "natural",
        "part",
        "pair",
        "mode",
        "flag",
    }
    assert 0 not in seen["part"] and 1 not in seen["part"]
