"""Values that are one for all examples: layers on tables, and what is computed of parameters alone."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.capture.test_from_torch import equal, imported
from tests.capture.test_lookups import distances


def logarithms(table: Tensor) -> Tensor:
    """Distances as Swin 2 has them."""
    return table.sign() * (1 + table.abs()).log()


def heads(x: Tensor, count: int) -> Tensor:
    """(N, L, 3 · heads · d) → (3, N, heads, L, d)."""
    n, length, width = x.shape
    return x.view(n, length, 3, count, width // 3 // count).permute(2, 0, 3, 1, 4)


class Biased(nn.Module):
    """Attention with a bias that a subclass computes of what it has."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 24)

    def bias(self) -> Tensor:
        """(1, heads, L, L)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = heads(self.qkv(x), 2)
        y = (q @ k.transpose(-2, -1) + self.bias()).softmax(-1) @ v
        return y.transpose(1, 2).flatten(2)


class OfPairs(Biased):
    """A network computes the bias of the distance of each pair of places."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Dropout(0.1), nn.Linear(6, 2))
        places = torch.stack(torch.meshgrid(torch.arange(3.0), torch.arange(2.0), indexing="ij")).flatten(1)
        apart = (places[:, :, None] - places[:, None, :]).permute(1, 2, 0).reshape(-1, 2)
        self.register_buffer("apart", logarithms(apart), persistent=False)

    def bias(self) -> Tensor:
        return self.mlp(self.get_buffer("apart")).transpose(1, 0).reshape(2, 6, 6).unsqueeze(0)


class OfKinds(Biased):
    """A network computes the bias of each distance, and pairs of places look it up."""

    def __init__(self, *, lead: bool) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(2, 6), nn.ReLU(), nn.Linear(6, 2, bias=False))
        sides = torch.meshgrid(torch.arange(-2.0, 3), torch.arange(-1.0, 2), indexing="ij")
        kinds = logarithms(torch.stack(sides, -1))
        self.register_buffer("kinds", kinds[None] if lead else kinds, persistent=False)
        self.register_buffer("index", distances(3, 2, token=False).view(-1), persistent=False)

    def bias(self) -> Tensor:
        found = self.mlp(self.get_buffer("kinds")).view(-1, 2)[self.get_buffer("index")].view(6, 6, 2)
        return 16 * found.permute(2, 0, 1).sigmoid().unsqueeze(0)


class OfRows(Biased):
    """A table is looked up by rows and by columns, with products."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(2, 5, 3))
        for name, size in (("tall", 3), ("wide", 2)):
            apart = torch.arange(size) - torch.arange(size)[:, None] + size - 1
            self.register_buffer(name, F.one_hot(apart, 2 * size - 1).float(), persistent=False)

    def bias(self) -> Tensor:
        rows = torch.einsum("nhw,ixh->nixw", self.table, self.get_buffer("tall"))
        return torch.einsum("nixw,jyw->nijxy", rows, self.get_buffer("wide")).reshape(2, 6, 6).unsqueeze(0)


@pytest.mark.parametrize(
    ("module", "told"),
    [
        (OfPairs(), "for y in r for x in c]"),
        (OfKinds(lead=False), '{dim: 2, index: "[1 + i - k for i in range(2) for k in range(2)]"}'),
        (OfKinds(lead=True), '{dim: 1, index: "[2 + i - k for i in range(3) for k in range(3)]"}'),
        (OfRows(), "einsum"),
    ],
    ids=["pairs", "kinds", "kinds with an axis", "rows"],
)
def test_a_bias_that_is_computed_of_a_table_is_followed(module: nn.Module, told: str) -> None:
    found = imported(module, (6, 8))
    assert told in found.text
    assert "bias: " in next(line for line in found.text.splitlines() if "attend" in line)
    assert equal(module, found, (6, 8))


class Placed(nn.Module):
    """Positions that a layer makes of numbers, repeated for each example."""

    def __init__(self, repeats: str) -> None:
        super().__init__()
        self.project = nn.Conv2d(4, 6, 1)
        self.repeats = repeats

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        places = torch.arange(4 * length).view(1, 4, 1, length) / 8
        found = self.project(places)
        found = found.repeat(n, 1, 1, 1) if self.repeats == "repeat" else found.expand(n, -1, -1, -1)
        return x + found.reshape(n, -1, length).permute(0, 2, 1)


@pytest.mark.parametrize("repeats", ["repeat", "expand"])
def test_what_is_one_for_all_examples_may_be_repeated_for_each(repeats: str) -> None:
    module = Placed(repeats)
    assert equal(module, imported(module, (5, 6)), (5, 6))


class Pooled(nn.Module):
    """Attention of learned queries, repeated for each example."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Parameter(torch.zeros(1, 3, 8))
        self.q = nn.Linear(8, 8)
        self.kv = nn.Linear(8, 16)

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        q = self.q(self.latent.expand(n, -1, -1)).reshape(n, 3, 2, 4).transpose(1, 2)
        k, v = self.kv(x).reshape(n, length, 2, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, 3, 8)


class Joined(nn.Module):
    """A linear layer whose bias is made of parameters and numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(8, 12, bias=False)
        self.q, self.v = (nn.Parameter(torch.zeros(4)) for _ in range(2))
        self.register_buffer("k", torch.zeros(4), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.qkv.weight, torch.cat((self.q, self.get_buffer("k"), self.v)))


class Turned(nn.Module):
    """Learned turns of rows and columns: parts of a parameter, each number twice."""

    def __init__(self) -> None:
        super().__init__()
        self.turns = nn.Parameter(torch.zeros(2, 3, 4))

    def forward(self, x: Tensor) -> Tensor:
        tall, wide = torch.arange(2.0).repeat_interleave(3), torch.arange(3.0).repeat(2)
        turns = self.turns.float()
        angles = tall[:, None] * turns[0][:, None] + wide[:, None] * turns[1][:, None]
        sines, cosines = torch.cat([angles.sin(), angles.cos()], -1).repeat_interleave(2, -1).chunk(2, -1)
        return x * cosines + x * sines


class Measured(nn.Module):
    """Periods of a parameter for the places of a grid, computed step by step."""

    def __init__(self) -> None:
        super().__init__()
        self.periods = nn.Parameter(torch.ones(4))

    def forward(self, x: Tensor) -> Tensor:
        sides = [torch.arange(0.5, size) / size for size in (2, 3)]
        grid = 2 * torch.stack(torch.meshgrid(*sides, indexing="ij"), -1) - 1
        angles = grid.flatten(0, 1)[:, :, None] / self.periods[None, None, :]
        return x * torch.stack([angles.sin(), angles.cos()]).flatten(2).sum(0)


@pytest.mark.parametrize(
    ("module", "shape"),
    [(Pooled(), (5, 8)), (Joined(), (3, 8)), (Turned(), (3, 6, 8)), (Measured(), (6, 8))],
    ids=["pooled", "joined", "turned", "measured"],
)
def test_values_of_parameters_are_computed_once_for_all_examples(module: nn.Module, shape: tuple[int, ...]) -> None:
    for parameter in module.parameters():
        nn.init.uniform_(parameter, 0.5, 1)
    assert equal(module, imported(module, shape), shape)


class Chosen(nn.Module):
    """Unequal parts; slices by a list, by a buffer and each twice; a roll by as much along both axes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 5)
        self.register_buffer("index", torch.tensor([[3, 0], [1, 1]]), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.cat(self.linear(x).chunk(2, -1)[::-1], -1)[:, :, [4, 0, -2]][..., self.get_buffer("index") % 3]
        return y.flatten(2).repeat_interleave(2, dim=1).index_select(2, torch.tensor([2, 0, 1])).roll((-1, -1), (1, 2))


def test_slices_are_chosen_by_their_numbers() -> None:
    module = Chosen()
    found = imported(module, (3, 4))
    assert "- IndexSelect: {dim: 2, index: [4, 0, 3]}" in found.text
    assert "Split: {sizes: [3, 2], dim: 2}" in found.text
    assert "- Roll: {shifts: [-1, -1], dims: [1, 2]}" in found.text
    assert equal(module, found, (3, 4))


class RepeatedMask(nn.Module):
    """Attention in windows, with biases that are learned, and a mask that is repeated for each example before the
    windows are merged with the batch, as Swin of Hugging Face has it."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Linear(8, 24)
        self.bias = nn.Parameter(torch.randn(2, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        windows = length // 3
        q, k, v = self.turn(x).view(n * windows, 3, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mask = torch.zeros(windows, 3, 3)
        mask[-1, 1:, 0] = -100.0
        mask = mask[None, :, None].expand(n, -1, -1, -1, -1).reshape(-1, 1, 3, 3)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias[None] + mask)
        return y.transpose(1, 2).reshape(n, length, 8)


def test_a_mask_of_windows_may_be_repeated_for_each_example() -> None:
    module = RepeatedMask()
    found = imported(module, (12, 8))
    assert equal(module, found, (12, 8))


class Pairs(nn.Module):
    """What is said of each pair of places, by the one and by the other."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return (self.one(x)[:, :, None] + self.other(x)[:, None]) - self.one(x)[:, None, :, :1]


def test_sums_of_which_both_sides_are_repeated_are_written() -> None:
    module = Pairs()
    assert equal(module, imported(module, (5, 4)), (5, 4))


class LooksUp(nn.Module):
    """Biases for pairs of places, which its module puts in order, as data2vec has them."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(9, 2))

    def forward(self) -> Tensor:
        places = torch.arange(3)
        table = torch.cat([self.table[:5] * 2, self.table[5:]])
        return table[(places[:, None] - places + 2).view(-1)].view(3, 3, -1).permute(2, 0, 1).contiguous().unsqueeze(0)


class AddsBiases(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bias, self.turn = LooksUp(), nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        y = F.scaled_dot_product_attention(*heads(self.turn(x), 2), attn_mask=self.bias())
        return y.transpose(1, 2).flatten(2)


def test_a_module_that_moves_what_it_computes_of_parameters_gives_that() -> None:
    module = AddsBiases()
    assert equal(module, imported(module, (3, 8)), (3, 8))


class Places(nn.Embedding):
    """Positions of a table that does not train, looked up by a function, as RoFormer has them."""

    def forward(self, input: Tensor) -> Tensor:  # as torch calls it
        return super().forward(torch.arange(input.shape[1]))


class TurnsByTable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.places = Places(9, 8)
        self.places.weight.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        sin, cos = self.places(x)[None, :, :].chunk(2, dim=-1)
        sin, cos = (torch.stack([each, each], dim=-1).flatten(2) for each in (sin, cos))
        return x * cos + torch.stack([-x[..., 1::2], x[..., ::2]], dim=-1).reshape_as(x) * sin


def test_rows_of_a_table_that_are_looked_up_once_for_all_examples_are_cut_and_joined() -> None:
    module = TurnsByTable()
    assert equal(module, imported(module, (5, 8)), (5, 8))
