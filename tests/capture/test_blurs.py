"""Convolutions with fixed filters, which are averages."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.capture.test_from_torch import equal, imported, refusal


class Blur(nn.Module):
    """A filter of its own numbers in front of a smaller map, as against aliasing."""

    def __init__(self, filters: Tensor, *, stride: int, is_wide: bool) -> None:
        super().__init__()
        self.a = nn.Conv2d(2, 3, 1)
        self.register_buffer("filters", filters.expand(3, 1, -1, -1).clone() if is_wide else filters, persistent=False)
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        y = F.pad(self.a(x), (1, 1, 1, 1), mode="reflect")
        return F.conv2d(y, self.get_buffer("filters").expand(3, 1, -1, -1), stride=self.stride, groups=3)


@pytest.mark.parametrize(
    ("row", "column", "pools"),
    [
        ([1, 2, 1], [1, 2, 1], ["AvgPool2d: {kernel_size: 2, stride: 1}", "AvgPool2d: 2"]),
        ([1, 4, 6, 4, 1], [1, 4, 6, 4, 1], ["{AvgPool2d: {kernel_size: 2, stride: 1}, repeat: 3}", "AvgPool2d: 2"]),
        ([1, 1, 1, 1], [1, 1], ["AvgPool2d: {kernel_size: [4, 2], stride: 2}"]),
        ([1, 2, 1], [1, 1], ["AvgPool2d: {kernel_size: 2, stride: 1}", "AvgPool2d: {kernel_size: [2, 1], stride: 2}"]),
    ],
)
@pytest.mark.parametrize("is_wide", [False, True])
def test_a_blur_is_averages(row: list[float], column: list[float], pools: list[str], is_wide: bool) -> None:
    filters = torch.outer(torch.tensor(row), torch.tensor(column)).float()
    module = Blur((filters / filters.sum())[None, None], stride=2, is_wide=is_wide)
    found = imported(module, (2, 8, 9))
    assert equal(module, found, (2, 8, 9))
    assert [line.removeprefix("  - ") for line in found.text.splitlines() if "AvgPool2d" in line] == pools


def test_a_filter_of_other_numbers_is_refused() -> None:
    filters = torch.tensor([[1.0, 3.0], [3.0, 1.0]])[None, None] / 8
    assert "its weight is computed, and is no parameter" in refusal(Blur(filters, stride=1, is_wide=True), (2, 8, 9))
