"""`specs/language`: each network is the one written by hand from its paper, and has its published size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec
from tests.zoo.agreement import agree as with_weights

SPECS = Path(__file__).parents[2] / "specs" / "language"


def agree(name: str, theirs: nn.Module, **sizes: Any) -> None:
    """One of `specs/language`, at these sizes."""
    with_weights(f"language/{name}", theirs, set=sizes)


def causal(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Attention of (N, heads, L, size), written out."""
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    behind = torch.ones(q.shape[2], q.shape[2], dtype=torch.bool).triu(1)
    return (scores.masked_fill(behind, -torch.inf).softmax(-1) @ v).transpose(1, 2).flatten(2)


class GPT2Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in self.qkv(self.norm1(x)).chunk(3, -1))
        x = x + self.out(causal(q, k, v))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))  # type: ignore[no-any-return]


class GPT2(nn.Module):
    def __init__(self, words: int, length: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(words, width), nn.Parameter(torch.randn(1, length, width))
        self.layers = nn.Sequential(*(GPT2Layer(width, heads) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, words, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(self.tokens(tokens) + self.positions)))  # type: ignore[no-any-return]


def test_gpt2_is_the_one_written_by_hand() -> None:
    agree("gpt2", GPT2(90, 11, 24, 3, 4), words=90, length=11, width=24, depth=3, heads=4)


def test_the_gpt_on_bytes_is_gpt2_without_dropout() -> None:
    agree("gpt_bytes", GPT2(256, 11, 24, 3, 4), words=256, length=11, width=24, depth=3, heads=4)
    assert netspec.load(SPECS / "gpt_bytes.yaml").params == 1_040_768


class LlamaLayer(nn.Module):
    """Queries, keys and values are rows of one matrix; positions turn the coordinates i and i + size / 2."""

    def __init__(self, width: int, heads: int, groups: int, hidden: int, base: float) -> None:
        super().__init__()
        self.heads, self.groups, self.size, self.base = heads, groups, width // heads, base
        self.norm1 = nn.RMSNorm(width, 1e-5)
        self.qkv = nn.Linear(width, (heads + 2 * groups) * self.size, bias=False)
        self.out, self.norm2 = nn.Linear(width, width, bias=False), nn.RMSNorm(width, 1e-5)
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def turned(self, x: Tensor) -> Tensor:
        speeds = 1.0 / self.base ** (torch.arange(0, self.size, 2).float() / self.size)
        angles = (torch.arange(x.shape[2]).float()[:, None] * speeds).repeat(1, 2)
        first, second = x.chunk(2, -1)
        return x * angles.cos().to(x.dtype) + torch.cat((-second, first), -1) * angles.sin().to(x.dtype)

    def forward(self, x: Tensor) -> Tensor:
        rows = self.qkv(self.norm1(x)).unflatten(-1, (-1, self.size)).transpose(1, 2)
        q, k, v = rows.split([self.heads, self.groups, self.groups], 1)
        k, v = (y.repeat_interleave(self.heads // self.groups, 1) for y in (k, v))
        x = x + self.out(causal(self.turned(q), self.turned(k), v))
        y = self.norm2(x)
        return x + self.down(F.silu(self.gate(y)) * self.up(y))  # type: ignore[no-any-return]


class Llama(nn.Module):
    def __init__(self, words: int, width: int, depth: int, heads: int, groups: int, hidden: int, base: float) -> None:
        super().__init__()
        self.tokens = nn.Embedding(words, width)
        self.layers = nn.Sequential(*(LlamaLayer(width, heads, groups, hidden, base) for _ in range(depth)))
        self.norm, self.head = nn.RMSNorm(width, 1e-5), nn.Linear(width, words, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(self.norm(self.layers(self.tokens(tokens))))  # type: ignore[no-any-return]


def test_llama_is_the_one_written_by_hand() -> None:
    sizes = {"width": 32, "depth": 3, "heads": 4, "hidden": 44, "base": 500000}
    agree("llama", Llama(90, 32, 3, 4, 2, 44, 500000), words=90, length=13, kv_heads=2, **sizes)


@pytest.mark.parametrize(
    ("name", "variant", "published"),
    [
        ("gpt2", "gpt2_small", 124_439_808),
        ("gpt2", "gpt2_medium", 354_823_168),
        ("gpt2", "gpt2_large", 774_030_080),
        ("gpt2", "gpt2_xl", 1_557_611_200),
        ("llama", "tinyllama", 1_100_048_384),
        ("llama", "llama2_7b", 6_738_415_616),
        ("llama", "llama3_8b", 8_030_261_248),
    ],
)
def test_a_whole_network_has_its_published_size(name: str, variant: str, published: int) -> None:
    assert netspec.load(SPECS / f"{name}.yaml", variant=variant).params == published
