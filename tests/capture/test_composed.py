"""Tables of too many numbers to be written, as what they are made of."""

from __future__ import annotations

import re

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.numbers.rules import row
from tests.capture.test_from_torch import equal, imported
from tests.capture.test_lifted import heads


class Fourier(nn.Module):
    """Sines and cosines of the places of a map, computed where they are used, and projected."""

    def __init__(self, *, of_each: bool) -> None:
        super().__init__()
        self.project = nn.Conv2d(32, 3, 1)
        self.of_each = of_each

    def forward(self, x: Tensor) -> Tensor:
        n, _, height, width = x.shape
        count = n if self.of_each else 1
        y = torch.arange(1, height + 1).float().view(1, -1, 1).repeat(count, 1, width)
        z = torch.arange(1, width + 1).float().repeat(count, height, 1)
        y, z = y / (y[:, -1:, :] + 1e-6) * 6.28, z / (z[:, :, -1:] + 1e-6) * 6.28
        falls = 100 ** (2 * torch.div(torch.arange(16), 2, rounding_mode="floor") / 16)
        parts = [side[:, :, :, None] / falls for side in (y, z)]
        parts = [torch.stack([part[..., 0::2].sin(), part[..., 1::2].cos()], 4).flatten(3) for part in parts]
        found = self.project(torch.cat(parts, 3).permute(0, 3, 1, 2).float())
        return x + (found if self.of_each else found.repeat(n, 1, 1, 1)).reshape(x.shape)


@pytest.mark.parametrize("of_each", [False, True], ids=["once", "for each"])
def test_many_numbers_are_written_as_they_are_computed(of_each: bool) -> None:
    module = Fourier(of_each=of_each)
    found = imported(module, (3, 33, 9))
    assert re.search(r"\bSin\b", found.text)
    assert equal(module, found, (3, 33, 9))


class Shifted(nn.Module):
    """Attention in windows that were shifted: places of different parts of the map do not see each other."""

    def __init__(self, size: int, window: int) -> None:
        super().__init__()
        self.size, self.window = size, window
        self.qkv = nn.Linear(4, 12)
        part = torch.tensor([0] * (size - window) + [1] * (window // 2) + [2] * (window // 2))
        parts = self.cut((3 * part[:, None] + part).view(1, size, size, 1)).squeeze(-1)
        mask = (parts[:, None] != parts[:, :, None]).float() * -100
        self.register_buffer("mask", mask, persistent=False)

    def cut(self, x: Tensor) -> Tensor:
        """(N, H, W, C) → (N · windows, places, C)."""
        n, _, _, width = x.shape
        count, own = self.size // self.window, self.window
        return x.view(n, count, own, count, own, width).transpose(2, 3).reshape(-1, own * own, width)

    def forward(self, x: Tensor) -> Tensor:
        mask = self.get_buffer("mask")
        q, k, v = heads(self.qkv(self.cut(x)), 2)
        scores = q @ k.transpose(-2, -1)
        count, length = mask.shape[:2]
        scores = scores.view(-1, count, 2, length, length) + mask[:, None][None]
        y = scores.view(-1, 2, length, length).softmax(-1) @ v
        return y.transpose(1, 2).flatten(2).reshape(x.shape[0], -1, 4)


def test_a_mask_of_shifted_windows_is_that_of_rows_and_that_of_columns() -> None:
    module = Shifted(20, 4)
    assert module.get_buffer("mask").numel() > 4096
    found = imported(module, (20, 20, 4))
    assert "[[[1] * 4] * 4] * 4 + [[[1] * 2 + [0] * 2] * 2 + [[0] * 2 + [1] * 2] * 2]" in found.text
    assert equal(module, found, (20, 20, 4))


class OfDistances(nn.Module):
    """A network that reads how far each two places of a window are from each other."""

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__()
        sides = torch.meshgrid(torch.arange(float(rows)), torch.arange(float(columns)), indexing="ij")
        places = torch.stack(sides).flatten(1)
        apart = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0).reshape(-1, 2)
        self.register_buffer("apart", apart.sign() * (1 + apart.abs()).log(), persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        self.length = rows * columns

    def forward(self, x: Tensor) -> Tensor:
        return x + self.mlp(self.get_buffer("apart")).view(self.length, self.length)


def test_distances_of_many_places_are_those_of_their_rows_and_of_their_columns() -> None:
    module = OfDistances(9, 8)
    found = imported(module, (72, 72))
    assert '"[[(1 if i - k > 0 else -1) * log(1 + abs(i - k)) for k in range(8)] for i in range(8)]"' in found.text
    assert equal(module, found, (72, 72))


class OfAGrid(nn.Module):
    """Vectors that are turned by their rows and columns in a grid, by a table that is kept."""

    def __init__(self, rows: int, columns: int, size: int) -> None:
        super().__init__()
        falls = 10000 ** -(torch.arange(size // 4) / (size // 4))
        y, x = torch.arange(rows * columns) // columns, torch.arange(rows * columns) % columns
        angles = torch.cat([y[:, None] * falls, x[:, None] * falls], 1).repeat_interleave(2, -1)
        self.register_buffer("table", torch.cat([angles.sin(), angles.cos()], 1), persistent=False)
        self.linear = nn.Linear(size, size)

    def forward(self, x: Tensor) -> Tensor:
        x = self.linear(x)
        sines, cosines = self.get_buffer("table").chunk(2, -1)
        across = torch.stack([-x[..., 1::2], x[..., ::2]], -1).reshape(x.shape)
        return x * cosines + across * sines


def test_a_table_of_the_places_of_a_grid_is_made_of_sines_of_rows_and_columns() -> None:
    module = OfAGrid(12, 11, 32)
    found = imported(module, (132, 32))
    assert found.text.count("Sinusoids: ") == 2
    assert '"[k for _ in range(12) for k in range(11)]"' in found.text
    assert equal(module, found, (132, 32))


def test_logarithms_that_a_processor_rounds_otherwise_are_logarithms() -> None:
    apart = torch.arange(-8, 9)
    exact = apart.sign() * (1 + apart.abs()).double().log()
    rounded = exact.float()
    for times in range(3):
        lower = rounded.clone()
        for _ in range(times):
            lower[-2:] = torch.nextafter(lower[-2:], torch.tensor(0.0))
            lower[:2] = -lower.flip(0)[:2]
        found = row(lower)
        assert (found == "[(1 if i - 8 > 0 else -1) * log(1 + abs(i - 8)) for i in range(17)]") is (times < 2)
