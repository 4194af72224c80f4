"""Families of attention that `SelfAttention` alone does not say; each is a module written by hand from its paper."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.agreement import agree


class BEiTLayer(nn.Module):
    """The index of a pair of patches is told by their places, that of a pair with the class token stands apart."""

    def __init__(self, width: int, heads: int, n: int) -> None:
        super().__init__()
        self.heads, kinds = heads, (2 * n - 1) ** 2
        self.norm1, self.norm2 = nn.LayerNorm(width, 1e-6), nn.LayerNorm(width, 1e-6)
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.table, self.value, self.out = (
            nn.Embedding(kinds + 3, heads),
            nn.Linear(width, width),
            nn.Linear(width, width),
        )
        self.scale1, self.scale2 = nn.Parameter(torch.ones(width)), nn.Parameter(torch.ones(width))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        places = torch.cartesian_prod(torch.arange(n), torch.arange(n))
        away = places[:, None] - places[None] + n - 1
        pairs = torch.empty(n**2 + 1, n**2 + 1, dtype=torch.int64)
        pairs[1:, 1:] = away[..., 0] * (2 * n - 1) + away[..., 1]
        pairs[0, :], pairs[1:, 0], pairs[0, 0] = kinds, kinds + 1, kinds + 2
        self.register_buffer("pairs", pairs, persistent=False)

    def attention(self, x: Tensor) -> Tensor:
        q, k = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key))
        scores = q @ k.mT * q.shape[-1] ** -0.5 + self.table(self.pairs).permute(2, 0, 1)
        v = self.value(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale1 * self.attention(self.norm1(x))
        y = self.up(self.norm2(x))
        return x + self.scale2 * self.down(F.gelu(y))  # type: ignore[no-any-return]


class BEiT(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, n: int) -> None:
        super().__init__()
        self.patches, self.token = nn.Conv2d(3, width, 8, 8), nn.Parameter(torch.randn(1, 1, width))
        self.layers = nn.Sequential(*(BEiTLayer(width, heads, n) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width, 1e-6), nn.Linear(width, 7)

    def forward(self, image: Tensor) -> Tensor:
        x = self.patches(image).flatten(2).mT
        x = self.layers(torch.cat([self.token.expand(len(x), 1, -1), x], 1))
        return self.head(self.norm(x[:, 1:].mean(1)))  # type: ignore[no-any-return]


def test_beit_learns_a_bias_for_each_distance() -> None:
    agree("vision/beit", BEiT(16, 2, 4, 3), set={
        "input": [3, 24, 24], "patch": 8, "n": 3, "width": 16, "depth": 2, "heads": 4, "classes": 7,
    })  # fmt: skip


def waves(numbers: Tensor, width: int) -> Tensor:
    angles = numbers[:, None] * 10000 ** (-2 * torch.arange(width // 2, dtype=torch.float64) / width)
    angles = angles.float()  # so far a spec's table goes
    return torch.cat([angles.double().sin(), angles.double().cos()], 1)


class UniversalTransformer(nn.Module):
    def __init__(self, words: int, width: int, rounds: int) -> None:
        super().__init__()
        self.words, self.rounds = nn.Embedding(words, width), rounds
        self.layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0, batch_first=True)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens)
        places = waves(torch.arange(1, tokens.shape[1] + 1), x.shape[2])
        for t in range(1, self.rounds + 1):
            x = self.layer(x + (places + waves(torch.tensor([t]), x.shape[2])).to(x.dtype))
        return x  # type: ignore[no-any-return]


def test_a_universal_transformer_is_told_its_round() -> None:
    agree("language/universal_transformer", UniversalTransformer(40, 16, 3), set={
        "words": 40, "length": 9, "width": 16, "rounds": 3,
    })  # fmt: skip


class DecisionTransformer(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.times = nn.Embedding(50, width)
        self.returns, self.states, self.actions = nn.Linear(1, width), nn.Linear(11, width), nn.Linear(3, width)
        self.first, self.last, self.action = nn.LayerNorm(width), nn.LayerNorm(width), nn.Linear(width, 3)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 1, 4 * width, 0, batch_first=True, norm_first=True) for _ in range(depth)
        )

    def forward(self, returns: Tensor, states: Tensor, actions: Tensor, times: Tensor) -> Tensor:
        time = self.times(times)
        parts = [self.returns(returns) + time, self.states(states) + time, self.actions(actions) + time]
        x = self.first(torch.stack(parts, 2).flatten(1, 2))
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        for layer in self.layers:
            x = layer(x, src_mask=later)
        return self.action(self.last(x)[:, 1::3]).tanh()  # type: ignore[no-any-return]


def test_a_decision_transformer_reads_actions_from_states() -> None:
    agree("language/decision_transformer", DecisionTransformer(16, 2), set={
        "width": 16, "depth": 2, "length": 5, "times_of": 50,
        "input": {"returns": [5, 1], "states": [5, 11], "actions": [5, 3], "times": [5, "int64"]},
    })  # fmt: skip


class NonLocal(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.theta, self.phi, self.g = (nn.Conv2d(width, width // 2, 1) for _ in range(3))
        self.out = nn.Sequential(nn.Conv2d(width // 2, width, 1), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        weights = (self.theta(x).flatten(2).mT @ self.phi(x).flatten(2)).softmax(2)
        y = self.g(x).flatten(2) @ weights.mT
        return x + self.out(y.unflatten(2, x.shape[2:]))  # type: ignore[no-any-return]


def test_a_place_reads_all_places() -> None:
    def conv(before: int, after: int) -> nn.Sequential:
        return nn.Sequential(nn.Conv2d(before, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU())

    theirs = nn.Sequential(
        conv(3, 4), nn.MaxPool2d(2), conv(4, 8), NonLocal(8), nn.MaxPool2d(2), conv(8, 16),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 10),
    )  # fmt: skip
    agree("vision/nonlocal", theirs, set={"input": [3, 12, 12], "width": 4})


class WhisperAttention(nn.Module):
    """Keys have no bias. `causal`: a place sees none behind it."""

    def __init__(self, width: int, heads: int, *, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.value, self.out = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: Tensor, of: Tensor) -> Tensor:
        q, k, v = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in (self.query(x), self.key(of), self.value(of))
        )
        scores = q @ k.mT * q.shape[-1] ** -0.5
        if self.causal:
            scores = scores + torch.full_like(scores[0, 0], -torch.inf).triu(1)
        return self.out((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class WhisperLayer(nn.Module):
    def __init__(self, width: int, heads: int, *, decodes: bool = False) -> None:
        super().__init__()
        self.norm1, self.itself = nn.LayerNorm(width), WhisperAttention(width, heads, causal=decodes)
        if decodes:
            self.norm2, self.sound = nn.LayerNorm(width), WhisperAttention(width, heads)
        self.norm3, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor, sound: Tensor | None = None) -> Tensor:
        y = self.norm1(x)
        x = x + self.itself(y, y)
        if sound is not None:
            x = x + self.sound(self.norm2(x), sound)
        return x + self.down(F.gelu(self.up(self.norm3(x))))  # type: ignore[no-any-return]


class Whisper(nn.Module):
    """With the positions of the sound computed as the authors do."""

    def __init__(self, words: int, length: int, width: int, depths: tuple[int, int], heads: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(80, width, 3, 1, 1), nn.Conv1d(width, width, 3, 2, 1)
        self.encoder = nn.Sequential(*(WhisperLayer(width, heads) for _ in range(depths[0])))
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.words, self.positions = nn.Embedding(words, width), nn.Parameter(torch.randn(1, length, width))
        self.decoder = nn.ModuleList(WhisperLayer(width, heads, decodes=True) for _ in range(depths[1]))

    def forward(self, bands: Tensor, tokens: Tensor) -> Tensor:
        x = F.gelu(self.second(F.gelu(self.first(bands)))).mT
        half = x.shape[2] // 2
        angles = torch.arange(x.shape[1]).double()[:, None] * 10000 ** (-torch.arange(half).double() / (half - 1))
        places = torch.cat([angles.sin(), angles.cos()], 1).float().to(x)  # rounded once
        sound = self.norm(self.encoder(x + places))
        y = self.words(tokens) + self.positions
        for layer in self.decoder:
            y = layer(y, sound)
        return self.norm2(y) @ self.words.weight.mT  # type: ignore[no-any-return]


def test_whisper_says_what_it_hears() -> None:
    agree("audio/whisper", Whisper(40, 7, 16, (2, 3), 4), variant="whisper_tiny", set={
        "words": 40, "length": 7, "frames": 20, "width": 16, "depth": 2, "decoder_depth": 3, "heads": 4,
    })  # fmt: skip


class Divided(nn.Module):
    """Attention over one axis of (N, T, P, C): the other one is part of the batch."""

    def __init__(self, width: int, heads: int, axis: int) -> None:
        super().__init__()
        self.norm, self.attention = nn.LayerNorm(width, 1e-6), nn.MultiheadAttention(width, heads, batch_first=True)
        self.more, self.axis = nn.Linear(width, width) if axis == 1 else nn.Identity(), axis

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x).movedim(self.axis, 2)
        rows = y.flatten(0, 1)
        rows = self.attention(rows, rows, rows, need_weights=False)[0]
        return x + self.more(rows.view(y.shape).movedim(2, self.axis))  # type: ignore[no-any-return]


class TimeSformer(nn.Module):
    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv3d(3, width, (1, 8, 8), (1, 8, 8))
        self.places, self.times = nn.Parameter(torch.randn(1, 6, width)), nn.Parameter(torch.randn(3, 1, width))
        self.layers = nn.ModuleList()
        for _ in range(depth):
            network = [nn.LayerNorm(width, 1e-6), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)]
            parts = [Divided(width, heads, 1), Divided(width, heads, 2), nn.Sequential(*network)]
            self.layers.append(nn.ModuleList(parts))
        self.norm, self.head = nn.LayerNorm(width, 1e-6), nn.Linear(width, 7)

    def forward(self, video: Tensor) -> Tensor:
        x = self.patches(video).flatten(3).permute(0, 2, 3, 1) + self.places + self.times
        for in_time, in_space, network in self.layers:  # type: ignore[misc]
            x = in_space(in_time(x))
            x = x + network(x)
        return self.head(self.norm(x.mean((1, 2))))  # type: ignore[no-any-return]


def test_timesformer_divides_time_and_space() -> None:
    agree("vision/timesformer", TimeSformer(16, 2, 4), set={
        "input": [3, 3, 16, 24], "patch": 8, "width": 16, "depth": 2, "heads": 4, "classes": 7,
    })  # fmt: skip
