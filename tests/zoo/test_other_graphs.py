"""More of `specs/graphs`: language models, recommenders, agents, points, series; each is the module written by hand.

The modules are written from the papers. Where that takes long a
smaller net is compared, and of the whole one its published size.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import netspec
from tests.zoo import agreement
from tests.zoo.agreement import Apart

SPECS = agreement.SPECS / "graphs"


def agree(name: str, theirs: nn.Module, exact: bool = True, **how: Any) -> None:
    """One of `specs/graphs`. `exact`: both add in the same order, so that the bits are equal."""
    agreement.agree(f"graphs/{name}", theirs, exact=exact, **how)


class TiedLSTM(nn.Module):
    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.encoder = nn.Embedding(words, width)
        self.lstm = nn.LSTM(width, width, 2, batch_first=True)
        self.decoder = nn.Linear(width, words)
        self.decoder.weight = self.encoder.weight

    def forward(self, tokens: Tensor) -> Tensor:
        return self.decoder(self.lstm(self.encoder(tokens))[0])  # type: ignore[no-any-return]


@pytest.mark.slow
def test_the_tied_language_model_saves_its_output_embedding() -> None:
    agree("tied_lstm", TiedLSTM(500, 200), variant="small", set={"words": 500})
    assert round(netspec.load(SPECS / "tied_lstm.yaml").params / 1e6) == 51


class Albert(nn.Module):
    """Both heads of pretraining. Queries, keys and values are rows of one matrix."""

    def __init__(self, words: int, length: int) -> None:
        super().__init__()
        self.words, self.segments = nn.Embedding(words, 128), nn.Embedding(2, 128)
        self.positions = nn.Parameter(torch.randn(1, length, 128))
        self.norm, self.widen = nn.LayerNorm(128, 1e-12), nn.Linear(128, 768)
        self.qkv, self.out = nn.Linear(768, 3 * 768), nn.Linear(768, 768)
        self.norm1, self.norm2 = nn.LayerNorm(768, 1e-12), nn.LayerNorm(768, 1e-12)
        self.up, self.down = nn.Linear(768, 3072), nn.Linear(3072, 768)
        self.dense, self.dense_norm, self.decoder = nn.Linear(768, 128), nn.LayerNorm(128, 1e-12), nn.Linear(128, words)
        self.decoder.weight = self.words.weight
        self.pool, self.order = nn.Linear(768, 768), nn.Linear(768, 2)

    def attention(self, x: Tensor, mask: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (12, 64)).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        scores = (q @ k.transpose(-1, -2) / 8).masked_fill(~mask[:, None, None], -torch.inf)
        weights = scores.softmax(-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]

    def forward(self, tokens: Tensor, segments: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x = self.widen(self.norm(self.words(tokens) + self.positions + self.segments(segments)))
        for _ in range(12):
            x = self.norm1(x + self.attention(x, mask))
            x = self.norm2(x + self.down(F.gelu(self.up(x), approximate="tanh")))
        masked = self.decoder(self.dense_norm(F.gelu(self.dense(x), approximate="tanh")))
        return masked, self.order(self.pool(x[:, 0]).tanh())


@pytest.mark.slow
def test_albert_is_one_layer_twelve_times() -> None:
    agree("albert", Albert(300, 16), exact=False, set={"words": 300, "length": 16})
    huggingface = 11_683_584 + (128 * 768 + 128) + 2 * 128 + 30_000 + (2 * 768 + 2)  # AlbertModel, and the two heads
    assert netspec.load(SPECS / "albert.yaml").params == huggingface


class Siamese(nn.Module):
    def __init__(self, flat: int, features: int) -> None:
        super().__init__()
        self.tower = nn.Sequential(
            nn.Conv2d(1, 64, 10), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(64, 128, 7), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(128, 128, 4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(128, 256, 4), nn.ReLU(),
            nn.Flatten(), nn.Linear(flat, features), nn.Sigmoid(),
        )  # fmt: skip
        self.score = nn.Linear(features, 1)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.score((self.tower(left) - self.tower(right)).abs()).sigmoid()  # type: ignore[no-any-return]


def test_the_siamese_network_has_one_tower() -> None:
    agree("siamese", Siamese(256 * 2 * 2, 128), set={"size": 73, "features": 128})
    with torch.device("meta"):
        published = sum(parameter.numel() for parameter in Siamese(256 * 6 * 6, 4096).parameters())
    assert netspec.load(SPECS / "siamese.yaml").params == published == 38_951_745


class TwoTower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.items, self.countries = nn.Embedding(5000, 32), nn.Embedding(100, 32)
        self.query, self.candidate = (
            nn.Sequential(nn.Linear(width, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 32))
            for width in (32 + 32 + 8, 32 + 16)
        )

    def forward(
        self, history: Tensor, country: Tensor, context: Tensor, item: Tensor, features: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        query = self.query(torch.cat([self.items(history).mean(1), self.countries(country), context], 1))
        candidate = self.candidate(torch.cat([self.items(item), features], 1))
        query, candidate = F.normalize(query), F.normalize(candidate)
        return (query * candidate).sum(1) / 0.05, query, candidate


def test_two_towers_read_one_table() -> None:
    apart = Apart(macs=(-32, "its product of two vectors is one of elements, which are not counted"))
    agree("two_tower", TwoTower(), exact=False, apart=apart)


class DLRM(nn.Module):
    """As the authors' code has it: the products below the diagonal, row by row."""

    def __init__(self, sizes: list[int]) -> None:
        super().__init__()
        self.bottom = nn.Sequential(
            nn.Linear(13, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 64), nn.ReLU(),
            nn.Linear(64, 16), nn.ReLU(),
        )  # fmt: skip
        self.tables = nn.ModuleList([nn.Embedding(size, 16) for size in sizes])
        self.sites = nn.EmbeddingBag(50, 16, mode="sum")
        self.pairs = torch.tril_indices(len(sizes) + 2, len(sizes) + 2, -1).unbind()
        self.top = nn.Sequential(
            nn.Linear(16 + len(self.pairs[0]), 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 1),
            nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, dense: Tensor, categories: Tensor, visited: Tensor) -> Tensor:
        x = self.bottom(dense)
        embedded = [table(column) for table, column in zip(self.tables, categories.unbind(1), strict=True)]
        vectors = torch.stack([x, *embedded, self.sites(visited)], 1)
        products = torch.bmm(vectors, vectors.transpose(1, 2))
        return self.top(torch.cat([x, products[:, self.pairs[0], self.pairs[1]]], 1))  # type: ignore[no-any-return]


def test_dlrm_multiplies_all_pairs() -> None:
    sizes = list(range(20, 46))
    agree("dlrm", DLRM(sizes), exact=False, set={"sizes": sizes, "sites": 50})
    tables = [leaf.params for leaf in netspec.load(SPECS / "dlrm.yaml").layers if leaf.type == "Embedding"]
    assert round(sum(tables) / 1e6) == 540


class CrossNetwork(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(1000, 16)
        width = 13 + 26 * 16
        self.crosses = nn.ModuleList([nn.Linear(width, width) for _ in range(3)])
        self.deep = nn.Sequential(nn.Linear(width, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU())
        self.score = nn.Linear(width + 256, 1)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        x0 = x = torch.cat([numbers, self.embedding(categories).flatten(1)], 1)
        for cross in self.crosses:
            x = x0 * cross(x) + x
        return self.score(torch.cat([x, self.deep(x0)], 1))  # type: ignore[no-any-return]


def test_the_cross_network_multiplies_by_its_input() -> None:
    agree("dcn_v2", CrossNetwork())


class Dueling(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(4, 32, 8, 4), nn.ReLU(), nn.Conv2d(32, 64, 4, 2), nn.ReLU(), nn.Conv2d(64, 64, 3), nn.ReLU(),
            nn.Flatten(),
        )  # fmt: skip
        self.value = nn.Sequential(nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 1))
        self.advantage = nn.Sequential(nn.Linear(3136, 512), nn.ReLU(), nn.Linear(512, 18))

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        value, advantage = self.value(x), self.advantage(x)
        return value + (advantage - advantage.mean(1, keepdim=True))  # type: ignore[no-any-return]


def test_the_dueling_network_adds_value_and_centred_advantage() -> None:
    agree("dueling_dqn", Dueling())


class SACActor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(17, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU())
        self.mean, self.log_std = nn.Linear(256, 6), nn.Linear(256, 6)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.body(x)
        return self.mean(x), self.log_std(x).clamp(-20, 2)


def test_the_actor_clamps_its_log_std() -> None:
    actor = SACActor()
    nn.init.normal_(actor.log_std.weight, std=100)
    agree("sac_actor", actor, filled=False)


def dense(before: int, widths: list[int]) -> nn.Sequential:
    pairs = zip([before, *widths], widths, strict=False)
    return nn.Sequential(*(nn.Sequential(nn.Linear(a, b), nn.BatchNorm1d(b), nn.ReLU()) for a, b in pairs))


def pointwise(before: int, widths: list[int]) -> nn.Sequential:
    pairs = zip([before, *widths], widths, strict=False)
    return nn.Sequential(*(nn.Sequential(nn.Conv1d(a, b, 1), nn.BatchNorm1d(b), nn.ReLU()) for a, b in pairs))


class Transform(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.points, self.all = pointwise(width, [64, 128, 1024]), dense(1024, [512, 256])
        self.matrix = nn.Linear(256, width * width)
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        matrix = self.matrix(self.all(self.points(x).amax(2))).view(-1, self.width, self.width) + torch.eye(self.width)
        return torch.bmm(x.transpose(1, 2), matrix).transpose(1, 2)


class PointNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            Transform(3), pointwise(3, [64, 64]), Transform(64), pointwise(64, [64, 128, 1024])
        )
        self.classes = nn.Sequential(dense(1024, [512]), nn.Dropout(0.3), dense(512, [256]), nn.Dropout(0.3))
        self.score = nn.Linear(256, 40)

    def forward(self, points: Tensor) -> Tensor:
        return self.score(self.classes(self.features(points.transpose(1, 2)).amax(2)))  # type: ignore[no-any-return]


def test_pointnet_transforms_its_points() -> None:
    agree("pointnet", PointNet(), exact=False, set={"points": 16})
    assert round(netspec.load(SPECS / "pointnet.yaml").params / 1e6, 1) == 3.5


class NBeatsBlock(nn.Module):
    def __init__(self, lookback: int, horizon: int, width: int) -> None:
        super().__init__()
        layers = [nn.Sequential(nn.Linear(width if i else lookback, width), nn.ReLU()) for i in range(4)]
        self.hidden = nn.Sequential(*layers)
        self.theta_b, self.theta_f = nn.Linear(width, 32, bias=False), nn.Linear(width, 32, bias=False)
        self.backcast, self.forecast = nn.Linear(32, lookback), nn.Linear(32, horizon)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        hidden = self.hidden(x)
        return self.backcast(self.theta_b(hidden)), self.forecast(self.theta_f(hidden))


class NBeats(nn.Module):
    def __init__(self, lookback: int, horizon: int, width: int, depth: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([NBeatsBlock(lookback, horizon, width) for _ in range(depth)])
        self.horizon = horizon

    def forward(self, series: Tensor) -> Tensor:
        forecast = series.new_zeros(len(series), self.horizon)
        for block in self.blocks:
            explained, expected = block(series)
            series, forecast = series - explained, forecast + expected
        return forecast


def test_nbeats_subtracts_and_adds() -> None:
    agree("nbeats", NBeats(90, 18, 64, 5), set={"width": 64, "depth": 5})


class VAE(nn.Module):
    """As PyTorch's examples have it."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc21, self.fc22 = nn.Linear(784, 400), nn.Linear(400, 20), nn.Linear(400, 20)
        self.fc3, self.fc4 = nn.Linear(20, 400), nn.Linear(400, 784)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        hidden = self.fc1(image.view(-1, 784)).relu()
        mu, logvar = self.fc21(hidden), self.fc22(hidden)
        z = mu + torch.randn_like(mu) * torch.exp(0.5 * logvar) if self.training else mu
        return self.fc4(self.fc3(z).relu()).sigmoid().view_as(image), mu, logvar


def test_the_vae_has_three_outputs() -> None:
    agree("vae", VAE())
    net = netspec.load(SPECS / "vae.yaml")
    assert net.params == 652_824
    model, reference = netspec.build(net, seed=0), VAE()
    reference.load_state_dict(dict(zip(reference.state_dict(), model.state_dict().values(), strict=True)))
    image = torch.rand(3, 1, 28, 28)
    drawn: list[tuple[Tensor, ...]] = []
    for forward in (model, reference):  # the same noise in training
        torch.manual_seed(1)
        drawn.append(tuple(forward(image)))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*drawn, strict=True))


class Highway(nn.Module):
    def __init__(self, depth: int) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(784, 50), nn.Linear(50, 10)
        self.layers = nn.ModuleList([nn.ModuleList([nn.Linear(50, 50), nn.Linear(50, 50)]) for _ in range(depth - 1)])

    def forward(self, image: Tensor) -> Tensor:
        x = self.first(image.flatten(1)).tanh()
        for plain, gate in self.layers:  # type: ignore[misc]
            h, t = plain(x).tanh(), gate(x).sigmoid()
            x = h * t + x * (1 - t)
        return self.last(x)  # type: ignore[no-any-return]


def test_the_highway_network_gates_each_layer() -> None:
    agree("highway", Highway(10), set={"depth": 10})
    model = netspec.build(netspec.load(SPECS / "highway.yaml"))
    assert sum(bool((parameter == -4).all()) for parameter in model.parameters()) == 49


class Modulated(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(130, 128, 1), nn.Conv2d(128, 128, 3, padding=1)
        self.norm = nn.BatchNorm2d(128, affine=False)

    def forward(self, x: Tensor, gamma: Tensor, beta: Tensor, coordinates: Tensor) -> Tensor:
        x = self.conv1(torch.cat([x, coordinates], 1)).relu()
        modulated = self.norm(self.conv2(x)) * (1 + gamma)[:, :, None, None] + beta[:, :, None, None]
        return x + modulated.relu()  # type: ignore[no-any-return]


class FiLM(nn.Module):
    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.words, self.gru = nn.Embedding(93, 200), nn.GRU(200, hidden, batch_first=True)
        self.parameters_of = nn.Linear(hidden, 4 * 2 * 128)
        self.stem = nn.Sequential(nn.Conv2d(1026, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU())
        self.blocks = nn.ModuleList([Modulated() for _ in range(4)])
        self.widen = nn.Sequential(nn.Conv2d(130, 512, 1), nn.BatchNorm2d(512), nn.ReLU())
        self.answer = nn.Sequential(nn.Linear(512, 1024), nn.ReLU(), nn.Linear(1024, 28))

    def forward(self, image: Tensor, question: Tensor, coordinates: Tensor) -> Tensor:
        said = self.parameters_of(self.gru(self.words(question))[1][-1]).chunk(8, 1)
        x = self.stem(torch.cat([image, coordinates], 1))
        for i, block in enumerate(self.blocks):
            x = block(x, said[2 * i], said[2 * i + 1], coordinates)
        x = self.widen(torch.cat([x, coordinates], 1))
        return self.answer(x.amax((2, 3)))  # type: ignore[no-any-return]


def test_film_modulates_its_blocks() -> None:
    agree("film", FiLM(64), exact=False, set={"hidden": 64, "length": 7})


class Encoder(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(width, eps=1e-6)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.hidden, self.out = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.out(F.gelu(self.hidden(self.norm2(x))))  # type: ignore[no-any-return]


class DeiT(nn.Module):
    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.token, self.teacher = nn.Parameter(torch.randn(1, width)), nn.Parameter(torch.randn(1, width))
        self.positions = nn.Parameter(torch.randn(14 * 14 + 2, width))
        self.encoders = nn.Sequential(*[Encoder(width, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head, self.teachers_head = nn.Linear(width, 1000), nn.Linear(width, 1000)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = self.patches(images).flatten(2).transpose(1, 2)
        tokens = [token.expand(len(x), 1, -1) for token in (self.token, self.teacher)]
        x = self.norm(self.encoders(torch.cat([*tokens, x], 1) + self.positions))
        return self.head(x[:, 0]), self.teachers_head(x[:, 1])


def test_deit_learns_two_tokens_and_the_positions() -> None:
    assert netspec.load(SPECS / "deit.yaml").params == 5_910_800
    agree("deit", DeiT(48, 2, 3), exact=False, set={"width": 48, "depth": 2})
