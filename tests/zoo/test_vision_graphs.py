"""Vision networks of `specs/graphs`, each held against torchvision's or a module written by hand from its paper:
parameters and outputs are equal."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torchvision.models import detection

import netspec
from netspec.torch import verify
from tests.zoo.test_graphs import SPECS

VERIFIED = {"retinanet": [3, 64, 64], "yolov8n": [3, 64, 64]}
"""Input sizes at which a network is verified in the ordinary run; the others are verified at their own."""


@pytest.mark.parametrize("name", VERIFIED)
def test_torch_agrees_layer_by_layer(name: str) -> None:
    verify.verify(netspec.load(SPECS / f"{name}.yaml", set={"input": VERIFIED[name]}))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ssd300"])
def test_torch_agrees_layer_by_layer_at_full_size(name: str) -> None:
    verify.verify(netspec.load(SPECS / f"{name}.yaml"))


def scattered(module: nn.Module) -> nn.Module:
    """The module with norms and biases of different numbers, so that none can be taken for another, in eval mode."""
    generator = torch.Generator().manual_seed(0)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.ndim == 1 and tensor.is_floating_point():
            tensor.data.uniform_(0.5, 1.5, generator=generator)
    return module.eval()


def agrees(name: str, reference: nn.Module, params: int, size: list[int] | None = None, batch: int = 2) -> list[Tensor]:
    """Assert that the network of a spec, for inputs of this size, is the reference and has the published parameters.

    Returns:
        The outputs of the network, families flattened.
    """
    net = netspec.load(SPECS / f"{name}.yaml", set={"input": size} if size else {})
    assert net.params == sum(parameter.numel() for parameter in reference.parameters()) == params
    theirs = scattered(reference)
    inputs = verify.example(net, batch, torch.Generator().manual_seed(0))
    model = netspec.build(net).eval()
    model.load_state_dict(netspec.transfer(theirs, net, example=tuple(inputs)))
    with torch.no_grad():
        found, expected = tree_leaves(model(*inputs)), tree_leaves(theirs(*inputs))
    assert [tensor.shape for tensor in found] == [tensor.shape for tensor in expected]
    for ours, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-5)
    return found


class RetinaNet(nn.Module):
    """torchvision's, up to what its heads give for each level."""

    def __init__(self) -> None:
        super().__init__()
        model = detection.retinanet_resnet50_fpn(weights=None, weights_backbone=None)
        self.backbone, self.head = model.backbone, model.head

    def forward(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        levels = [self.head([level]) for level in self.backbone(images).values()]
        return [level["cls_logits"] for level in levels], [level["bbox_regression"] for level in levels]


def test_retinanet_is_torchvisions() -> None:
    published, norms = 34_014_999, 53_120  # which are frozen there, and no parameters
    found = agrees("retinanet", RetinaNet(), published + norms, [3, 64, 96])
    assert len(found) == 10
    assert found[0].shape == (2, 8 * 12 * 9, 91)


class SSD300(nn.Module):
    """torchvision's, up to what its heads give."""

    def __init__(self) -> None:
        super().__init__()
        model = detection.ssd300_vgg16(weights=None, weights_backbone=None)
        self.backbone, self.head = model.backbone, model.head

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        maps = list(self.backbone(images).values())
        return self.head.classification_head(maps), self.head.regression_head(maps)


def test_ssd300_is_torchvisions() -> None:
    with pytest.warns(UserWarning, match="scale_weight` is 512, and 512 × 1 × 1"):
        found = agrees("ssd300", SSD300(), 35_641_826, batch=1)
    assert [tensor.shape for tensor in found] == [(1, 8732, 91), (1, 8732, 4)]


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


def test_yolov8n_is_the_published_one() -> None:
    maps_and_more = agrees("yolov8n", Yolov8n(), 3_157_200, [3, 64, 96])
    distances, scores = maps_and_more[3:]
    assert distances.shape == (2, 4, 8 * 12 + 4 * 6 + 2 * 3)
    assert scores.shape == (2, 80, 126)
    net = netspec.load(SPECS / "yolov8n.yaml")
    assert net.params - net.trainable_params == 16
