"""What a message shows of an item or a value is short, whatever numbers are in it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.graph import NotCaptured
from netspec.capture.variants import from_torch_variants
from netspec.excerpts import excerpt, given_text

pytestmark = pytest.mark.needs_torch


class Shifted(nn.Module):
    """A sum with a table."""

    table: Tensor

    def __init__(self, steps: int, width: int) -> None:
        super().__init__()
        self.register_buffer("table", torch.arange(steps * width).reshape(steps, width).float().cos())

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


class Gated(nn.Module):
    """A product with much that is made of the same."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(torch.relu(torch.tanh(self.linear(x)))).exp()


class Tower(nn.Module):
    def __init__(self, turn: nn.Module) -> None:
        super().__init__()
        self.stem, self.turn = nn.Linear(4, 24), turn

    def forward(self, x: Tensor) -> Tensor:
        return self.turn(self.stem(x))


def test_members_that_are_too_different_are_told_where_and_without_the_numbers_of_their_tables() -> None:
    members = {"plain": Tower(Shifted(5, 24)), "deep": Tower(Gated(24))}
    with pytest.raises(NotCaptured) as caught:
        from_torch_variants(members, torch.randn(2, 5, 4))
    assert str(caught.value).partition("list of layers: ")[2] == (
        "in `turn`, where `plain` has `Buffer: [5 × 24 values]`, `deep` has `{Linear: 24, name: linear}`; "
        "import each by itself"
    )


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"Buffer: {[[[0.25] * 6] * 16]}", "Buffer: [1 × 16 × 6 values]"),
        (f"{{Select: {{dim: 1, index: {[*range(50)]}}}, as: v}}", "{Select: {dim: 1, index: [50 values]}, as: v}"),
        (f"X: {[[1] * 30, [2] * 31]}", "X: [2 values]"),
        ("Conv2d: {kernel_size: [3, 3]}", "Conv2d: {kernel_size: [3, 3]}"),
        ('{Rearrange: "a [b] -> c, d", name: x}', '{Rearrange: "a [b] -> c, d", name: x}'),
        ("sequential: [Linear: 4, x: [", "sequential: [Linear: 4, x: ["),
        (f'X: "{"long " * 30}"', f'X: "{"long " * 11}lo…"'),
        ("sequential:", "sequential:"),
    ],
)  # fmt: skip
def test_a_long_list_is_its_shape_and_a_long_text_its_beginning(line: str, shown: str) -> None:
    assert excerpt(line) == shown


@pytest.mark.parametrize("value", [[*range(999)], (*range(999),), "x" * 999, torch.rand(30, 30), {"a": [0.5] * 99}])
def test_a_value_that_a_program_gives_is_short(value: object) -> None:
    assert len(given_text(value)) <= 60
    assert "\n" not in given_text(value)
