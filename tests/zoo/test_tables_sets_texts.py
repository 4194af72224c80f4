"""Networks for rows of a table, sets of points and documents, and a small classifier; each is written by hand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec
from tests.zoo.agreement import SPECS, Residual, agree


def test_a_resnet_for_tables_is_the_papers() -> None:
    def block(width: int) -> Residual:
        hidden = 2 * width
        layers = nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.15), nn.Linear(hidden, width)
        return Residual(nn.BatchNorm1d(width), *layers)

    theirs = nn.Sequential(
        nn.Linear(8, 12), block(12), block(12), block(12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 1)
    )
    agree("tabular/tabular_resnet", theirs, set={"width": 12, "depth": 3})


class MAB(nn.Module):
    """Equations (6) and (7) of the paper, as the authors' code reads them: what is added are the mapped queries."""

    def __init__(self, queries: int, keys: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(before, width) for before in (queries, keys, keys))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        asked = self.query(x)
        q, k, v = (each.unflatten(-1, (self.heads, -1)).transpose(1, 2) for each in (asked, self.key(y), self.value(y)))
        read = (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1) @ v
        h = self.norm1(asked + read.transpose(1, 2).flatten(2))
        return self.norm2(h + self.out(h).relu())  # type: ignore[no-any-return]


class Induced(nn.Module):
    def __init__(self, before: int, width: int, heads: int, between: int) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.zeros(between, width))
        self.first, self.second = MAB(width, before, width, heads), MAB(before, width, width, heads)

    def forward(self, x: Tensor) -> Tensor:
        return self.second(x, self.first(self.points.expand(len(x), -1, -1), x))  # type: ignore[no-any-return]


class SetTransformer(nn.Module):
    def __init__(self, width: int, heads: int, between: int) -> None:
        super().__init__()
        self.read = nn.Sequential(Induced(3, width, heads, between), Induced(width, width, heads, between))
        self.seed, self.pool = nn.Parameter(torch.zeros(1, width)), MAB(width, width, width, heads)
        self.head = nn.Linear(width, 7)

    def forward(self, points: Tensor) -> Tensor:
        x = self.read(points)
        return self.head(self.pool(self.seed.expand(len(x), -1, -1), x).flatten(1))  # type: ignore[no-any-return]


def test_a_set_transformer_has_no_order() -> None:
    small = {"points": 20, "width": 16, "between": 5, "classes": 7}
    agree("tabular/set_transformer", SetTransformer(16, 4, 5), set=small)
    model = netspec.build(netspec.load(SPECS / "tabular" / "set_transformer.yaml", set=small)).eval()
    points = torch.randn(2, 20, 3)
    torch.testing.assert_close(model(points), model(points[:, torch.randperm(20)]))


class Weighed(nn.Module):
    """A GRU in both directions, and equations (5) to (7) of the paper: a context vector weighs what it says."""

    def __init__(self, before: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(before, hidden, bidirectional=True, batch_first=True)
        self.map, self.context = nn.Linear(2 * hidden, 2 * hidden), nn.Linear(2 * hidden, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h, _ = self.gru(x)
        shares = self.context(self.map(h).tanh()).softmax(1)
        return (shares * h).sum(1)


class HAN(nn.Module):
    def __init__(self, vocabulary: int, width: int, hidden: int) -> None:
        super().__init__()
        self.table, self.words = nn.Embedding(vocabulary, width), Weighed(width, hidden)
        self.sentences, self.head = Weighed(2 * hidden, hidden), nn.Linear(2 * hidden, 5)

    def forward(self, document: Tensor) -> Tensor:
        words = self.table(document)
        sentences = torch.stack([self.words(sentence) for sentence in words.unbind(1)], 1)
        return self.head(self.sentences(sentences))  # type: ignore[no-any-return]


def test_han_weighs_words_and_sentences() -> None:
    agree("language/han", HAN(50, 8, 6), set={
        "sentences": 4, "words": 9, "vocabulary": 50, "width": 8, "hidden": 6,
    })  # fmt: skip


class Conv(nn.Sequential):
    def __init__(self, before: int, after: int, kernel: int = 1, stride: int = 1) -> None:
        conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
        super().__init__(conv, nn.BatchNorm2d(after, 1e-3, 0.03), nn.SiLU())


class C2f(nn.Module):
    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        half = width // 2
        self.first, self.last = Conv(width, width), Conv(half * (depth + 2), width)
        self.steps = nn.ModuleList(Residual(Conv(half, half, 3), Conv(half, half, 3)) for _ in range(depth))

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.first(x).chunk(2, 1))
        for step in self.steps:
            parts.append(step(parts[-1]))
        return self.last(torch.cat(parts, 1))  # type: ignore[no-any-return]


class Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.adaptive_avg_pool2d(x, 1).flatten(1)


def test_yolov8n_says_a_class() -> None:
    body: list[nn.Module] = [Conv(3, 16, 3, 2)]
    for before, after, depth in ((16, 32, 1), (32, 64, 2), (64, 128, 2), (128, 256, 1)):
        body += [Conv(before, after, 3, 2), C2f(after, depth)]
    agree("vision/yolov8n_classifier", nn.Sequential(*body, Conv(256, 1280), Mean(), nn.Linear(1280, 1000)), set={
        "input": [3, 64, 64],
    })  # fmt: skip
