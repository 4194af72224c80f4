"""An update of the trainer is what torch's own `optimizer.step()` does, to the bit, for every optimizer."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from netspec.recipe import tables
from netspec.trainer.machine.processes import World
from netspec.trainer.setup.assembly import assemble
from netspec.trainer.setup.options import Options
from netspec.trainer.step.optim import Optimization
from tests.train.small_runs import PLAIN, small_net


def optimization(kind: str) -> Optimization:
    """That of a small net, with gradients from a seed."""
    return assemble(small_net(PLAIN, optimizer={kind: {"lr": 0.01}}), Options(), World(), "cpu").optimization


def give_gradients(optimization: Optimization, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in optimization.parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def state(optimization: Optimization) -> list[Any]:
    kept = [value for values in optimization.optimizer.state.values() for value in values.values()]
    found = [*(p.detach() for p in optimization.parameters), *kept]
    return [value.double().numpy().tobytes() if isinstance(value, Tensor) else value for value in found]


@pytest.mark.parametrize("kind", sorted(tables.OPTIMIZERS))
def test_it_is_that_of_torch(kind: str) -> None:
    ours, torchs = optimization(kind), optimization(kind)
    first = state(ours)
    for seed in range(3):
        for each in (ours, torchs):
            give_gradients(each, seed)
        ours.step()
        torchs.optimizer.step()
        assert state(ours) == state(torchs)
    assert state(ours) != first
