"""The networks of "Dive into Deep Learning" (d2l.ai), written by hand from the book's text: what the specs must equal.

Written with plain torch and the book's own sizes, so that nothing here follows from a spec. `in_features` and the like
are numbers worked out by hand.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def lenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.Sigmoid(), nn.AvgPool2d(2, 2),
        nn.Conv2d(6, 16, 5), nn.Sigmoid(), nn.AvgPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(400, 120), nn.Sigmoid(), nn.Linear(120, 84), nn.Sigmoid(), nn.Linear(84, 10),
    )  # fmt: skip


def alexnet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 96, 11, stride=4, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(96, 256, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 384, 3, padding=1), nn.ReLU(),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2),
        nn.Flatten(),
        nn.Linear(6400, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 10),
    )  # fmt: skip


def vgg(architecture: tuple[tuple[int, int], ...]) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 1
    for convolutions, width in architecture:
        for _ in range(convolutions):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
            channels = width
        layers.append(nn.MaxPool2d(2, 2))
    head = [
        nn.Flatten(),
        nn.Linear(channels * 49, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 4096), nn.ReLU(), nn.Dropout(0.5),
        nn.Linear(4096, 10),
    ]  # fmt: skip
    return nn.Sequential(*layers, *head)


def nin() -> nn.Module:
    def block(into: int, out: int, kernel: int, stride: int, padding: int) -> list[nn.Module]:
        return [
            nn.Conv2d(into, out, kernel, stride, padding), nn.ReLU(),
            nn.Conv2d(out, out, 1), nn.ReLU(), nn.Conv2d(out, out, 1), nn.ReLU(),
        ]  # fmt: skip

    return nn.Sequential(
        *block(1, 96, 11, 4, 0), nn.MaxPool2d(3, 2),
        *block(96, 256, 5, 1, 2), nn.MaxPool2d(3, 2),
        *block(256, 384, 3, 1, 1), nn.MaxPool2d(3, 2),
        nn.Dropout(0.5),
        *block(384, 10, 3, 1, 1),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(),
    )  # fmt: skip


class Inception(nn.Module):
    def __init__(self, into: int, c1: int, c2: tuple[int, int], c3: tuple[int, int], c4: int) -> None:
        super().__init__()
        self.b1_1 = nn.Conv2d(into, c1, 1)
        self.b2_1 = nn.Conv2d(into, c2[0], 1)
        self.b2_2 = nn.Conv2d(c2[0], c2[1], 3, padding=1)
        self.b3_1 = nn.Conv2d(into, c3[0], 1)
        self.b3_2 = nn.Conv2d(c3[0], c3[1], 5, padding=2)
        self.b4_2 = nn.Conv2d(into, c4, 1)

    def forward(self, x: Tensor) -> Tensor:
        b1 = F.relu(self.b1_1(x))
        b2 = F.relu(self.b2_2(F.relu(self.b2_1(x))))
        b3 = F.relu(self.b3_2(F.relu(self.b3_1(x))))
        b4 = F.relu(self.b4_2(F.max_pool2d(x, 3, 1, 1)))
        return torch.cat((b1, b2, b3, b4), 1)


def googlenet() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 64, 7, stride=2, padding=3), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        nn.Conv2d(64, 64, 1), nn.ReLU(), nn.Conv2d(64, 192, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        Inception(192, 64, (96, 128), (16, 32), 32),
        Inception(256, 128, (128, 192), (32, 96), 64), nn.MaxPool2d(3, 2, 1),
        Inception(480, 192, (96, 208), (16, 48), 64),
        Inception(512, 160, (112, 224), (24, 64), 64),
        Inception(512, 128, (128, 256), (24, 64), 64),
        Inception(512, 112, (144, 288), (32, 64), 64),
        Inception(528, 256, (160, 320), (32, 128), 128), nn.MaxPool2d(3, 2, 1),
        Inception(832, 256, (160, 320), (32, 128), 128),
        Inception(832, 384, (192, 384), (48, 128), 128),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(1024, 10),
    )  # fmt: skip


def lenet_batch_norm() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 6, 5), nn.BatchNorm2d(6), nn.Sigmoid(), nn.AvgPool2d(2, 2),
        nn.Conv2d(6, 16, 5), nn.BatchNorm2d(16), nn.Sigmoid(), nn.AvgPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(256, 120), nn.BatchNorm1d(120), nn.Sigmoid(),
        nn.Linear(120, 84), nn.BatchNorm1d(84), nn.Sigmoid(),
        nn.Linear(84, 10),
    )  # fmt: skip


class Basic(nn.Module):
    """The book's `Residual`."""

    def __init__(self, into: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(out)
        self.conv3 = nn.Conv2d(into, out, 1, stride) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + (x if self.conv3 is None else self.conv3(x)))


def resnet18() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
        Basic(64, 64), Basic(64, 64), Basic(64, 128, 2), Basic(128, 128),
        Basic(128, 256, 2), Basic(256, 256), Basic(256, 512, 2), Basic(512, 512),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(512, 10),
    )  # fmt: skip


class ResNeXtBlock(nn.Module):
    def __init__(self, into: int, out: int, groups: int, bot_mul: float, stride: int = 1) -> None:
        super().__init__()
        middle = round(out * bot_mul)
        self.conv1, self.bn1 = nn.Conv2d(into, middle, 1), nn.BatchNorm2d(middle)
        self.conv2 = nn.Conv2d(middle, middle, 3, stride, 1, groups=middle // groups)
        self.bn2 = nn.BatchNorm2d(middle)
        self.conv3, self.bn3 = nn.Conv2d(middle, out, 1), nn.BatchNorm2d(out)
        self.conv4 = nn.Conv2d(into, out, 1, stride) if stride > 1 else None
        self.bn4 = nn.BatchNorm2d(out) if stride > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        if self.conv4 is not None and self.bn4 is not None:
            x = self.bn4(self.conv4(x))
        return F.relu(y + x)


def resnext() -> nn.Module:
    """The book's `RegNetX32`, an `AnyNet` of ResNeXt blocks."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.ReLU(),
        ResNeXtBlock(32, 32, 16, 1, 2), *(ResNeXtBlock(32, 32, 16, 1) for _ in range(3)),
        ResNeXtBlock(32, 80, 16, 1, 2), *(ResNeXtBlock(80, 80, 16, 1) for _ in range(5)),
        nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(80, 10),
    )  # fmt: skip


class DenseBlock(nn.Module):
    def __init__(self, convolutions: int, into: int, growth: int) -> None:
        super().__init__()
        self.net = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, growth, 3, padding=1))
            for c in range(into, into + convolutions * growth, growth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.net:
            x = torch.cat((x, block(x)), 1)
        return x


def densenet() -> nn.Module:
    layers: list[nn.Module] = [
        nn.Conv2d(1, 64, 7, 2, 3), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
    ]  # fmt: skip
    channels = 64
    for i in range(4):
        layers.append(DenseBlock(4, channels, 32))
        channels += 128
        if i < 3:
            layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels // 2, 1), nn.AvgPool2d(2, 2)]
            channels //= 2
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(channels, 10))


class MultiHeadAttention(nn.Module):
    """The book's own, with a matrix each for queries, keys and values, here stacked in that order."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = nn.Dropout(dropout)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, length, width = x.shape
        q, k, v = (part.reshape(n, length, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        scores = q @ k.transpose(2, 3) / (width / self.heads) ** 0.5
        mixed = self.dropout(scores.softmax(-1)) @ v
        return self.out(mixed.transpose(1, 2).reshape(n, length, width))


class ViTBlock(nn.Module):
    def __init__(self, width: int, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.ln1, self.attention = nn.LayerNorm(width), MultiHeadAttention(width, heads, dropout)
        self.ln2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width), nn.Dropout(dropout)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class Learned(nn.Module):
    """One learned tensor."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.randn(shape))


class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, 512, 16, 16)
        self.token = Learned(1, 1, 512)
        self.position = Learned(1, 37, 512)
        self.dropout = nn.Dropout(0.1)
        self.blocks = nn.Sequential(ViTBlock(512, 2048, 8, 0.1), ViTBlock(512, 2048, 8, 0.1))
        self.head = nn.Sequential(nn.LayerNorm(512), nn.Linear(512, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.token.value.expand(x.shape[0], -1, -1), x), 1)
        return self.head(self.blocks(self.dropout(x + self.position.value))[:, 0])


def unet(width: int = 64) -> nn.Module:
    """Ronneberger et al. 2015, figure 1, with padded convolutions."""

    def double(into: int, out: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(into, out, 3, padding=1), nn.ReLU(), nn.Conv2d(out, out, 3, padding=1), nn.ReLU()
        )

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [width * 2**i for i in range(5)]
            self.down = nn.ModuleList(double(a, b) for a, b in zip([1, *widths], widths, strict=False))
            self.ups = nn.ModuleList(nn.ConvTranspose2d(2 * c, c, 2, 2) for c in widths[3::-1])
            self.back = nn.ModuleList(double(2 * c, c) for c in widths[3::-1])
            self.head = nn.Conv2d(width, 2, 1)

        def forward(self, x: Tensor) -> Tensor:
            skips: list[Tensor] = []
            for i, stage in enumerate(self.down):
                x = stage(F.max_pool2d(x, 2) if i else x)
                skips.append(x)
            skips.pop()
            for up, stage in zip(self.ups, self.back, strict=True):
                x = stage(torch.cat((skips.pop(), up(x)), 1))
            return self.head(x)

    return UNet()
