"""More families: small images, fields of light, graphs, differential equations; each is a module written by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

import netspec
from netspec.net import Net
from netspec.torch import verify
from tests.zoo import proof
from tests.zoo.agreement import SPECS, Apart, agree


class Residual(nn.Module):
    def __init__(self, *body: nn.Module, scale: float = 1) -> None:
        super().__init__()
        self.body, self.scale = nn.Sequential(*body), scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.scale * self.body(x)  # type: ignore[no-any-return]


def conv(before: int, after: int, kernel: int = 3) -> nn.Conv2d:
    return nn.Conv2d(before, after, kernel, 1, kernel // 2)


def test_edsr_adds_a_tenth_of_each_body() -> None:
    w = 6
    blocks = [Residual(conv(w, w), nn.ReLU(), conv(w, w), scale=0.1) for _ in range(3)]
    theirs = nn.Sequential(
        conv(3, w), Residual(*blocks, conv(w, w)), conv(w, 4 * w), nn.PixelShuffle(2), conv(w, 3)
    )  # fmt: skip
    agree("vision/edsr", theirs, variant="edsr_x2", set={"input": [3, 8, 8], "width": w, "depth": 3})


class Dense(nn.Module):
    """Five convolutions, each of all before it; a fifth of the last is added."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        widths = [*[growth] * 4, width]
        self.convolutions = nn.ModuleList([conv(width + i * growth, after) for i, after in enumerate(widths)])

    def forward(self, x: Tensor) -> Tensor:
        maps = [x]
        for convolution in self.convolutions:
            maps.append(nn.functional.leaky_relu(y := convolution(torch.cat(maps, 1)), 0.2))
        return x + 0.2 * y


def test_esrgan_adds_a_fifth_of_its_dense_blocks() -> None:
    w, act = 6, nn.LeakyReLU(0.2)
    blocks = [Residual(*(Dense(w, 4) for _ in range(3)), scale=0.2) for _ in range(2)]
    ups = [layer for _ in range(2) for layer in (nn.Upsample(scale_factor=2), conv(w, w), act)]
    theirs = nn.Sequential(conv(3, w), Residual(*blocks, conv(w, w)), *ups, conv(w, w), act, conv(w, 3))
    agree("vision/esrgan", theirs, set={"input": [3, 6, 6], "width": w, "growth": 4, "depth": 2})


def test_espcn_shuffles_channels_into_pixels() -> None:
    theirs = nn.Sequential(
        conv(1, 64, 5), nn.Tanh(), conv(64, 32), nn.Tanh(), conv(32, 9), nn.PixelShuffle(3)
    )  # fmt: skip
    agree("vision/espcn", theirs)


def test_srcnn_is_three_convolutions() -> None:
    for variant, middle in (("srcnn_915", 1), ("srcnn_955", 5)):
        theirs = nn.Sequential(conv(1, 64, 9), nn.ReLU(), conv(64, 32, middle), nn.ReLU(), conv(32, 1, 5))
        agree("vision/srcnn", theirs, variant=variant, set={"input": [1, 12, 12]})


class DeepLabV3(nn.Module):
    """torchvision's, with its tensors in place of a dictionary of them."""

    def __init__(self) -> None:
        super().__init__()
        with proof.no_initialisers():
            self.model = torchvision.models.segmentation.deeplabv3_resnet50(weights_backbone=None, aux_loss=True)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Its second head is for training, and runs for nothing after it."""
        return tuple(self.model(image).values())[: 2 if self.training else 1]

    def state_of(self, net: Net) -> dict[str, Tensor]:
        """Both list their parameters in the same order, once the head for training stands behind the third stage."""
        *stages, last = self.model.backbone.values()
        source = nn.Sequential(*stages, self.model.aux_classifier, last, self.model.classifier).state_dict()
        return dict(zip(netspec.build(net, device="meta").state_dict(), source.values(), strict=True))


@pytest.mark.slow
def test_deeplabv3_is_torchvisions() -> None:
    size: dict[str, Any] = {"input": [3, 64, 64]}
    reference = "torchvision: deeplabv3_resnet50"
    theirs = DeepLabV3()
    apart = Apart(macs=(151_339_008, "its head for training runs always"))
    how: dict[str, Any] = {"exact": True, "large": True, "carry": DeepLabV3.state_of, "apart": apart}
    agree("vision/deeplabv3", theirs, set=size, reference=reference, **how)
    net = netspec.load(SPECS / "vision" / "deeplabv3.yaml", set=size)
    model = netspec.build(net)
    theirs.float()
    model.load_state_dict(theirs.state_of(net))
    for module in (*model.modules(), *theirs.modules()):
        module.training = not isinstance(module, nn.Dropout)
    (image,) = verify.example(net, 2, torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, expected = model(image), theirs(image)
    assert torch.equal(found.output, expected[0])
    assert torch.equal(found.aux[0], expected[1])


class Sine(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(30 * x)


def test_siren_has_sines_and_begins_as_the_paper_says() -> None:
    theirs = nn.Sequential(
        nn.Linear(2, 16), Sine(), nn.Linear(16, 16), Sine(), nn.Linear(16, 16), Sine(), nn.Linear(16, 1)
    )  # fmt: skip
    agree("vision/siren", theirs, set={"width": 16, "depth": 2})
    first, second, *_ = (
        parameter
        for parameter in netspec.build(netspec.load(SPECS / "vision" / "siren.yaml")).parameters()
        if parameter.dim() == 2
    )
    assert 0.49 < first.abs().max() <= 0.5
    assert 0.9 < second.abs().max() / (math.sqrt(6 / 256) / 30) <= 1


class NeRF(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        place, direction = 3 + 2 * 3 * 10, 3 + 2 * 3 * 4
        befores = [place, width, width, width, width, width + place, width, width]
        self.layers = nn.ModuleList([nn.Linear(before, width) for before in befores])
        self.density, self.features = nn.Linear(width, 1), nn.Linear(width, width)
        self.view, self.colour = nn.Linear(width + direction, width // 2), nn.Linear(width // 2, 3)

    @staticmethod
    def encoded(x: Tensor, n: int) -> Tensor:
        return torch.cat([x, *(f(2**k * x) for k in range(n) for f in (torch.sin, torch.cos))], 1)

    def forward(self, place: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
        x = encoded = self.encoded(place, 10)
        for i, layer in enumerate(self.layers):
            x = layer(torch.cat([encoded, x], 1) if i == 5 else x).relu()
        density = self.density(x).relu()
        x = self.view(torch.cat([self.features(x), self.encoded(direction, 4)], 1)).relu()
        return self.colour(x).sigmoid(), density


def test_nerf_encodes_place_and_direction() -> None:
    agree("vision/nerf", NeRF(16), set={"width": 16})


class ODE(nn.Module):
    def __init__(self, size: int, hidden: int, steps: int) -> None:
        super().__init__()
        self.speed, self.steps = nn.Sequential(nn.Linear(size, hidden), nn.Tanh(), nn.Linear(hidden, size)), steps

    def forward(self, x: Tensor) -> Tensor:
        h = 1 / self.steps
        for _ in range(self.steps):
            a = self.speed(x)
            b = self.speed(x + h / 2 * a)
            c = self.speed(x + h / 2 * b)
            d = self.speed(x + h * c)
            x = x + h / 6 * (a + 2 * b + 2 * c + d)
        return x


def test_a_neural_ode_moves_by_one_network() -> None:
    agree("tabular/neural_ode", ODE(4, 8, 5), set={"size": 4, "hidden": 8, "steps": 5})


class GCN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(1433, 16, bias=False), nn.Linear(16, 7, bias=False)
        self.bias1, self.bias2 = nn.Parameter(torch.zeros(1, 16)), nn.Parameter(torch.zeros(1, 7))

    def forward(self, features: Tensor, adjacency: Tensor) -> Tensor:
        hidden = (adjacency @ self.first(features) + self.bias1).relu()
        return adjacency @ self.second(hidden) + self.bias2  # type: ignore[no-any-return]


def test_gcn_takes_any_graph() -> None:
    agree("tabular/gcn", GCN(), set={"nodes": 9})


class DistilBert(nn.Module):
    def __init__(self, words: int, length: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(words, width), nn.Parameter(torch.randn(1, length, width))
        self.norm = nn.LayerNorm(width, 1e-12)
        layers = (
            nn.TransformerEncoderLayer(width, heads, 4 * width, 0, "gelu", 1e-12, batch_first=True)
            for _ in range(depth)
        )
        self.layers = nn.ModuleList(layers)

    def forward(self, tokens: Tensor, mask: Tensor) -> Tensor:
        x = self.norm(self.words(tokens) + self.positions)
        for layer in self.layers:
            x = layer(x, src_key_padding_mask=~mask)
        return x  # type: ignore[no-any-return]


def test_distilbert_is_bert_without_segments() -> None:
    agree("language/distilbert", DistilBert(50, 9, 16, 2, 4), set={
        "words": 50, "length": 9, "width": 16, "depth": 2, "heads": 4,
    })  # fmt: skip


class SASRec(nn.Module):
    def __init__(self, items: int, length: int, width: int, depth: int) -> None:
        super().__init__()
        self.items, self.positions = nn.Embedding(items, width), nn.Parameter(torch.randn(1, length, width))
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2 * depth)])
        self.attentions = nn.ModuleList([nn.MultiheadAttention(width, 1, batch_first=True) for _ in range(depth)])
        self.networks = nn.ModuleList(
            [nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)) for _ in range(depth)]
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, items: Tensor) -> Tensor:
        x = self.items(items) * self.items.embedding_dim**0.5 + self.positions
        later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
        for i, (attention, network) in enumerate(zip(self.attentions, self.networks, strict=True)):
            y = self.norms[2 * i](x)
            x = x + attention(y, y, y, attn_mask=later, need_weights=False)[0]
            x = x + network(self.norms[2 * i + 1](x))
        return self.norm(x) @ self.items.weight.T  # type: ignore[no-any-return]


def test_sasrec_reads_its_items_twice() -> None:
    agree("language/sasrec", SASRec(30, 7, 8, 2), set={"items": 30, "length": 7, "width": 8})
