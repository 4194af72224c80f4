"""Functions of a parameter alone: a temperature, a gate, a weight that stays positive."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from tests.capture.test_from_torch import imported


class _With(nn.Module):
    def __init__(self, shape: tuple[int, ...], forward: Callable[[Any, Tensor], Tensor]) -> None:
        super().__init__()
        self.a, self.t = nn.Linear(8, 4), nn.Parameter(torch.rand(shape))
        self.how = forward

    def forward(self, x: Tensor) -> Tensor:
        return self.how(self, self.a(x))


def _temperature(self: Any, x: Tensor) -> Tensor:
    return x * self.t.exp()


def _gate(self: Any, x: Tensor) -> Tensor:
    return torch.sigmoid(self.t) * x + (1 - torch.sigmoid(self.t)) * x.relu()


def _positive(self: Any, x: Tensor) -> Tensor:
    return x / (F.softplus(self.t.float()) + self.t.clamp(min=0.1) - self.t**2 / 8)


@pytest.mark.parametrize("forward", [_temperature, _gate, _positive])
@pytest.mark.parametrize("shape", [(), (1,), (4,)])
@pytest.mark.parametrize("given", [(8,), (5, 8)])
def test_a_function_of_a_parameter_is_computed_of_it(
    shape: tuple[int, ...], forward: Callable[[Any, Tensor], Tensor], given: tuple[int, ...]
) -> None:
    """Of one number, of one that is a vector, and of a vector: beside one with as many axes, and with more."""
    found = imported(_With(shape, forward), given)
    assert f"Parameter: [{4 if shape == (4,) else ''}]" in found.text
    assert found.keys["t.weight"] == "t"


def test_a_single_number_beside_a_vector_is_a_mistake_of_the_spec() -> None:
    """Which ended in a traceback: what would mend it was looked for on an axis that is not there."""
    text = "input: [8]\nlayers:\n  - {Linear: 4, as: x}\n  - Parameter: []\n  - Exp\n  - mul: [x, []]\n"
    with pytest.raises(netspec.SpecError, match=r"branch 2: `Parameter`.*a single value"):
        netspec.loads(text)
