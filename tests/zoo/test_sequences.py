"""Families over sequences and tables, in `specs/audio`, `language` and `tabular`: each is a module written by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.agreement import Apart, agree


class WaveNet(nn.Module):
    def __init__(self, width: int, skip: int, dilations: list[int]) -> None:
        super().__init__()
        self.samples, self.dilations = nn.Embedding(9, width), dilations
        self.filters, self.gates, self.skips = (
            nn.ModuleList([nn.Conv1d(width, after, k, dilation=d if k == 2 else 1) for d in dilations])
            for after, k in ((width, 2), (width, 2), (skip, 1))
        )
        self.ons = nn.ModuleList([nn.Conv1d(width, width, 1) for _ in dilations[1:]])
        self.end = nn.Sequential(nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, 9, 1))

    def forward(self, samples: Tensor) -> Tensor:
        x, skipped = self.samples(samples).mT, torch.zeros(())
        for i, dilation in enumerate(self.dilations):
            past = F.pad(x, (dilation, 0))
            z = self.filters[i](past).tanh() * self.gates[i](past).sigmoid()
            skipped = skipped + self.skips[i](z)
            if i < len(self.ons):
                x = x + self.ons[i](z)
        return self.end(skipped)  # type: ignore[no-any-return]


def test_wavenet_adds_its_skips() -> None:
    agree("audio/wavenet", WaveNet(6, 8, [1, 2, 4, 1, 2, 4]), set={
        "levels": 9, "length": 20, "width": 6, "skip": 8, "dilations": 3, "stacks": 2,
    })  # fmt: skip


class ResBlock(nn.Module):
    def __init__(self, width: int, kernel: int, dilations: list[list[int]]) -> None:
        super().__init__()
        self.steps = nn.ModuleList(
            nn.ModuleList([nn.Conv1d(width, width, kernel, 1, (kernel - 1) * d // 2, d) for d in group])
            for group in dilations
        )

    def forward(self, x: Tensor) -> Tensor:
        for group in self.steps:
            y = x
            for conv in group:  # type: ignore[attr-defined]
                y = conv(F.leaky_relu(y, 0.1))
            x = x + y
        return x


class HiFiGAN(nn.Module):
    """Without weight norms, as the authors' `remove_weight_norm` leaves it."""

    def __init__(self, width: int, rates: list[int], kernels: list[int], dilations: list[list[int]]) -> None:
        super().__init__()
        self.first = nn.Conv1d(80, width, 7, 1, 3)
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        for rate in rates:
            width //= 2
            self.ups.append(nn.ConvTranspose1d(2 * width, width, 2 * rate, rate, rate // 2))
            self.blocks.append(nn.ModuleList([ResBlock(width, kernel, dilations) for kernel in kernels]))
        self.last = nn.Conv1d(width, 1, 7, 1, 3)

    def forward(self, mel: Tensor) -> Tensor:
        x = self.first(mel)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            x = up(F.leaky_relu(x, 0.1))
            x = sum(block(x) for block in blocks) / len(blocks)  # type: ignore[arg-type, misc, union-attr]
        return self.last(F.leaky_relu(x)).tanh()  # type: ignore[no-any-return]


@pytest.mark.slow
def test_hifigan_adds_receptive_fields() -> None:
    pairs = [[1, 1], [3, 1], [5, 1]]
    theirs = HiFiGAN(16, [8, 8, 2, 2], [3, 7, 11], pairs)
    agree("audio/hifigan_generator", theirs, variant="hifigan_v1", set={"width": 16, "frames": 4})
    third = HiFiGAN(16, [8, 8, 4], [3, 5, 7], [[1], [2]])
    agree("audio/hifigan_generator", third, variant="hifigan_v3", set={"width": 16, "frames": 4})


class Half(nn.Sequential):
    def __init__(self, width: int) -> None:
        super().__init__(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))


class ConformerLayer(nn.Module):
    def __init__(self, width: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.before, self.behind = Half(width), Half(width)
        self.norm1, self.attention = nn.LayerNorm(width), nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.convolution = nn.Sequential(
            nn.Conv1d(width, 2 * width, 1), nn.GLU(1), nn.Conv1d(width, width, kernel, 1, kernel // 2, groups=width),
            nn.BatchNorm1d(width), nn.SiLU(), nn.Conv1d(width, width, 1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        x = x + 0.5 * self.before(x)
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        x = x + self.convolution(self.norm2(x).mT).mT
        return self.norm3(x + 0.5 * self.behind(x))  # type: ignore[no-any-return]


class Conformer(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, kernel: int) -> None:
        super().__init__()
        self.sample = nn.Sequential(nn.Conv2d(1, width, 3, 2), nn.ReLU(), nn.Conv2d(width, width, 3, 2), nn.ReLU())
        self.widen = nn.Linear(width * 19, width)
        self.layers = nn.Sequential(*(ConformerLayer(width, heads, kernel) for _ in range(depth)))

    def forward(self, bands: Tensor) -> Tensor:
        x = self.sample(bands[:, None])
        return self.layers(self.widen(x.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]


def test_conformer_has_half_steps_around_attention_and_convolution() -> None:
    agree("audio/conformer", Conformer(8, 2, 2, 5), variant="conformer_m", set={
        "width": 8, "depth": 2, "heads": 2, "kernel": 5, "frames": 40,
    })  # fmt: skip


class Wav2Vec2(nn.Module):
    """The layers are torch's, with the norms behind."""

    def __init__(self, features: int, width: int, depth: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv1d(1, features, 10, 5, bias=False), nn.GroupNorm(features, features)
        self.convs = nn.ModuleList([nn.Conv1d(features, features, k, 2, bias=False) for k in (3, 3, 3, 3, 2, 2)])
        self.norm1, self.widen = nn.LayerNorm(features), nn.Linear(features, width)
        self.positions, self.norm2 = nn.Conv1d(width, width, 128, 1, 64, groups=16), nn.LayerNorm(width)
        self.layers = nn.Sequential(
            *(nn.TransformerEncoderLayer(width, heads, hidden, 0, "gelu", batch_first=True) for _ in range(depth))
        )

    def forward(self, wave: Tensor) -> Tensor:
        x = F.gelu(self.norm(self.first(wave[:, None])))
        for conv in self.convs:
            x = F.gelu(conv(x))
        x = self.widen(self.norm1(x.mT))
        x = x + F.gelu(self.positions(x.mT)[:, :, :-1]).mT
        return self.layers(self.norm2(x))  # type: ignore[no-any-return]


def test_wav2vec2_finds_positions_by_a_convolution() -> None:
    agree("audio/wav2vec2", Wav2Vec2(8, 32, 2, 4, 24), set={
        "features": 8, "width": 32, "depth": 2, "heads": 4, "hidden": 24, "samples": 1200,
    })  # fmt: skip


class Bert(nn.Module):
    """The layers are torch's, with the norms behind."""

    def __init__(self, words: int, length: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.words, self.segments = nn.Embedding(words, width), nn.Embedding(2, width)
        self.positions, self.norm = nn.Parameter(torch.randn(1, length, width)), nn.LayerNorm(width, 1e-12)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0, "gelu", 1e-12, batch_first=True)
            for _ in range(depth)
        )
        self.pool = nn.Linear(width, width)

    def forward(self, tokens: Tensor, segments: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x = self.norm(self.words(tokens) + self.positions + self.segments(segments))
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~mask)
        return x, self.pool(x[:, 0]).tanh()


def test_bert_gives_its_tokens_and_the_first_of_them_and_passes_padding_over() -> None:
    agree("language/bert", Bert(50, 9, 16, 2, 4), variant="bert_base", set={
        "words": 50, "length": 9, "width": 16, "depth": 2, "heads": 4,
    })  # fmt: skip


class TextCNN(nn.Module):
    def __init__(self, words: int, dim: int, filters: int) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(words, dim), nn.Linear(3 * filters, 2)
        self.convolutions = nn.ModuleList([nn.Conv1d(dim, filters, kernel) for kernel in (3, 4, 5)])

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens).mT
        return self.head(torch.cat([conv(x).relu().amax(2) for conv in self.convolutions], 1))  # type: ignore[no-any-return]


def test_text_cnn_takes_the_largest_of_each_filter() -> None:
    agree("language/text_cnn", TextCNN(50, 8, 6), set={"words": 50, "dim": 8, "filters": 6, "length": 12})


class NeuMF(nn.Module):
    def __init__(self, users: int, items: int) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(users, 8), nn.Embedding(items, 8)
        self.user2, self.item2 = nn.Embedding(users, 32), nn.Embedding(items, 32)
        self.deep = nn.Sequential(
            nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU()
        )
        self.score = nn.Linear(16, 1)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        product = self.user(user) * self.item(item)
        deep = self.deep(torch.cat([self.user2(user), self.item2(item)], 1))
        return self.score(torch.cat([product, deep], 1)).sigmoid()  # type: ignore[no-any-return]


def test_neumf_multiplies_beside_its_network() -> None:
    agree("tabular/neumf", NeuMF(20, 30), set={"users": 20, "items": 30})


class DeepFM(nn.Module):
    """Pair by pair, as the paper's equation 2 has it."""

    def __init__(self, values: int, dim: int, hidden: int) -> None:
        super().__init__()
        self.factors, self.first = nn.Parameter(torch.randn(3, 1)), nn.Embedding(values, 1)
        self.lengths, self.vectors = nn.Parameter(torch.randn(3, dim)), nn.Embedding(values, dim)
        widths = [(3 + 4) * dim, hidden, hidden, hidden]
        self.deep = nn.Sequential(
            *(layer for a, b in pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())), nn.Linear(hidden, 1)
        )

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        first = torch.cat([numbers[:, :, None] * self.factors, self.first(categories)], 1).sum(1)
        v = torch.cat([numbers[:, :, None] * self.lengths, self.vectors(categories)], 1)
        i, j = torch.triu_indices(v.shape[1], v.shape[1], 1)
        pairs = (v[:, i] * v[:, j]).sum((1, 2))[:, None]
        return self.deep(v.flatten(1)) + first + pairs  # type: ignore[no-any-return]


def test_deepfm_adds_all_pairs() -> None:
    agree("tabular/deepfm", DeepFM(40, 4, 12), set={
        "input": {"numbers": [3], "categories": [4, "int64"]}, "values": 40, "dim": 4, "hidden": 12,
    })  # fmt: skip


class FTLayer(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, *, first: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.Identity() if first else nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.up, self.down = nn.Linear(width, 2 * hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        a, b = self.up(self.norm2(x)).chunk(2, -1)
        return x + self.down(a * b.relu())  # type: ignore[no-any-return]


class FTTransformer(nn.Module):
    def __init__(self, width: int, depth: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(8, width)), nn.Parameter(torch.randn(8, width))
        self.categories, self.bias2 = nn.Embedding(20, width), nn.Parameter(torch.randn(3, width))
        self.token = nn.Parameter(torch.randn(1, width))
        self.layers = nn.Sequential(*(FTLayer(width, heads, hidden, first=i == 0) for i in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        x = numbers[:, :, None] * self.weight + self.bias
        x = torch.cat([x, self.categories(categories) + self.bias2, self.token.expand(len(x), 1, -1)], 1)
        return self.head(self.norm(self.layers(x)[:, -1]).relu())  # type: ignore[no-any-return]


def test_ft_transformer_reads_its_last_token() -> None:
    agree("tabular/ft_transformer", FTTransformer(16, 2, 4, 12), set={
        "width": 16, "depth": 2, "heads": 4, "hidden": 12, "values": 20,
    })  # fmt: skip


class Weighed(nn.Module):
    """Read in both directions; each place weighs what its vector and a learned one, `context`, say together."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width, hidden, bidirectional=True, batch_first=True)
        self.project, self.context = nn.Linear(2 * hidden, 2 * hidden), nn.Parameter(torch.randn(1, 2 * hidden))

    def forward(self, x: Tensor) -> Tensor:
        h = self.gru(x)[0]
        weights = (self.project(h).tanh() @ self.context[0]).softmax(1)
        return (weights[..., None] * h).sum(1)  # type: ignore[no-any-return]


class HAN(nn.Module):
    def __init__(self, vocabulary: int, embedding: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.words, self.head = nn.Embedding(vocabulary, embedding), nn.Linear(2 * hidden, classes)
        self.sentence, self.document = Weighed(embedding, hidden), Weighed(2 * hidden, hidden)

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words)
        sentences = self.sentence(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return self.head(self.document(sentences))  # type: ignore[no-any-return]


def test_han_weighs_words_and_then_sentences() -> None:
    apart = Apart(macs=(-960, "its scores and weighted sums are taken value by value, and summed"))
    agree("language/han", HAN(30, 8, 5, 4), apart=apart, set={
        "vocabulary": 30, "embedding": 8, "hidden": 5, "classes": 4, "sentences": 6, "words": 7,
    })  # fmt: skip
