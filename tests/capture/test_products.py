"""Products of tensors and parameters."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.importing import from_torch
from tests.capture.test_from_torch import equal, imported, refusal


class Conv1D(nn.Module):
    """The linear layer of GPT-2, whose weight is the other way round."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 4))
        self.bias = nn.Parameter(torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.bias, x.view(-1, x.shape[-1]), self.weight).view(*x.shape[:-1], 4)


class Product(nn.Module):
    """A product in one of the ways in which people write it."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], *sizes: int) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(sizes))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.w)


def _behind(x: Tensor, w: Tensor) -> Tensor:
    return x @ w


def _in_front(x: Tensor, w: Tensor) -> Tensor:
    return w @ x


def _summed(x: Tensor, w: Tensor) -> Tensor:
    return torch.einsum("blc,cd->bld", x, w)


def _across(x: Tensor, w: Tensor) -> Tensor:
    return w[:, : x.shape[0]] @ x


@pytest.mark.parametrize(
    ("function", "sizes", "shape", "told"),
    [
        (_behind, (6, 4), (5, 6), "n i d, n d j -> n i j"),
        (_behind, (6, 4), (6,), "n d, n d j -> n j"),
        (_in_front, (4, 5), (5, 6), "n i d, n d j -> n i j"),
        (_behind, (3, 6, 4), (3, 5, 6), "n a i d, n a d j -> n a i j"),
        (_behind, (1, 6, 4), (3, 5, 6), "n a i d, n d j -> n a i j"),
        (_summed, (6, 4), (5, 6), "b l c, b c d -> b l d"),
    ],
)
def test_a_product_with_a_parameter_is_an_einsum(
    function: Callable[[Tensor, Tensor], Tensor], sizes: tuple[int, ...], shape: tuple[int, ...], told: str
) -> None:
    module = Product(function, *sizes)
    found = imported(module, shape)
    assert f'pattern: "{told}"' in found.text
    assert equal(module, found, shape)


def test_the_linear_layer_of_gpt2_is_a_product_and_a_sum() -> None:
    module = nn.Sequential(Conv1D(), nn.Tanh(), nn.Linear(4, 2))
    found = imported(module, (5, 6))
    assert "einsum" in found.text
    assert equal(module, found, (5, 6))


def test_what_a_module_gives_has_its_own_axes() -> None:
    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = Conv1D()

        def forward(self, x: Tensor) -> Tensor:
            a, b = self.inner(x).split(2, dim=2)
            return a.permute(0, 2, 1) @ b

    module = Around()
    found = imported(module, (5, 6))
    assert equal(module, found, (5, 6))


def test_a_product_that_sums_over_the_batch_is_refused() -> None:
    told = refusal(Product(_across, 4, 9), (5,))
    assert "a product with a parameter that mixes examples" in told


class Kinds(nn.Module):
    """Words, and kinds of words that are made for each example."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(20, 8)
        self.kinds = nn.Embedding(2, 8)

    def forward(self, x: Tensor) -> Tensor:
        return self.words(x) + self.kinds(torch.zeros_like(x)).to(x.device)


def test_numbers_that_are_made_for_each_example_are_embedded_once() -> None:
    found = from_torch(Kinds(), torch.randint(0, 20, (2, 5)))
    assert "value: [0, 0, 0, 0, 0]" in found.text


class Repeats(nn.Module):
    """Products of tensors of which one is repeated along an axis, as in lambda layers."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(5, 8)

    def forward(self, x: Tensor) -> Tensor:
        y = self.a(x).view(-1, 3, 2, 4).transpose(1, 2)
        turned = x.mT.unsqueeze(1)[..., :2]
        return y.mT @ y.sum(1, keepdim=True) + turned[:, :, :4] @ y[:, :, :2]


def test_a_product_repeats_one_of_its_tensors() -> None:
    module = Repeats()
    found = imported(module, (3, 5))
    assert 'pattern: "n h i d, n o d j -> n h i j"' in found.text
    assert 'pattern: "n o i d, n h d j -> n h i j"' in found.text
    assert equal(module, found, (3, 5))


class Slopes(nn.Module):
    """Attention whose scores fall with the distance of a key, as BLOOM's, with the heads merged with the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = nn.Linear(8, 24)

    def forward(self, x: Tensor) -> Tensor:
        n, length, _ = x.shape
        q, k, v = self.turn(x).view(n, length, 3, 2, 4).permute(2, 0, 3, 1, 4).reshape(3, n * 2, length, 4)
        places = torch.ones(n, 1, length).cumsum(-1) - 1
        slopes = (torch.tensor([0.5, 0.25])[:, None] * places).reshape(n * 2, 1, length)
        scores = slopes.baddbmm(batch1=q, batch2=k.transpose(1, 2), beta=1.0, alpha=0.5).view(n, 2, length, length)
        weights = scores.softmax(-1).view(n * 2, length, length)
        return torch.bmm(weights, v).view(n, 2, length, 4).transpose(1, 2).flatten(2)


def test_a_product_that_is_added_to_what_each_example_has_is_attention_with_a_bias() -> None:
    module = Slopes()
    found = imported(module, (5, 8))
    assert "attend: " in found.text
    assert "bias: " in found.text
    assert equal(module, found, (5, 8))


class Scaled(nn.Module):
    """A product and what it is added to, each with a factor."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 6))
        self.b = nn.Parameter(torch.randn(6))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addmm(self.b, x, self.w, beta=0.5, alpha=2.0)


def test_factors_of_a_product_and_of_what_it_is_added_to_are_said() -> None:
    module = Scaled()
    found = imported(module, (4,))
    assert "Scale: 2.0" in found.text
    assert "Scale: 0.5" in found.text
    assert equal(module, found, (4,))
