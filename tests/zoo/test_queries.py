"""Networks whose learned queries look up what they need; each is a module written by hand from its paper."""

from __future__ import annotations

import math

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
        y, x = (torch.tensor(2 * math.pi) * t.double() / (n + 1e-6) for t, n in ((y, h), (x, w)))
        speeds = 10000 ** (2 * (torch.arange(width // 2) // 2).double() / (width // 2))
        halves = []
        for t in (y, x):
            angles = t.float().double()[..., None] * (1 / speeds).float().double()  # so far a spec's tables go
            halves.append(torch.stack([angles[..., 0::2].sin(), angles[..., 1::2].cos()], 3).flatten(2))
        return torch.cat(halves, 2)

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


def test_detr_finds_objects_by_learned_queries() -> None:
    agree("vision/detr", DETR([1, 1, 1, 1], 16, 24, 4, 2, 5), variant="detr_r50", set={
        "input": [3, 64, 96], "depths": [1, 1, 1, 1], "width": 16, "hidden": 24, "heads": 4, "depth": 2, "objects": 5,
    })  # fmt: skip


def test_the_stem_and_the_norms_of_detr_do_not_learn() -> None:
    nets = [netspec.load(SPECS / "vision/detr.yaml", variant=variant) for variant in ("detr_r50", "detr_r101")]
    assert [net.trainable_params for net in nets] == [41_302_368, 60_242_272]
