"""What a program does beside computing by torch's functions: numbers that it reads, gradients that it keeps back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from tests.capture.modules import around
from tests.capture.test_from_torch import imported, refusal


def _by_numpy(self: Any, x: Tensor) -> Tensor:
    return torch.from_numpy(self.a(x).detach().numpy() * 2)


def _writes_into_a_result(self: Any, x: Tensor) -> Tensor:
    y = self.a(x)
    y[:, 0] = 0
    return y


@torch.inference_mode()
def _infers(self: Any, x: Tensor) -> Tensor:
    return self.a(x)


def _keeps_back(self: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        return self.a(x)


def _keeps_back_a_part(self: Any, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = self.a(x)
    return self.a(y)


@pytest.mark.parametrize(
    ("forward", "told"),
    [
        (_by_numpy, r"all that is followed; .*test_silent.py:\d+: `numpy` reads the numbers in a tensor"),
        (_writes_into_a_result, r"test_silent.py:\d+: what is put into a tensor is .* by `torch.cat`"),
        (_infers, r"test_silent.py:\d+: the module computes in `torch.inference_mode`"),
        (_keeps_back, r"gives no gradient to its input, as under `torch.no_grad`.*`requires_grad_\(False\)`"),
        (_keeps_back_a_part, r"gives no gradient to its input"),
    ],
)
def test_what_is_not_followed_is_told_with_what_to_do(forward: Callable[..., Tensor], told: str) -> None:
    with pytest.raises(NotCaptured, match=told):
        from_torch(around(forward, nn.Linear(4, 4)), torch.randn(2, 4))


def test_a_module_without_any_gradient_is_the_same_without_it() -> None:
    assert "layers:\n" in from_torch(nn.Flatten(), torch.zeros(2, 3, 4, dtype=torch.int64)).text


@pytest.mark.parametrize(("factor", "is_same"), [(1.0, True), (0.0, False)])
def test_a_hook_that_changes_the_gradient_of_a_parameter_is_seen(factor: float, is_same: bool) -> None:
    """Masks of pruned weights are such hooks; those that log are none. A copy of the module has neither."""
    module = nn.Linear(4, 4)
    module.weight.register_hook(lambda gradient: gradient * factor)
    if is_same:
        assert from_torch(module, torch.randn(2, 4)).difference == 0
    else:
        with pytest.raises(NotCaptured, match="the gradient of `weight` differs"):
            from_torch(module, torch.randn(2, 4))


class _Turned(nn.Module):
    """Products with a matrix that a property turns."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 8))

    def forward(self, x: Tensor) -> Tensor:
        y = x.unsqueeze(1)
        return ((x @ self.w.T).unsqueeze(1).mT @ y).flatten(1)


def test_properties_that_turn_a_matrix_are_functions_that_do() -> None:
    assert "Rearrange" in imported(_Turned(), (8,)).text


def test_a_property_that_has_no_form_is_named() -> None:
    def reads(self: Any, x: Tensor) -> Tensor:
        return self.a(x).data

    assert "`data` has no form in a spec" in refusal(around(reads, nn.Linear(4, 4)), (4,))


def _for_two_examples(self: Any, x: Tensor) -> Tensor:
    return self.a(x).reshape(2, 2, 2)


def test_a_size_of_the_batch_in_the_program_is_told_as_that() -> None:
    told = refusal(around(_for_two_examples, nn.Linear(4, 4)), (4,))
    assert "on an input of 3 x 4 with the batch, fails: RuntimeError" in told
    assert "on a batch of 2 it ran: the program has that number in it" in told
