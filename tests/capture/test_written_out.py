"""What programs write out and a spec has a word for: root mean squares, biases of distances, dropped examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.capture.test_from_torch import imported, refusal


class RootNorm(nn.Module):
    """Llama's normalisation, which computes with 32 bits."""

    def __init__(self, size: int, how: Callable[[Tensor, float], Tensor], *, affine: bool = True) -> None:
        super().__init__()
        self.how = how
        self.weight = nn.Parameter(torch.ones(size)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.how(x.to(torch.float32), 1e-5).to(x.dtype)
        return y if self.weight is None else self.weight * y


def reciprocal(x: Tensor, eps: float) -> Tensor:
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps)


def division(x: Tensor, eps: float) -> Tensor:
    return x / (eps + (x * x).mean(dim=-1, keepdim=True)).sqrt()


@pytest.mark.parametrize("how", [reciprocal, division])
@pytest.mark.parametrize("affine", [True, False])
def test_a_root_mean_square_is_a_layer(how: Callable[[Tensor, float], Tensor], affine: bool) -> None:
    found = imported(nn.Sequential(nn.Linear(6, 8), RootNorm(8, how, affine=affine)), (5, 6))
    assert ("RMSNorm: {eps: 1e-05}" if affine else "RMSNorm: {eps: 1e-05, elementwise_affine: false}") in found.text
    assert found.keeps_keys
    assert "Mean" not in found.text


@pytest.mark.parametrize("dim", [-2, 1])
def test_a_mean_along_another_axis_is_none(dim: int) -> None:
    def other(x: Tensor, eps: float) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(dim, keepdim=True) + eps)

    found = imported(nn.Sequential(nn.Linear(6, 8), RootNorm(8, other)), (5, 6))
    assert "RMSNorm" not in found.text
    assert "Mean" in found.text


class Distances(nn.Module):
    """Attention with a bias for each distance, by T5's program."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, 16, bias=False) for _ in range(3))
        self.bias = nn.Embedding(9, 2)

    def forward(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1])
        table = self.bias((places[None] - places[:, None]).clamp(-4, 4) + 4)
        q, k, v = (part(x).unflatten(2, (2, 8)).transpose(1, 2) for part in (self.q, self.k, self.v))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=table.permute(2, 0, 1).unsqueeze(0))
        return y.transpose(1, 2).flatten(2)


def test_a_table_of_biases_is_moved_as_the_program_moves_it() -> None:
    found = imported(Distances(), (7, 16))
    assert "{Embedding: {num_embeddings: 9, embedding_dim: 2}, name: bias" in found.text
    assert "Rearrange" in found.text and "bias: " in found.text
    assert found.keeps_keys


class Floored(nn.Module):
    """Stochastic depth as the first programs had it, which draw numbers of floats."""

    def __init__(self, share: float, kept: float | None = None) -> None:
        super().__init__()
        self.drop_prob, self.kept = share, 1 - share if kept is None else kept

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        drawn = torch.rand((x.shape[0],) + (1,) * (x.ndim - 1), dtype=x.dtype)
        return x.div(self.kept) * torch.floor(drawn + 1 - self.drop_prob)


def test_whole_examples_that_are_dropped_by_other_numbers_are_stochastic_depth() -> None:
    found = imported(nn.Sequential(nn.Linear(4, 4), Floored(0.25)), (4,))
    assert "StochasticDepth: 0.25" in found.text or "StochasticDepth: {p: 0.25}" in found.text


def test_what_drops_and_scales_otherwise_is_refused() -> None:
    module: Any = nn.Sequential(nn.Linear(4, 4), Floored(0.25, kept=0.5))
    assert "`floor` has no form in a spec" in refusal(module, (4,))


class FirstPart(nn.Module):
    """Uses the first of three parts alone."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(6, 12)

    def forward(self, x: Tensor) -> Tensor:
        return self.qkv(x).chunk(3, -1)[0]


def test_of_several_results_the_first_flows_on_where_nobody_reads_the_others() -> None:
    assert "{Chunk: 3, as: [_, _, _]}" in imported(FirstPart(), (6,)).text


class CutTwice(nn.Module):
    """A program that writes the same slice and the same order of axes where it needs them."""

    def __init__(self, *, gives: bool = False) -> None:
        super().__init__()
        self.gives = gives

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        y = x.transpose(1, 2)[:, :3] * x.transpose(1, 2)[:, :3].tanh()
        return (y, x.transpose(1, 2)[:, :3]) if self.gives else y


@pytest.mark.parametrize("gives", [False, True])
def test_what_is_moved_twice_in_the_same_way_is_moved_once(gives: bool) -> None:
    text = imported(CutTwice(gives=gives), (5, 6)).text
    assert text.count("Rearrange") == 1
    assert text.count("Slice") == 1 + gives  # one stays that is given
