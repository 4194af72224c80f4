"""Scores by distance: Transformer-XL, whose segments remember, and Conformer, each written by hand from its paper."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec
from tests.zoo.agreement import SPECS, agree
from tests.zoo.test_sequences import Conformer


class Layer(nn.Module):
    """Equations of section 3.3, with every distance asked for on its own."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.distance, self.out = (nn.Linear(width, n * width, bias=False) for n in (3, 1, 1))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, memory: Tensor, waves: Tensor, u: Tensor, v: Tensor) -> Tensor:
        def split(y: Tensor) -> Tensor:
            return y.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

        q, k, values = self.qkv(torch.cat([memory, x], 1)).chunk(3, -1)
        length, past = x.shape[1], memory.shape[1]
        q, k, values, r = (
            split(q[:, past:]),
            split(k),
            split(values),
            split(self.distance(waves)),
        )  # r[d]: of distance d
        far = past + torch.arange(length)[:, None] - torch.arange(past + length)
        by_distance = (q + v) @ r.mT
        by_place = by_distance.gather(-1, far.clamp(min=0).expand(*q.shape[:2], -1, -1).to(x.device))
        scores = ((q + u) @ k.mT + by_place) * q.shape[-1] ** -0.5
        shares = scores.masked_fill((far < 0).to(x.device), -torch.inf).softmax(-1)
        x = self.norm1(x + self.out((shares @ values).transpose(1, 2).flatten(2)))
        return self.norm2(x + self.down(F.relu(self.up(x))))  # type: ignore[no-any-return]


class TransformerXL(nn.Module):
    def __init__(self, words: int, width: int, depth: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.u, self.v = (nn.Parameter(torch.zeros(heads, 1, width // heads)) for _ in range(2))
        self.table, self.head = nn.Embedding(words, width), nn.Linear(width, words)
        self.head.weight = self.table.weight
        self.layers = nn.ModuleList(Layer(width, heads, hidden) for _ in range(depth))

    def forward(self, tokens: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        u, v = self.u[None], self.v[None]
        x = self.table(tokens) * self.table.embedding_dim**0.5
        n, width = memory.shape[2] + x.shape[1], x.shape[2]
        speeds = 10000.0 ** (-torch.arange(width // 2, dtype=x.dtype, device=x.device) / (width // 2))
        angles = torch.arange(n, dtype=x.dtype, device=x.device)[:, None] * speeds
        waves, kept = torch.cat([angles.sin(), angles.cos()], 1), []
        for layer, past in zip(self.layers, memory.unbind(1), strict=True):
            kept.append(torch.cat([past, x], 1)[:, x.shape[1] :])
            x = layer(x, past, waves, u, v)
        return self.head(x), torch.stack(kept, 1)


SMALL = {"words": 11, "length": 5, "past": 7, "width": 16, "depth": 3, "heads": 4, "hidden": 24}


def test_transformer_xl_asks_by_distance() -> None:
    agree("language/transformer_xl", TransformerXL(11, 16, 3, 4, 24), set=SMALL)


def test_transformer_xl_reads_two_segments_as_it_reads_one() -> None:
    """One layer forgets nothing between segments but what is too far: the second one says what the whole text would."""
    spec = SPECS / "language" / "transformer_xl.yaml"
    one, half = (
        netspec.build(netspec.load(spec, set={**SMALL, "depth": 1, "length": length, "past": past})).eval()
        for length, past in ((12, 6), (6, 12))
    )
    half.load_state_dict(one.state_dict())
    tokens, memory = torch.randint(11, (2, 12)), torch.randn(2, 1, 12, 16)
    second = half(tokens[:, 6:], half(tokens[:, :6], memory).memory)
    whole = one(tokens, memory[:, :, 6:])
    torch.testing.assert_close(second.scores, whole.scores[:, 6:], atol=1e-5, rtol=1e-4)


class ToBothSides(nn.Module):
    """The attention of Conformer: the distances of frames are from L - 1 behind to L - 1 ahead."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.distance = nn.Linear(width, width, bias=False)
        self.v, self.u = (nn.Parameter(torch.zeros(heads, 1, width // heads)) for _ in range(2))

    def waves(self, x: Tensor) -> Tensor:
        n, width = x.shape[1:]
        angles = torch.arange(n - 1, -n, -1, dtype=x.dtype, device=x.device)[:, None] * 10000.0 ** (
            -torch.arange(width // 2, dtype=x.dtype, device=x.device) / (width // 2)
        )
        return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)

    def forward(self, x: Tensor, *others: Tensor, need_weights: bool) -> tuple[Tensor]:
        def split(y: Tensor) -> Tensor:
            return y.unflatten(-1, (self.heads, -1)).transpose(-3, -2)

        q, n = split(self.query(x)), x.shape[1]
        by_distance = (q + self.v) @ split(self.distance(self.waves(x))).mT
        columns = n - 1 - (torch.arange(n)[:, None] - torch.arange(n)).to(x.device)
        by_place = by_distance.gather(-1, columns.expand(*q.shape[:2], -1, -1))
        scores = ((q + self.u) @ split(self.key(x)).mT + by_place) * q.shape[-1] ** -0.5
        return (self.out((scores.softmax(-1) @ split(self.value(x))).transpose(1, 2).flatten(2)),)


def test_conformer_asks_by_distance_to_both_sides() -> None:
    theirs = Conformer(8, 2, 2, 5)
    for layer in theirs.layers:
        layer.attention = ToBothSides(8, 2)
    agree("audio/conformer_relative", theirs, variant="conformer_relative_m", set={
        "width": 8, "depth": 2, "heads": 2, "kernel": 5, "frames": 40,
    })  # fmt: skip
