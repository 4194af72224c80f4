"""Vision networks as modules: torchvision's up to its anchors, and others written by hand from their papers."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models import detection


class RetinaNet(nn.Module):
    """torchvision's, up to what its heads give for each level."""

    def __init__(self) -> None:
        super().__init__()
        model = detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None)
        self.backbone, self.head = model.backbone, model.head

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        levels = [self.head([level]) for level in self.backbone(images).values()]
        return [level["cls_logits"] for level in levels], [level["bbox_regression"] for level in levels]


class SSD300(nn.Module):
    """torchvision's, up to what its heads give."""

    def __init__(self) -> None:
        super().__init__()
        model = detection.ssd300_vgg16(weights=None, weights_backbone=None)
        self.backbone, self.head = model.backbone, model.head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = list(self.backbone(images).values())
        return self.head.classification_head(maps), self.head.regression_head(maps)


class Conv(nn.Sequential):
    def __init__(self, before: int, after: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
            nn.BatchNorm2d(after, eps=1e-3, momentum=0.03),
            nn.SiLU(),
        )


class C2f(nn.Module):
    def __init__(self, before: int, after: int, n: int, *, shortcut: bool) -> None:
        super().__init__()
        half = after // 2
        self.first, self.last = Conv(before, after), Conv(half * (n + 2), after)
        self.steps = nn.ModuleList(nn.Sequential(Conv(half, half, 3), Conv(half, half, 3)) for _ in range(n))
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        parts = list(self.first(x).chunk(2, 1))
        for step in self.steps:
            y = step(parts[-1])
            parts.append(y + parts[-1] if self.shortcut else y)
        return self.last(torch.cat(parts, 1))  # type: ignore[no-any-return]


class Yolov8n(nn.Module):
    """The layers by the numbers that the published yolov8.yaml gives them, and its head."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.ModuleDict(
            {
                "0": Conv(3, 16, 3, 2),
                "1": Conv(16, 32, 3, 2), "2": C2f(32, 32, 1, shortcut=True),
                "3": Conv(32, 64, 3, 2), "4": C2f(64, 64, 2, shortcut=True),
                "5": Conv(64, 128, 3, 2), "6": C2f(128, 128, 2, shortcut=True),
                "7": Conv(128, 256, 3, 2), "8": C2f(256, 256, 1, shortcut=True),
                "9a": Conv(256, 128), "9b": Conv(512, 256),
                "12": C2f(384, 128, 1, shortcut=False), "15": C2f(192, 64, 1, shortcut=False),
                "16": Conv(64, 64, 3, 2), "18": C2f(192, 128, 1, shortcut=False),
                "19": Conv(128, 128, 3, 2), "21": C2f(384, 256, 1, shortcut=False),
            }
        )  # fmt: skip
        self.boxes = nn.ModuleList(self.branch(width, 64, 64) for width in (64, 128, 256))
        self.classes = nn.ModuleList(self.branch(width, 80, 80) for width in (64, 128, 256))
        self.mean = nn.Conv2d(16, 1, 1, bias=False).requires_grad_(requires_grad=False)
        self.mean.weight.data = torch.arange(16.0).view(1, 16, 1, 1)

    @staticmethod
    def branch(before: int, width: int, after: int) -> nn.Sequential:
        return nn.Sequential(Conv(before, width, 3), Conv(width, width, 3), nn.Conv2d(width, after, 1))

    def through(self, x: Tensor, *numbers: str) -> Tensor:
        for number in numbers:
            x = self.layer[number](x)
        return x

    def forward(self, image: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        c3 = self.through(image, "0", "1", "2", "3", "4")
        c4 = self.through(c3, "5", "6")
        pools = [self.through(c4, "7", "8", "9a")]
        for _ in range(3):
            pools.append(F.max_pool2d(pools[-1], 5, 1, 2))
        c5 = self.through(torch.cat(pools, 1), "9b")
        n4 = self.through(torch.cat([F.interpolate(c5, scale_factor=2.0), c4], 1), "12")
        p3 = self.through(torch.cat([F.interpolate(n4, scale_factor=2.0), c3], 1), "15")
        p4 = self.through(torch.cat([self.through(p3, "16"), n4], 1), "18")
        p5 = self.through(torch.cat([self.through(p4, "19"), c5], 1), "21")
        levels = zip((p3, p4, p5), self.boxes, self.classes, strict=True)
        maps = [torch.cat([boxes(p), classes(p)], 1) for p, boxes, classes in levels]
        bins, scores = torch.cat([each.flatten(2) for each in maps], 2).split([64, 80], 1)
        distributions = bins.view(len(image), 4, 16, -1).transpose(1, 2).softmax(1)
        return maps, self.mean(distributions).squeeze(1), scores.sigmoid()


def conv_bn(before: int, after: int, kernel: int = 1, stride: int = 1, *, relu: bool = False) -> nn.Sequential:
    layers = [nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, *([nn.ReLU()] if relu else []))


class Bottle2neck(nn.Module):
    def __init__(self, before: int, planes: int, stride: int, *, first: bool) -> None:
        super().__init__()
        self.width, self.first = planes * 26 // 64, first
        self.reduce = conv_bn(before, self.width * 4, relu=True)
        self.steps = nn.ModuleList(conv_bn(self.width, self.width, 3, stride, relu=True) for _ in range(3))
        self.pool = nn.AvgPool2d(3, stride, 1)
        self.expand = conv_bn(self.width * 4, planes * 4)
        self.shortcut = conv_bn(before, planes * 4, 1, stride) if first else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        a, b, c, last = self.reduce(x).split(self.width, 1)
        if self.first:
            done = [step(part) for step, part in zip(self.steps, (a, b, c), strict=True)] + [self.pool(last)]
        else:
            y = self.steps[0](a)
            z = self.steps[1](b + y)
            done = [y, z, self.steps[2](c + z), last]
        return F.relu(self.expand(torch.cat(done, 1)) + self.shortcut(x))


class Res2Net50(nn.Sequential):
    def __init__(self) -> None:
        layers: list[nn.Module] = [conv_bn(3, 64, 7, 2, relu=True), nn.MaxPool2d(3, 2, 1)]
        before = 64
        for planes, depth in ((64, 3), (128, 4), (256, 6), (512, 3)):
            for j in range(depth):
                layers.append(Bottle2neck(before, planes, 2 if planes > 64 and j == 0 else 1, first=j == 0))
                before = 4 * planes
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


class Residual(nn.Module):
    def __init__(self, body: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.body, self.shortcut = body, shortcut or nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def basic(width: int) -> Residual:
    return Residual(nn.Sequential(conv_bn(width, width, 3, relu=True), conv_bn(width, width, 3)))


def bottleneck(before: int, mid: int) -> Residual:
    body = nn.Sequential(conv_bn(before, mid, relu=True), conv_bn(mid, mid, 3, relu=True), conv_bn(mid, 4 * mid))
    return Residual(body, None if before == 4 * mid else conv_bn(before, 4 * mid))


class Exchange(nn.Module):
    """One module of HRNet: each resolution on its own, then from each to each."""

    def __init__(self, widths: list[int]) -> None:
        super().__init__()
        self.alone = nn.ModuleList(nn.Sequential(*(basic(width) for _ in range(4))) for width in widths)
        self.fuse = nn.ModuleList(
            nn.ModuleList(self.between(widths, i, j) for j in range(len(widths))) for i in range(len(widths))
        )

    @staticmethod
    def between(widths: list[int], i: int, j: int) -> nn.Module:
        if i == j:
            return nn.Identity()
        if i < j:
            return nn.Sequential(conv_bn(widths[j], widths[i]), nn.Upsample(scale_factor=2 ** (j - i)))
        steps = [conv_bn(widths[j], widths[j], 3, 2, relu=True) for _ in range(i - j - 1)]
        return nn.Sequential(*steps, conv_bn(widths[j], widths[i], 3, 2))

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        maps = [alone(x) for alone, x in zip(self.alone, maps, strict=True)]
        return [F.relu(sum(step(x) for step, x in zip(steps, maps, strict=True))) for steps in self.fuse]


class HRNetW18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [18, 36, 72, 144]
        self.stem = nn.Sequential(
            conv_bn(3, 64, 3, 2, relu=True), conv_bn(64, 64, 3, 2, relu=True),
            bottleneck(64, 64), *(bottleneck(256, 64) for _ in range(3)),
        )  # fmt: skip
        self.first = conv_bn(256, 18, 3, relu=True)
        self.new = nn.ModuleList(conv_bn(a, b, 3, 2, relu=True) for a, b in ((256, 36), (36, 72), (72, 144)))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Exchange(widths[:n]) for _ in range(modules))) for n, modules in ((2, 1), (3, 4), (4, 3))
        )
        self.wider = nn.ModuleList(bottleneck(width, 32 * 2**i) for i, width in enumerate(widths))
        self.down = nn.ModuleList(
            nn.Sequential(nn.Conv2d(c, 2 * c, 3, 2, 1), nn.BatchNorm2d(2 * c), nn.ReLU()) for c in (128, 256, 512)
        )
        self.last = nn.Sequential(
            nn.Conv2d(1024, 2048, 1), nn.BatchNorm2d(2048), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        x = self.stem(image)
        maps = [self.first(x)]
        for new, stage in zip(self.new, self.stages, strict=True):
            maps = stage([*maps, new(x)])
            x = maps[-1]
        y = self.wider[0](maps[0])
        for down, wider, x in zip(self.down, self.wider[1:], maps[1:], strict=True):
            y = down(y) + wider(x)
        return self.last(y)  # type: ignore[no-any-return]


def conv3d(before: int, after: int, time: int = 1, space: int = 1, stride: int = 1, alpha: int = 1) -> nn.Sequential:
    padding = (time // 2, space // 2, space // 2)
    conv = nn.Conv3d(before, after, (time, space, space), (alpha, stride, stride), padding, bias=False)
    return nn.Sequential(conv, nn.BatchNorm3d(after))


def stage3d(before: int, mid: int, depth: int, time: int, stride: int) -> nn.Sequential:
    blocks: list[nn.Module] = []
    for j in range(depth):
        step = stride if j == 0 else 1
        body = nn.Sequential(
            conv3d(before, mid, time), nn.ReLU(), conv3d(mid, mid, 1, 3, step), nn.ReLU(), conv3d(mid, 4 * mid)
        )
        blocks.append(Residual(body, conv3d(before, 4 * mid, stride=step) if j == 0 else None))
        before = 4 * mid
    return nn.Sequential(*blocks)


class SlowFast(nn.Module):
    """4×16 with a ResNet-50: the slow pathway has 4 of 32 frames."""

    def __init__(self) -> None:
        super().__init__()
        pool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), (0, 1, 1))
        self.fast = nn.ModuleList([nn.Sequential(conv3d(3, 8, 5, 7, 2), nn.ReLU(), pool)])
        self.slow = nn.ModuleList([nn.Sequential(conv3d(3, 64, 1, 7, 2), nn.ReLU(), pool)])
        self.lateral = nn.ModuleList(
            nn.Sequential(conv3d(c, 2 * c, 5, alpha=8), nn.ReLU()) for c in (8, 32, 64, 128)
        )  # fmt: skip
        slow = ((64, 64, 3, 1, 1), (256, 128, 4, 1, 2), (512, 256, 6, 3, 2), (1024, 512, 3, 3, 2))
        for before, mid, depth, time, stride in slow:
            self.slow.append(stage3d(before + before // 4, mid, depth, time, stride))
            self.fast.append(stage3d(before // 8, mid // 8, depth, 3, stride))
        self.head = nn.Linear(2048 + 256, 400)

    def forward(self, video: Tensor) -> Tensor:
        fast, slow = video, video[:, :, ::8]
        for number in range(5):
            fast, slow = self.fast[number](fast), self.slow[number](slow)
            if number < 4:
                slow = torch.cat([slow, self.lateral[number](fast)], 1)
        return self.head(torch.cat([slow.mean((2, 3, 4)), fast.mean((2, 3, 4))], 1))  # type: ignore[no-any-return]


class TimedBlock(nn.Module):
    """A residual block of DDPM, which adds the time step to its hidden maps."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(32, before, eps=1e-6), nn.Conv2d(before, after, 3, padding=1)
        self.time = nn.Linear(512, after)
        self.norm2, self.conv2 = nn.GroupNorm(32, after, eps=1e-6), nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Identity() if before == after else nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x))) + self.time(F.silu(t))[:, :, None, None]
        return self.conv2(F.silu(self.norm2(h))) + self.shortcut(x)  # type: ignore[no-any-return]


class PixelAttention(nn.Module):
    """One head of attention between the pixels of a map."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(32, width, eps=1e-6)
        self.q, self.k, self.v, self.out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (each(h).flatten(2) for each in (self.q, self.k, self.v))
        weights = (q.transpose(1, 2) @ k * x.shape[1] ** -0.5).softmax(2)
        return x + self.out((v @ weights.transpose(1, 2)).view(x.shape))  # type: ignore[no-any-return]


class DDPM(nn.Module):
    """The U-Net of DDPM, with attention at half the size of the image."""

    def __init__(self) -> None:
        super().__init__()
        widths = [128, 256, 256, 256]
        self.time = nn.Sequential(nn.Linear(128, 512), nn.SiLU(), nn.Linear(512, 512))
        self.first = nn.Conv2d(3, 128, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        before, skips = 128, [128]
        for i, width in enumerate(widths):
            for _ in range(2):
                self.down.append(nn.ModuleList([TimedBlock(before, width), *self.attention(i, width)]))
                before = width
                skips.append(width)
            if i < 3:
                self.down.append(nn.Conv2d(width, width, 3, 2))
                skips.append(width)
        self.middle = nn.ModuleList([TimedBlock(256, 256), PixelAttention(256), TimedBlock(256, 256)])
        for i, width in reversed(list(enumerate(widths))):
            for _ in range(3):
                self.up.append(nn.ModuleList([TimedBlock(before + skips.pop(), width), *self.attention(i, width)]))
                before = width
            if i > 0:
                self.up.append(nn.Conv2d(width, width, 3, padding=1))
        self.last = nn.Sequential(nn.GroupNorm(32, 128, eps=1e-6), nn.SiLU(), nn.Conv2d(128, 3, 3, padding=1))

    @staticmethod
    def attention(level: int, width: int) -> list[nn.Module]:
        return [PixelAttention(width)] if level == 1 else []

    def forward(self, image: Tensor, time: Tensor) -> Tensor:
        frequencies = torch.exp(torch.arange(64, dtype=torch.float64) * (-math.log(10000) / 63)).float()
        angles = time[:, None] * frequencies
        t = self.time(torch.cat([angles.sin(), angles.cos()], 1))
        x = self.first(image)
        skips = [x]
        for part in self.down:
            x = part(F.pad(x, (0, 1, 0, 1))) if isinstance(part, nn.Conv2d) else self.through(part, x, t)
            skips.append(x)
        x = self.through(self.middle, x, t)
        for part in self.up:
            if isinstance(part, nn.Conv2d):
                x = part(F.interpolate(x, scale_factor=2.0))
            else:
                x = self.through(part, torch.cat([x, skips.pop()], 1), t)
        return self.last(x)  # type: ignore[no-any-return]

    @staticmethod
    def through(parts: Iterable[nn.Module], x: Tensor, t: Tensor) -> Tensor:
        for part in parts:
            x = part(x, t) if isinstance(part, TimedBlock) else part(x)
        return x
