"""Every example of every combinator against torch: shapes, parameters, what autograd keeps, and the emitted file."""

from __future__ import annotations

import pytest
import torch

import netspec
from netspec.combinators.base import WorkedExample
from netspec.cost import estimate
from netspec.torch.verify import verify
from tests.emitted import assert_same
from tests.layers.memory import kept
from tests.test_combinators import EXAMPLES, net_of


@pytest.mark.parametrize(("word", "example"), EXAMPLES)
def test_torch_agrees_with_an_example(word: str, example: WorkedExample) -> None:
    net = net_of(example)
    assert verify(net).disagreements == ()
    model = netspec.build(net, seed=0).eval()
    assert tuple(model(torch.randn(2, *example.input)).shape) == (2, *example.output)
    assert sum(parameter.numel() for parameter in model.parameters()) == net.params


@pytest.mark.parametrize(("word", "example"), EXAMPLES)
def test_what_autograd_keeps_of_an_example_is_what_is_estimated(word: str, example: WorkedExample) -> None:
    """Behind a layer that learns, so that gradients flow through every branch."""
    net = net_of(example._replace(layers=f"- PReLU\n{example.layers}"))
    measured, _ = kept(netspec.build(net, seed=0), torch.randn(4, *example.input))
    assert estimate(net, 4, device="cpu").activations == sum(measured.values())


@pytest.mark.parametrize(("word", "example"), EXAMPLES)
def test_the_emitted_module_of_an_example_is_the_built_one(word: str, example: WorkedExample) -> None:
    assert_same(net_of(example))
