"""A family of one value: what is a tuple in torch is the value itself."""

from __future__ import annotations

import torch

import netspec
from tests.emitted import emitted
from tests.zoo.agreement import SPECS


def test_one_part_of_an_axis_is_the_axis() -> None:
    layers = "[Linear: 6, {Chunk: 1, as: p}, use: 'p[0] * 2', {Chunk: 1, as: q}, use: 'q[0]']"
    net = netspec.loads(f"{{input: [6], layers: {layers}}}")
    assert not netspec.verify(net).disagreements
    model, x = netspec.build(net, seed=0).eval(), torch.randn(3, 6)
    made = emitted(net)
    made.load_state_dict(model.state_dict())
    wanted = 2 * torch.nn.functional.linear(x, model[0].weight, model[0].bias)
    assert torch.equal(model(x), wanted)
    assert torch.equal(made(x), wanted)


def test_film_is_a_net_with_one_block_too() -> None:
    net = netspec.load(SPECS / "graphs/film.yaml", set={"depth": 1, "width": 8, "hidden": 8})
    assert not netspec.verify(net).disagreements
