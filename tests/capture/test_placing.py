"""Parts of tensors that a program overwrites."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.capture.test_from_torch import equal, imported, refusal


class Puts(nn.Module):
    """A layer, and what is done with what it gives."""

    def __init__(self, put: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a = nn.Linear(5, 5)
        self.put = put

    def forward(self, x: Tensor) -> Tensor:
        return self.put(self.a(x))


def all_of_it(x: Tensor) -> Tensor:
    x[:, 0:, 0:] = x.exp() + 1
    return x


def all_but_the_first(x: Tensor) -> Tensor:
    """The scores of a class token stay as they are, as in MViT."""
    x[:, 1:, 1:] = (x[:, 1:, 1:].reshape(-1, 3, 2, 2) * 2).view(-1, 3, 4)
    return x * 3


def one_place(x: Tensor) -> Tensor:
    x[:, 2] = x[:, 1] * 2
    x[..., -1] = x[..., 0]
    return x


def grown(x: Tensor) -> Tensor:
    x[:, 1:3] += x[:, 0:2] * 2
    x[:, 0] *= 3
    return x


def into_zeros(x: Tensor) -> Tensor:
    y = torch.zeros_like(x)
    y[:, :2] = x[:, 2:]
    return y


@pytest.mark.parametrize(
    ("put", "lines"),
    [
        (all_of_it, ["Exp", "use: x + 1"]),
        (all_but_the_first, ["Slice: {dim: 1, end: 1}", "dim: 2", "concat:"]),
        (one_place, ["concat:", "Slice: {dim: 1, start: 3}"]),
        (grown, ["add:", "Scale: 3"]),
        (into_zeros, ["concat:"]),
    ],
)
def test_what_is_put_into_a_tensor_is_put_together_with_what_is_around(
    put: Callable[[Tensor], Tensor], lines: list[str]
) -> None:
    module = Puts(put)
    found = imported(module, (4, 5))
    assert all(line in found.text for line in lines), found.text
    assert equal(module, found, (4, 5))


def an_example(x: Tensor) -> Tensor:
    x[0] = x[1]
    return x


def a_number(x: Tensor) -> Tensor:
    x[:, 0] = 0.0
    return x


def in_steps(x: Tensor) -> Tensor:
    x[:, ::2] = x[:, :2]
    return x


def by_a_list(x: Tensor) -> Tensor:
    x[:, [3, 0]] = x[:, :2]
    return x


def another_view(x: Tensor) -> Tensor:
    y, z = x[:, 1:], x[:, 1:]
    y += 1
    x[:, :3] = z
    return x


@pytest.mark.parametrize(
    ("put", "told"),
    [
        (an_example, "examples of a batch are overwritten"),
        (a_number, "what is put into a tensor is another shape or type, or no tensor"),
        (in_steps, "values are overwritten in steps"),
        (by_a_list, "a list of indices chooses"),
        (another_view, "changed in place through another one"),
    ],
)
def test_what_no_spec_puts_into_a_tensor_is_refused(put: Callable[[Tensor], Tensor], told: str) -> None:
    assert told in refusal(Puts(put), (4, 5))
