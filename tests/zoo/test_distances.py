"""Attention whose scores know distances; each network is a module written by hand from its paper."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.agreement import agree
from tests.zoo.test_sequences import ConformerLayer


def waves(distances: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Sines and cosines, (distances, width / 2)."""
    angles = distances.double()[:, None] * 10000 ** (-torch.arange(width // 2).double() / (width // 2))
    return angles.sin().float(), angles.cos().float()


def in_heads(x: Tensor, heads: int) -> Tensor:
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def shifted(x: Tensor) -> Tensor:
    """`_rel_shift` of the authors: a column of zeros, and the rows laid out anew."""
    padded = torch.cat([torch.zeros_like(x[..., :1]), x], -1)
    return padded.reshape(*x.shape[:2], x.shape[3] + 1, x.shape[2])[:, :, 1:].reshape(x.shape)


class XLLayer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.distance, self.key, self.value, self.out = (
            nn.Linear(width, width, bias=False) for _ in range(5)
        )
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, before: Tensor, distances: Tensor, u: Tensor, v: Tensor) -> Tensor:
        seen = torch.cat([before, x], 1)
        q, r = self.query(x), in_heads(self.distance(distances)[None], self.heads)
        near = shifted(in_heads(q + v, self.heads) @ r.mT)
        k, value = in_heads(self.key(seen), self.heads), in_heads(self.value(seen), self.heads)
        scores = (in_heads(q + u, self.heads) @ k.mT + near) / k.shape[-1] ** 0.5
        ahead = torch.ones(x.shape[1], seen.shape[1], dtype=torch.bool).triu(1 + before.shape[1])
        y = scores.masked_fill(ahead, -torch.inf).softmax(-1) @ value
        x = self.norm1(x + self.out(y.transpose(1, 2).flatten(2)))
        return self.norm2(x + self.down(self.up(x).relu()))  # type: ignore[no-any-return]


class TransformerXL(nn.Module):
    def __init__(self, words: int, width: int, depth: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.u, self.v = nn.Parameter(torch.randn(1, width)), nn.Parameter(torch.randn(1, width))
        self.letters, self.head = nn.Embedding(words, width), nn.Linear(width, words)
        self.head.weight = self.letters.weight
        self.layers = nn.ModuleList(XLLayer(width, heads, hidden) for _ in range(depth))

    def forward(self, tokens: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
        u, v = self.u * 1, self.v * 1  # in the order of the spec
        x, given = self.letters(tokens) * self.u.shape[1] ** 0.5, []
        length = memory.shape[2] + tokens.shape[1]
        distances = torch.cat(waves(torch.arange(length - 1, -1, -1), x.shape[2]), 1).to(x)
        for layer, before in zip(self.layers, memory.unbind(1), strict=True):
            given.append(x)
            x = layer(x, before, distances, u, v)
        return self.head(x), *given


def test_transformer_xl_remembers_the_segment_before() -> None:
    agree("language/transformer_xl", TransformerXL(20, 16, 3, 4, 24), set={
        "words": 20, "width": 16, "depth": 3, "heads": 4, "hidden": 24, "length": 6, "memory_length": 5,
    })  # fmt: skip


class Relative(nn.Module):
    """As ESPnet's `RelPositionMultiHeadedAttention`: from the farthest place behind to the farthest ahead."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.query, self.distance = heads, nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.u, self.v = nn.Parameter(torch.randn(1, width)), nn.Parameter(torch.randn(1, width))
        self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x: Tensor, *_: Tensor, need_weights: bool = False) -> tuple[Tensor, None]:
        n, width = x.shape[1:]
        places = torch.stack(waves(torch.arange(n - 1, -n, -1), width), 2).flatten(1).to(x)
        q = self.query(x)
        by_distance = in_heads(q + self.v, self.heads) @ in_heads(self.distance(places)[None], self.heads).mT
        near = shifted(by_distance)[..., :n]
        scores = (in_heads(q + self.u, self.heads) @ in_heads(self.key(x), self.heads).mT + near) / (
            width // self.heads
        ) ** 0.5
        y = scores.softmax(-1) @ in_heads(self.value(x), self.heads)
        return self.out(y.transpose(1, 2).flatten(2)), None


class Conformer(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, width, 3, 2), nn.Conv2d(width, width, 3, 2)
        self.widen = nn.Linear(width * 19, width)
        self.layers = nn.Sequential(*(ConformerLayer(width, heads, kernel) for _ in range(depth)))
        for layer in self.layers:
            layer.attention = Relative(width, heads)

    def forward(self, bands: Tensor) -> Tensor:
        x = F.relu(self.second(F.relu(self.first(bands[:, None]))))
        return self.layers(self.widen(x.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]


def test_a_conformer_knows_distances_ahead_and_behind() -> None:
    agree("audio/conformer", Conformer(8, 2, 2, 5), variant="conformer_m_relative", set={
        "width": 8, "depth": 2, "heads": 2, "kernel": 5, "frames": 40,
    })  # fmt: skip
