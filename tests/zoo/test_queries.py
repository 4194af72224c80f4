"""Networks whose learned queries look up what they need; each is a module written by hand from its paper."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck, ResNet

import netspec
from tests.zoo.agreement import SPECS, agree


class Attention(nn.Module):
    """Attention written out, in heads of (N, L, width)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q, k, v = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for y in (self.query(query), self.key(key), self.value(value))
        )
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class DETRLayer(nn.Module):
    """Places are added to queries and keys, not to values; norms stand behind."""

    def __init__(self, width: int, heads: int, hidden: int, *, decodes: bool = False) -> None:
        super().__init__()
        self.itself, self.norm1 = Attention(width, heads), nn.LayerNorm(width)
        if decodes:
            self.image, self.norm2 = Attention(width, heads), nn.LayerNorm(width)
        self.up, self.down, self.norm3 = nn.Linear(width, hidden), nn.Linear(hidden, width), nn.LayerNorm(width)

    def forward(self, x: Tensor, own: Tensor, memory: Tensor | None = None, places: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.itself(x + own, x + own, x))
        if memory is not None:
            x = self.norm2(x + self.image(x + own, memory + places, memory))
        return self.norm3(x + self.down(self.up(x).relu()))  # type: ignore[no-any-return]


class DETR(nn.Module):
    def __init__(self, depths: list[int], width: int, hidden: int, heads: int, depth: int, objects: int) -> None:
        super().__init__()
        resnet = ResNet(Bottleneck, depths)
        self.backbone = nn.Sequential(*[*resnet.children()][:-2])
        self.project, self.queries = nn.Conv2d(2048, width, 1), nn.Parameter(torch.randn(objects, width))
        self.encoder = nn.ModuleList(DETRLayer(width, heads, hidden) for _ in range(depth))
        self.decoder = nn.ModuleList(DETRLayer(width, heads, hidden, decodes=True) for _ in range(depth))
        self.norm, self.classes = nn.LayerNorm(width), nn.Linear(width, 92)
        self.boxes = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 4), nn.Sigmoid()
        )

    @staticmethod
    def places(h: int, w: int, width: int) -> Tensor:
        """(h, w, width), as the authors' `PositionEmbeddingSine` has it of a mask that hides nothing."""
        y, x = torch.meshgrid(torch.arange(1.0, h + 1), torch.arange(1.0, w + 1), indexing="ij")
        y, x = (2 * math.pi * t.double() / (n + 1e-6) for t, n in ((y, h), (x, w)))
        speeds = 10000 ** (2 * (torch.arange(width // 2) // 2).double() / (width // 2))
        halves = []
        for t in (y, x):
            angles = t[..., None] / speeds
            halves.append(torch.stack([angles[..., 0::2].sin(), angles[..., 1::2].cos()], 3).flatten(2))
        return torch.cat(halves, 2).float()  # rounded once

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = self.project(self.backbone(image))
        places = self.places(*x.shape[2:], x.shape[1]).flatten(0, 1).to(x)
        x = x.flatten(2).mT
        for layer in self.encoder:
            x = layer(x, places)
        y, seen = torch.zeros_like(self.queries).expand(len(x), -1, -1), []
        for layer in self.decoder:
            y = layer(y, self.queries, x, places)
            seen.append(y)
        z = self.norm(torch.stack(seen, 1))
        return self.classes(z), self.boxes(z)


@pytest.mark.slow
def test_detr_finds_objects_by_learned_queries() -> None:
    agree("vision/detr", DETR([1, 1, 1, 1], 16, 24, 4, 2, 5), variant="detr_r50", set={
        "input": [3, 64, 96], "depths": [1, 1, 1, 1], "width": 16, "hidden": 24, "heads": 4, "depth": 2, "objects": 5,
    })  # fmt: skip


def test_the_stem_and_the_norms_of_detr_do_not_learn() -> None:
    nets = [netspec.load(SPECS / "vision/detr.yaml", variant=variant) for variant in ("detr_r50", "detr_r101")]
    assert [net.trainable_params for net in nets] == [41_302_368, 60_242_272]


class MAB(nn.Module):
    """As the authors' code has it: the projected queries are added too, and scores are divided by √width."""

    def __init__(self, before: int, of: int, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.query = heads, nn.Linear(before, width)
        self.key, self.value, self.out = nn.Linear(of, width), nn.Linear(of, width), nn.Linear(width, width)

    def forward(self, x: Tensor, of: Tensor) -> Tensor:
        q, k, v = self.query(x), self.key(of), self.value(of)
        q_, k_, v_ = (torch.cat(y.chunk(self.heads, 2), 0) for y in (q, k, v))  # heads beside the batch
        weights = (q_ @ k_.mT / q.shape[-1] ** 0.5).softmax(2)
        y = torch.cat((q_ + weights @ v_).chunk(self.heads, 0), 2)
        return y + self.out(y).relu()  # type: ignore[no-any-return]


class SetTransformer(nn.Module):
    def __init__(self, width: int, heads: int, inducing: int, clusters: int) -> None:
        super().__init__()
        self.points = nn.ParameterList(nn.Parameter(torch.randn(inducing, width)) for _ in range(2))
        self.there = nn.ModuleList(MAB(width, before, width, heads) for before in (2, width))
        self.back = nn.ModuleList(MAB(before, width, width, heads) for before in (2, width))
        self.seeds, self.pool = nn.Parameter(torch.randn(clusters, width)), MAB(width, width, width, heads)
        self.last = nn.ModuleList(MAB(width, width, width, heads) for _ in range(2))
        self.head = nn.Linear(width, 5)

    def forward(self, x: Tensor) -> Tensor:
        for points, there, back in zip(self.points, self.there, self.back, strict=True):
            x = back(x, there(points.expand(len(x), -1, -1), x))
        x = self.pool(self.seeds.expand(len(x), -1, -1), x)
        for block in self.last:
            x = block(x, x)
        return self.head(x)  # type: ignore[no-any-return]


def test_the_set_transformer_looks_at_points_by_learned_ones() -> None:
    agree("graphs/set_transformer", SetTransformer(16, 4, 6, 3), set={
        "points": 20, "width": 16, "inducing": 6, "clusters": 3,
    })  # fmt: skip


class LookUp(nn.Module):
    """Queries of one width, keys and values of another, in which they are compared."""

    def __init__(self, width: int, size: int, heads: int) -> None:
        super().__init__()
        self.heads, self.norm1, self.norm2 = heads, nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.out = nn.Linear(width, size), nn.Linear(size, width)
        self.key, self.value = nn.Linear(size, size), nn.Linear(size, size)
        self.network = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, x: Tensor, of: Tensor | None = None) -> Tensor:
        y = self.norm1(x)
        of = y if of is None else of
        q, k, v = (
            z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in (self.query(y), self.key(of), self.value(of))
        )
        weights = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1)
        x = x + self.out((weights @ v).transpose(1, 2).flatten(2))
        return x + self.network(self.norm2(x))  # type: ignore[no-any-return]


class PerceiverIO(nn.Module):
    def __init__(self, bands: int, latents: int, dim: int, depth: int, rounds: int, heads: int) -> None:
        super().__init__()
        size = 3 + 2 * (2 * bands + 1)
        self.bands, self.rounds, self.of_pixels = bands, rounds, nn.LayerNorm(size)
        self.latents, self.first = nn.Parameter(torch.randn(latents, dim)), LookUp(dim, size, 1)
        self.layers = nn.Sequential(*(LookUp(dim, dim, heads) for _ in range(depth)))
        self.of_latents, self.asks = nn.LayerNorm(dim), nn.Parameter(torch.randn(1, dim))
        self.last, self.head = LookUp(dim, dim, 1), nn.Linear(dim, 7)

    def places(self, h: int, w: int) -> Tensor:
        """(h · w, 2 + 4 · bands), in single precision, as a spec's tables are."""
        places = torch.cartesian_prod(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w)).double()
        speeds = [torch.linspace(1, n / 2, self.bands, dtype=torch.float64) * math.pi for n in (h, w)]
        angles = [places[:, i, None] * speeds[i].float().double() for i in range(2)]
        return torch.cat([places, *(y.sin() for y in angles), *(y.cos() for y in angles)], 1)

    def forward(self, image: Tensor) -> Tensor:
        places = self.places(*image.shape[2:]).to(image)
        pixels = self.of_pixels(torch.cat([image.flatten(2).mT, places.expand(len(image), -1, -1)], 2))
        x = self.first(self.latents.expand(len(image), -1, -1), pixels)
        for _ in range(self.rounds):
            x = self.layers(x)
        seen = self.of_latents(x)
        y = self.last(self.asks.expand(len(image), -1, -1), seen)
        return self.head(y[:, 0])  # type: ignore[no-any-return]


@pytest.mark.slow
def test_perceiver_io_looks_at_pixels_once_and_at_itself_again_and_again() -> None:
    agree("vision/perceiver_io", PerceiverIO(4, 6, 16, 2, 3, 4), set={
        "height": 9, "width": 5, "bands": 4, "latents": 6, "dim": 16, "depth": 2, "rounds": 3, "heads": 4, "classes": 7,
    })  # fmt: skip
