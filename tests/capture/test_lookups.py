"""Parameters whose numbers a program moves or looks up."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.ao.nn import quantized
from torch.nn import functional as F

from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from netspec.capture.numbers.rules import row
from tests.capture.test_from_torch import equal, imported, refusal


def distances(height: int, width: int, *, token: bool) -> Tensor:
    """The number of the distance of each two places, as Swin and BEiT count them."""
    y, x = torch.arange(height * width) // width, torch.arange(height * width) % width
    both = (y[:, None] - y + height - 1) * (2 * width - 1) + x[:, None] - x + width - 1
    if not token:
        return both
    kinds = (2 * height - 1) * (2 * width - 1)
    found = F.pad(both, (1, 0, 1, 0), value=kinds + 1)
    found[0, :] = kinds
    found[0, 0] = kinds + 2
    return found


class Near(nn.Module):
    """Attention with a bias for the distance of two places."""

    def __init__(self, index: Tensor, *, fused: bool, flat: bool = False) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)
        self.table = nn.Parameter(torch.zeros(int(index.max()) + 1, 2))
        self.register_buffer("index", index.view(-1) if flat else index, persistent=False)
        self.length = index.shape[0]
        self.fused = fused

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        index = self.get_buffer("index")
        bias = self.table[index].view(length, length, 2).permute(2, 0, 1).unsqueeze(0).contiguous()
        q, k, v = self.qkv(x).view(n, length, 3, 2, 8).permute(2, 0, 3, 1, 4)
        if self.fused:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        else:
            y = ((q * 8**-0.5) @ k.transpose(-2, -1) + bias).softmax(-1) @ v
        return y.transpose(1, 2).flatten(2)


@pytest.mark.parametrize("fused", [False, True])
def test_biases_of_distances_are_looked_up(fused: bool) -> None:
    module = Near(distances(2, 3, token=False), fused=fused, flat=fused)
    found = imported(module, (6, 16))
    assert "(1 + a // 3 - b // 3) * 5 + 2 + a % 3 - b % 3" in found.text
    assert "bias: " in next(line for line in found.text.splitlines() if "attend" in line)
    assert equal(module, found, (6, 16))


def test_a_token_in_front_has_distances_of_its_own() -> None:
    module = Near(distances(2, 2, token=True), fused=True)
    found = imported(module, (5, 16))
    assert "[[11] + [9] * 4] + [[10] + [" in found.text
    assert equal(module, found, (5, 16))


def test_other_numbers_are_written_one_by_one() -> None:
    module = Near(torch.tensor([[0, 2, 1], [2, 2, 0], [1, 0, 2]]), fused=True)
    found = imported(module, (3, 16))
    assert "value: [[0, 2, 1], [2, 2, 0], [1, 0, 2]]" in found.text
    assert equal(module, found, (3, 16))


class Turned(nn.Module):
    """A parameter whose axes are turned, and one that is looked up along its last axis."""

    def __init__(self, *, turned: bool) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(4, 3))
        self.turned = turned

    def forward(self, x: Tensor) -> Tensor:
        return x + (self.table.t() if self.turned else self.table[:, [1, 1, 0]].view(1, 3, 4))


def test_a_parameter_with_its_axes_turned_is_moved() -> None:
    module = Turned(turned=True)
    found = imported(module, (3, 4))
    assert 'Rearrange: "n a b -> n b a"' in found.text
    assert equal(module, found, (3, 4))


def test_columns_that_are_looked_up_have_no_form() -> None:
    assert "computed of parameters in a way that has no form" in refusal(Turned(turned=False), (3, 4))


class _NearOne(nn.Module):
    """A norm whose weight is what is added to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        y = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        return y * (1.0 + self.weight.float())


def test_a_weight_that_is_added_to_1_is_a_sum_in_the_spec() -> None:
    module = _NearOne()
    found = imported(module, (3, 4))
    assert "name: weight, as: weight}\n  - use: weight + 1.0\n" in found.text
    assert set(found.keys.values()) == {"weight"}
    assert equal(module, found, (3, 4))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_a_quantised_layer_is_told() -> None:
    module = nn.Sequential(quantized.Conv2d(1, 1, 1))  # pyright: ignore[reportUnknownMemberType]  # torch's
    with pytest.raises(NotCaptured, match="`0` computes with packed weights, as quantised layers do"):
        from_torch(module, torch.randn(2, 1, 4, 4))


class AlongTheLast(nn.Module):
    """Attention with biases that are looked up along the last axis of a parameter, one row for each head."""

    def __init__(self, index: Tensor) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)
        self.biases = nn.Parameter(torch.randn(2, int(index.max()) + 1))
        self.register_buffer("index", index, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).view(*x.shape[:2], 3, 2, 8).permute(2, 0, 3, 1, 4)
        bias = self.biases[:, self.get_buffer("index")]
        y = (q @ k.transpose(-2, -1) + bias).softmax(-1) @ v
        return (y + bias[1, 0, :, None]).transpose(1, 2).flatten(2)


def test_biases_are_looked_up_along_the_last_axis() -> None:
    index = (torch.arange(6)[:, None] - torch.arange(6)).abs()
    module = AlongTheLast(index)
    found = imported(module, (6, 16))
    assert 'IndexSelect: {dim: 2, index: "[[abs(a - b) for b in range(6)] for a in range(6)]"}' in found.text
    assert "- Select: {dim: 1, index: 1}" in found.text  # one row
    assert equal(module, found, (6, 16))


CHOSEN: list[tuple[Callable[[Tensor], Tensor], str]] = [
    (lambda x: x[:, [2, 0]], "IndexSelect: {dim: 1, index: [2, 0]}"),
    (lambda x: x[..., torch.tensor([[0, -1], [1, 1]])], "IndexSelect: {dim: 2, index: [0, 6, 1, 1]}"),
    (lambda x: x.transpose(0, 1)[[1, 3, 2]].transpose(0, 1), "IndexSelect: {dim: 1, index: [1, 3, 2]}"),
    (lambda x: x.index_select(2, torch.tensor([6, 6])), "IndexSelect: {dim: 2, index: [6, 6]}"),
    (lambda x: x.flip(1), 'IndexSelect: {dim: 1, index: "range(3, -1, -1)"}'),
    (lambda x: x.flip((-1, 1)), 'IndexSelect: {dim: 2, index: "range(6, -1, -1)"}'),
    (lambda x: x[:, torch.tensor(2)], "IndexSelect: {dim: 1, index: [2]}"),
]


@pytest.mark.parametrize(("choose", "told"), CHOSEN)
def test_places_are_chosen_by_numbers(choose: Callable[[Tensor], Tensor], told: str) -> None:
    module = Chooses(choose)
    found = imported(module, (4, 7))
    assert told in found.text
    assert equal(module, found, (4, 7))


class Chooses(nn.Module):
    """A layer, of which some places are chosen."""

    def __init__(self, choose: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.a = nn.Linear(7, 7)
        self.choose = choose

    def forward(self, x: Tensor) -> Tensor:
        return self.choose(self.a(x))


NOT_CHOSEN: list[tuple[Callable[[Tensor], Tensor], str]] = [
    (lambda x: x[[1, 0]], "examples are chosen from the batch"),
    (lambda x: x[:, [1, 0], [1, 0]], "by several tensors or lists of indices"),
    (lambda x: x[:, torch.tensor([True, False, True, True])], "truth values"),
    (lambda x: x.flip(0), "examples are chosen from the batch"),
]


@pytest.mark.parametrize(("choose", "told"), NOT_CHOSEN)
def test_places_that_no_spec_chooses_are_refused(choose: Callable[[Tensor], Tensor], told: str) -> None:
    assert told in refusal(Chooses(choose), (4, 7))


# ---- repeated


class _Repeated(nn.Module):
    """Positions of the frames and places of a video, as video transformers add them up, behind a class token."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.zeros(8))
        self.frames = nn.Parameter(torch.zeros(4, 8))
        self.places = nn.Parameter(torch.zeros(6, 8))

    def forward(self, x: Tensor) -> Tensor:
        position = torch.repeat_interleave(self.frames, 6, dim=0)
        position.add_(self.places.unsqueeze(0).expand(4, -1, -1).reshape(-1, 8))
        return torch.cat((self.token.expand(x.size(0), -1).unsqueeze(1), x + position), 1)


def test_parameters_that_are_repeated_in_two_ways_and_a_token_for_each_example() -> None:
    module = _Repeated()
    found = imported(module, (24, 8))
    assert equal(module, found, (24, 8))
    assert "Parameter: [1, 8], name: token" in found.text


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        (list(range(6)) * 3, "[i for _ in range(3) for i in range(6)]"),
        ([0.5, 0.25, 1.0] * 8, None),
        ([*range(6), *range(6), 5], None),
    ],
)
def test_a_row_that_comes_again_and_again(numbers: list[float], text: str | None) -> None:
    assert row(torch.tensor(numbers)) == text


class _Angles(nn.Module):
    """The angles of rotary positions, each twice, with an axis for the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rates", 1 / torch.arange(1.0, 5.0))

    def forward(self, places: Tensor) -> Tensor:
        angles = torch.einsum("b i, j -> b i j", places[None].float(), self.get_buffer("rates"))
        return torch.stack((angles, angles), -1).flatten(-2)


class _Turned(nn.Module):
    """Queries that are turned by angles, which another module has made."""

    def __init__(self) -> None:
        super().__init__()
        self.angles = _Angles()
        self.layers = nn.ModuleList([nn.Linear(8, 8), nn.Linear(8, 8)])

    def forward(self, x: Tensor) -> Tensor:
        angles = self.angles(torch.arange(x.shape[1]))
        for layer in self.layers:
            heads = layer(x).view(len(x), -1, 1, 8).transpose(1, 2)
            x = (heads * angles[:, None].cos()).transpose(1, 2).flatten(2)
        return x


def test_what_a_module_makes_that_reads_no_input_does_not_flow_on() -> None:
    module = _Turned()
    found = imported(module, (5, 8))
    assert equal(module, found, (5, 8))


class _Memory(nn.Module):
    """Two learned tensors in one parameter, taken apart as a program takes a list apart."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = nn.Parameter(torch.zeros(2, 3, 8))

    def forward(self, x: Tensor) -> Tensor:
        keys, values = self.memory
        both = [part.expand(len(x), -1, -1) for part in (keys, values)]
        return torch.cat((both[0], x), 1) * torch.cat((both[1], x), 1)


def test_a_parameter_is_taken_apart() -> None:
    module = _Memory()
    found = imported(module, (4, 8))
    assert equal(module, found, (4, 8))
