"""What `from_torch` is given, in which state torch is, and what it says of what it cannot be given."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch


def _net(**options: Any) -> nn.Module:
    return nn.Sequential(nn.Linear(8, 4, **options), nn.BatchNorm1d(4, **options), nn.ReLU())


@pytest.mark.parametrize(
    ("example", "told"),
    [
        ((), "give it an example, the batch first"),
        (({"x": torch.zeros(2, 8)},), "argument 1 of the example is a `dict` and no tensor: a spec's network takes"),
        ((torch.zeros(2, 8), 1.0), "argument 2 of the example is a `float` and no tensor"),
        ((torch.tensor(1.0),), "has no axis for the batch"),
        ((torch.zeros(2, 8, dtype=torch.int32),), "of int32, which no spec has: float32, int64 or bool"),
    ],
)
def test_an_argument_that_no_spec_has_is_told(example: Any, told: str) -> None:
    with pytest.raises(netspec.UsageError, match=told):
        from_torch(_net(), *example)


@pytest.mark.parametrize("module", [nn.ReLU, torch.zeros(2)])
def test_what_is_no_module_is_told(module: Any) -> None:
    with pytest.raises(TypeError, match=r"from_torch wants a module of torch's, not (the class `ReLU`|a `Tensor`)"):
        from_torch(module, torch.zeros(2, 8))


class _OfADict(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(8, 4)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return self.a(batch["image"])


def test_a_module_that_reads_a_dict_is_told_what_to_do() -> None:
    with pytest.raises(NotCaptured, match=r"test_given.py:\d+: a tensor is read as a dict, by `image`: .*around it"):
        from_torch(_OfADict(), torch.zeros(2, 8))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_a_module_of_other_floats_is_imported_and_stays_as_it_is(dtype: torch.dtype) -> None:
    module = _net(dtype=dtype)
    found = from_torch(module, torch.zeros(2, 8, dtype=dtype))
    assert found.text == from_torch(_net(), torch.zeros(2, 8)).text
    assert {value.dtype for value in module.parameters()} == {dtype}


def test_the_state_of_torch_around_it_does_not_matter_and_stays() -> None:
    wanted, module = from_torch(_net(), torch.zeros(2, 8)).text, _net()
    with torch.no_grad():
        assert from_torch(module, torch.zeros(2, 8)).text == wanted
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert from_torch(module, torch.zeros(2, 8)).text == wanted
        with pytest.raises(NotCaptured, match=r"was made in `torch\.inference_mode`"):
            from_torch(_net(), torch.zeros(2, 8))
    with torch.device("meta"):
        assert from_torch(module, torch.zeros(2, 8)).text == wanted
    torch.set_default_dtype(torch.float64)
    try:
        assert from_torch(_net(), torch.zeros(2, 8)).text == wanted
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_any_name_becomes_one_that_a_spec_may_have() -> None:
    assert from_torch(_net(), torch.zeros(2, 8), name="äb c/../d" * 20).net.name.startswith("b_c_d_b")


class _Counting(nn.Module):
    """Counts its runs, keeps what it computed, and draws by Python's numbers, too."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.norm = nn.Linear(8, 4), nn.BatchNorm1d(4)
        self.runs = 0
        self.kept: Tensor | None = None
        self.seen: list[torch.Size] = []
        self.all: list[Tensor | None] = []

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1 + int(random.random())
        self.seen.append(x.shape)
        y = self.kept = self.norm(self.a(x))
        return torch.dropout(y, 0.5, self.training)


@pytest.mark.parametrize("is_verified", [True, False])
def test_a_module_and_what_is_drawn_stay_as_they_are(is_verified: bool) -> None:
    module = _Counting()
    module.norm.eval()
    module.a.bias.requires_grad_(False)
    random.seed(3)
    torch.default_generator.manual_seed(3)
    state, attributes = copy.deepcopy(module.state_dict()), [dict(vars(part)) for part in module.modules()]
    from_torch(module, torch.zeros(2, 8), is_verified=is_verified)
    assert [dict(vars(part)) for part in module.modules()] == attributes
    assert (module.runs, module.kept, module.seen) == (0, None, [])
    assert all(torch.equal(state[key], value) for key, value in module.state_dict().items())
    assert [value.requires_grad for value in module.parameters()] == [True, False, True, True]
    drawn = random.random(), torch.rand(1).item()
    random.seed(3)
    torch.default_generator.manual_seed(3)
    assert drawn == (random.random(), torch.rand(1).item())


def test_what_a_module_has_computed_with_gradients_and_keeps_hinders_no_copy() -> None:
    """Torch copies no such tensors: those of a step of training, kept in an attribute, a list or a buffer."""
    module = _Counting()
    module(torch.zeros(2, 8))
    module.register_buffer("last", module.kept, persistent=False)
    module.all = [module.kept]
    assert from_torch(module, torch.zeros(2, 8)).keeps_keys
