"""The larger and the smaller of two tensors, and what is repeated on both sides of a sum."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.capture.modules import around
from tests.capture.test_from_torch import equal, imported


class _Threshold(nn.Module):
    """A unit with a floor of its own for each channel, as filter response norms have it."""

    def __init__(self, way: str) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3)
        self.tau = nn.Parameter(torch.randn(4))
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        y, tau = self.conv(x), self.tau.view(1, -1, 1, 1)
        match self.way:
            case "maximum":
                return torch.maximum(y, tau)
            case "max":
                return torch.max(y, tau)
            case "minimum":
                return torch.minimum(tau, y)
            case "clamp":
                return y.clamp(min=tau)
            case _:
                return torch.clamp_max(y, tau)


@pytest.mark.parametrize("way", ["maximum", "max", "minimum", "clamp", "clamp_max"])
def test_a_threshold_of_each_channel_is_the_extreme_of_both(way: str) -> None:
    module = _Threshold(way)
    found = imported(module, (3, 8, 8))
    assert "on 3 x 40 x 40" in found.proven, "no size of the picture stands in the spec"
    assert equal(module, found, (3, 8, 8))


def _of_maps(self: Any, x: Tensor) -> Tensor:
    return torch.maximum(self.a(x), self.b(x)) - torch.min(self.a(x), other=self.b(x))


def test_the_larger_of_two_maps_is_the_maximum_of_both_behind_each_other() -> None:
    module = around(_of_maps, nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3))
    found = imported(module, (3, 8, 8))
    assert "Max: " in found.text
    assert "Min: " in found.text
    assert equal(module, found, (3, 8, 8))


class _Between(nn.Module):
    """Values between two learned bounds."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)
        self.low, self.high = nn.Parameter(-torch.rand(4)), nn.Parameter(torch.rand(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x).clamp(self.low, self.high)


def test_a_clamp_between_two_tensors_is_one_behind_the_other() -> None:
    module = _Between()
    found = imported(module, (4,))
    assert found.text.count("ReLU") == 2
    assert equal(module, found, (4,))


class _Axial(nn.Module):
    """Positions as the sum of those of rows and of columns, both learned."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.rows = nn.Parameter(torch.randn(1, 4, 5, 1))
        self.columns = nn.Parameter(torch.randn(1, 4, 1, 6))

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x) + (self.rows + self.columns)


def test_the_sum_of_rows_and_columns_repeats_both() -> None:
    module = _Axial()
    found = imported(module, (3, 5, 6))
    assert equal(module, found, (3, 5, 6))


def _distances(self: Any, x: Tensor) -> Tensor:
    y = self.a(x)
    return y[:, :, None] - y[:, None, :]


def test_differences_of_all_pairs_repeat_both() -> None:
    module = around(_distances, nn.Linear(4, 5))
    found = imported(module, (4,))
    assert equal(module, found, (4,))


class _Padded(nn.Module):
    """A bias of scores that is padded for a token in front, and computed of a parameter alone."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.randn(2, 4, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x + F.pad(self.bias.tanh(), [1, 0, 1, 0])[None]


def test_a_table_of_a_parameter_is_padded() -> None:
    module = _Padded()
    found = imported(module, (2, 5, 5))
    assert "ZeroPad2d: {padding: [1, 0, 1, 0]}" in found.text
    assert equal(module, found, (2, 5, 5))


class _Fixed(nn.Module):
    """Tables that are computed of parameters alone, and combined before an input meets them."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.low = nn.Parameter(torch.randn(4, 5)), nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        table = torch.maximum(self.table.tanh(), self.low.sigmoid()[:, None] - 0.5)
        return x + torch.maximum(table, self.table.sin())


def test_the_larger_of_tables() -> None:
    module = _Fixed()
    found = imported(module, (4, 5))
    assert equal(module, found, (4, 5))
