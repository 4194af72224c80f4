"""Convolutional families of `specs/vision`, and LeViT: small ones are modules written by hand from their papers."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.agreement import Residual, agree


def conv_bn(before: int, after: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after))


def head(width: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 7)]


def test_darknet_is_the_papers() -> None:
    def conv(before: int, after: int, kernel: int, stride: int = 1) -> nn.Sequential:
        return nn.Sequential(conv_bn(before, after, kernel, stride), nn.LeakyReLU(0.1))

    layers: list[nn.Module] = [conv(3, 32, 3)]
    for width, depth in ((64, 1), (128, 2), (256, 1)):
        layers.append(conv(width // 2, width, 3, 2))
        layers += [Residual(conv(width, width // 2, 1), conv(width // 2, width, 3)) for _ in range(depth)]
    agree("vision/darknet53", nn.Sequential(*layers, *head(256)), set={
        "input": [3, 32, 32], "depths": [1, 2, 1], "classes": 7,
    })  # fmt: skip


class RepVGGBlock(nn.Module):
    def __init__(self, before: int, after: int, stride: int, groups: int) -> None:
        super().__init__()
        self.identity = nn.BatchNorm2d(after) if before == after and stride == 1 else None
        self.small, self.large = (conv_bn(before, after, kernel, stride, groups) for kernel in (1, 3))

    def forward(self, x: Tensor) -> Tensor:
        same = self.identity(x) if self.identity is not None else 0
        return F.relu(same + self.small(x) + self.large(x))


def test_repvgg_adds_three_branches() -> None:
    """Groups in each second layer: the second, the fourth, … behind the stem."""
    layers, before, number = [RepVGGBlock(3, 8, 2, 1)], 8, 0
    for width, depth in ((8, 2), (12, 3), (16, 1)):
        for j in range(depth):
            layers.append(RepVGGBlock(before, width, 2 if j == 0 else 1, 4 if number % 2 else 1))
            before, number = width, number + 1
    agree("vision/repvgg", nn.Sequential(*layers, *head(16)), variant="repvgg_b1g4", set={
        "input": [3, 32, 32], "depths": [2, 3, 1], "widths": [8, 12, 16], "classes": 7,
    })  # fmt: skip


class SqueezeExcite(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce, self.expand = nn.Conv2d(width, width // 16, 1), nn.Conv2d(width // 16, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.expand(self.reduce(x.mean((2, 3), keepdim=True)).relu()).sigmoid()  # type: ignore[no-any-return]


class CBAM(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduce, self.expand = (
            nn.Conv2d(a, b, 1, bias=False) for a, b in ((width, width // 16), (width // 16, width))
        )
        self.places = conv_bn(2, 1, 7)

    def forward(self, x: Tensor) -> Tensor:
        mean, largest = (
            self.expand(self.reduce(y).relu()) for y in (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        )
        x = x * (mean + largest).sigmoid()
        return x * self.places(torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)).sigmoid()


class Bottleneck(nn.Module):
    def __init__(self, before: int, width: int, stride: int, mid: int, groups: int, last: type[nn.Module]) -> None:
        super().__init__()
        self.body = nn.Sequential(
            conv_bn(before, mid), nn.ReLU(), conv_bn(mid, mid, 3, stride, groups), nn.ReLU(), conv_bn(mid, 4 * width),
            last(4 * width),
        )  # fmt: skip
        self.shortcut = nn.Identity() if before == 4 * width else conv_bn(before, 4 * width, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def resnet(last: type[nn.Module], mid: int, groups: int) -> nn.Sequential:
    """Of two stages; `mid` for each 64 channels."""
    layers = [conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    layers += [Bottleneck(64, 64, 1, mid, groups, last), Bottleneck(256, 64, 1, mid, groups, last)]
    return nn.Sequential(*layers, Bottleneck(256, 128, 2, 2 * mid, groups, last), *head(512))


RESNET = {"input": [3, 32, 32], "depths": [2, 1], "classes": 7}


def test_senet_squeezes_and_excites() -> None:
    agree("vision/senet", resnet(SqueezeExcite, 64, 1), variant="seresnet50", set=RESNET)
    agree("vision/senet", resnet(SqueezeExcite, 128, 32), variant="seresnext50_32x4d", set=RESNET)


def test_cbam_weighs_channels_and_places() -> None:
    agree("vision/cbam", resnet(CBAM, 64, 1), set=RESNET)


class ConvNeXtV2Block(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(width, width, 7, 1, 3, groups=width), nn.LayerNorm(width, 1e-6)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.gamma, self.beta = nn.Parameter(torch.zeros(4 * width)), nn.Parameter(torch.zeros(1, 1, 4 * width))

    def forward(self, x: Tensor) -> Tensor:
        y = F.gelu(self.up(self.norm(self.depthwise(x).permute(0, 2, 3, 1))))
        norms = y.norm(p=2, dim=(1, 2), keepdim=True)
        y = self.gamma * (y * (norms / (norms.mean(-1, keepdim=True) + 1e-6))) + self.beta + y
        return x + self.down(y).permute(0, 3, 1, 2)  # type: ignore[no-any-return]


class OfChannels(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_convnextv2_normalises_responses() -> None:
    theirs = nn.Sequential(
        nn.Conv2d(3, 8, 4, 4), OfChannels(8, 1e-6), ConvNeXtV2Block(8), ConvNeXtV2Block(8),
        OfChannels(8, 1e-6), nn.Conv2d(8, 16, 2, 2), ConvNeXtV2Block(16),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(16, 1e-6), nn.Linear(16, 7),
    )  # fmt: skip
    agree("vision/convnextv2", theirs, variant="convnextv2_tiny", set={
        "input": [3, 32, 32], "width": 8, "depths": [2, 1], "classes": 7,
    })  # fmt: skip


class LeViTAttention(nn.Module):
    """`before` × `before` places; with a stride every second one asks. The bias of a pair is that of its distance."""

    def __init__(self, width: int, out: int, heads: int, before: int, stride: int) -> None:
        super().__init__()
        self.heads, self.stride, values = heads, stride, 4 if stride == 2 else 2
        self.sizes = [4, 4 * values] if stride == 2 else [4, 4, 4 * values]
        self.rows = conv_bn(width, heads * sum(self.sizes))
        self.query = conv_bn(width, heads * 4) if stride == 2 else None
        self.table, self.out = nn.Embedding(before**2, heads), conv_bn(heads * 4 * values, out)
        places = torch.cartesian_prod(torch.arange(before), torch.arange(before))
        asking = places[(places % stride == 0).all(1)]
        away = (asking[:, None] - places[None]).abs()
        self.register_buffer("away", away[..., 0] * before + away[..., 1], persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        parts = self.rows(x).flatten(2).unflatten(1, (self.heads, -1)).split(self.sizes, 2)
        asking = x[:, :, :: self.stride, :: self.stride]
        query = self.query(asking).flatten(2).unflatten(1, (self.heads, -1)) if self.query else parts[0]
        scores = (query * 0.5).mT @ parts[-2] + self.table(self.away).permute(2, 0, 1)
        y = (parts[-1] @ scores.softmax(-1).mT).flatten(1, 2).unflatten(2, asking.shape[2:])
        return self.out(F.hardswish(y))  # type: ignore[no-any-return]


def levit_mlp(width: int) -> Residual:
    return Residual(conv_bn(width, 2 * width), nn.Hardswish(), conv_bn(2 * width, width))


class LeViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        convs = [conv_bn(2 * 2**i if i else 3, 4 * 2**i, 3, 2) for i in range(4)]
        stem = [layer for conv in convs for layer in (conv, nn.Hardswish())][:-1]
        self.layers = nn.Sequential(
            *stem,
            Residual(LeViTAttention(32, 32, 2, 5, 1)), levit_mlp(32),
            Residual(LeViTAttention(32, 32, 2, 5, 1)), levit_mlp(32),
            LeViTAttention(32, 48, 8, 5, 2), levit_mlp(48),
            Residual(LeViTAttention(48, 48, 3, 3, 1)), levit_mlp(48),
        )  # fmt: skip
        self.heads = nn.ModuleList([nn.Sequential(nn.BatchNorm1d(48), nn.Linear(48, 7)) for _ in range(2)])

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        x = self.layers(image).mean((2, 3))
        return tuple(each(x) for each in self.heads)


def test_levit_shrinks_by_attention() -> None:
    agree("vision/levit", LeViT(), variant="levit_128s", set={
        "input": [3, 80, 80], "widths": [32, 48], "heads": [2, 3], "depths": [2, 1], "key": 4, "classes": 7,
    })  # fmt: skip


class DualPath(nn.Module):
    """The first `width` channels are summed, the others are kept, and `growth` new ones stand behind them."""

    def __init__(self, before: int, width: int, growth: int, stride: int, groups: int, *, first: bool) -> None:
        super().__init__()

        def conv(before: int, after: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
            conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, groups=groups, bias=False)
            return [nn.BatchNorm2d(before, 1e-3), nn.ReLU(), conv]

        self.width = width
        self.both = nn.Sequential(*conv(before, width + 2 * growth, 1, stride)) if first else nn.Identity()
        self.body = nn.Sequential(
            *conv(before, 2 * width), *conv(2 * width, 2 * width, 3, stride, groups), nn.BatchNorm2d(2 * width, 1e-3),
            nn.ReLU(),
        )  # fmt: skip
        self.summed, self.grown = (nn.Conv2d(2 * width, n, 1, bias=False) for n in (width, growth))

    def forward(self, x: Tensor) -> Tensor:
        kept, y = self.both(x), self.body(x)
        return torch.cat([kept[:, : self.width] + self.summed(y), kept[:, self.width :], self.grown(y)], 1)


def test_dpn_adds_and_appends() -> None:
    theirs = nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6, 1e-3), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        DualPath(6, 8, 4, 1, 4, first=True), DualPath(20, 8, 4, 1, 4, first=False),
        DualPath(24, 16, 2, 2, 4, first=True), nn.BatchNorm2d(22, 1e-3), nn.ReLU(), *head(22),
    )  # fmt: skip
    agree("vision/dpn", theirs, set={
        "input": [3, 32, 32], "stem": 6, "widths": [8, 16], "depths": [2, 1], "growths": [4, 2], "groups": 4,
        "classes": 7,
    })  # fmt: skip


class CrossStage(nn.Module):
    def __init__(self, before: int, out: int, depth: int, half: int, mid: int) -> None:
        super().__init__()

        def conv(before: int, after: int, kernel: int = 1, stride: int = 1) -> nn.Sequential:
            return nn.Sequential(conv_bn(before, after, kernel, stride), nn.LeakyReLU())

        self.first = nn.Sequential(conv(before, out, 3, 2), conv(out, 2 * half))
        self.body = nn.Sequential(
            *(Residual(conv(half, mid), conv(mid, half, 3)) for _ in range(depth)), conv(half, half)
        )
        self.last = conv(2 * half, out)

    def forward(self, x: Tensor) -> Tensor:
        kept, y = self.first(x).chunk(2, 1)
        return self.last(torch.cat([kept, self.body(y)], 1))  # type: ignore[no-any-return]


def test_cspdarknet_works_on_half_of_the_channels() -> None:
    theirs = nn.Sequential(
        conv_bn(3, 4, 3), nn.LeakyReLU(), CrossStage(4, 8, 1, 8, 4), CrossStage(8, 16, 2, 8, 8),
        CrossStage(16, 32, 1, 16, 16), *head(32),
    )  # fmt: skip
    agree("vision/cspdarknet53", theirs, set={
        "input": [3, 32, 32], "width": 4, "depths": [1, 2, 1], "classes": 7,
    })  # fmt: skip


def edge(before: int, hidden: int, out: int, kernel: int, stride: int, *, full: bool) -> nn.Sequential:
    """Of EfficientNet-EdgeTPU: a full convolution, or a 1 × 1 and a depthwise one."""
    if full:
        return nn.Sequential(conv_bn(before, hidden, kernel, stride), nn.ReLU(), conv_bn(hidden, out))
    depthwise = conv_bn(hidden, hidden, kernel, stride, hidden)
    return nn.Sequential(conv_bn(before, hidden), nn.ReLU(), depthwise, nn.ReLU(), conv_bn(hidden, out))


def test_efficientnet_edge_begins_with_full_convolutions() -> None:
    """At half of the width and depth."""
    theirs = nn.Sequential(
        conv_bn(3, 16, 3, 2), nn.ReLU(), edge(16, 64, 16, 3, 1, full=True), edge(16, 32, 8, 3, 2, full=True),
        Residual(edge(8, 16, 8, 3, 1, full=True)), edge(8, 16, 16, 5, 2, full=False), conv_bn(16, 640), nn.ReLU(),
        *head(640),
    )  # fmt: skip
    agree("vision/efficientnet_edge", theirs, variant="efficientnet_es", set={
        "size": 32, "width": 0.5, "depth": 0.5, "classes": 7,
        "rows": [["fused", 3, 2, 2, 16, 4], ["mbconv", 5, 2, 2, 32, 2]],
    })  # fmt: skip
