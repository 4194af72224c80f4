"""SegNet, held against a module written by hand."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn

import netspec
from tests.zoo.test_other_graphs import SPECS, agree

DEPTHS = (2, 2, 3, 3, 3)


def units(widths: list[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, width in pairwise(widths):
        layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers)


class SegNet(nn.Module):
    def __init__(self, widths: list[int], classes: int) -> None:
        super().__init__()
        before = [3, *widths]
        self.down = nn.ModuleList(units([before[k], *[widths[k]] * DEPTHS[k]]) for k in range(5))
        self.up = nn.ModuleList(
            units([*[widths[k]] * DEPTHS[k], *([widths[k - 1]] if k else [])]) for k in reversed(range(5))
        )
        self.head = nn.Conv2d(widths[0], classes, 3, padding=1)
        self.pool, self.unpool = nn.MaxPool2d(2, return_indices=True), nn.MaxUnpool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        kept: list[tuple[Tensor, list[int]]] = []
        for stage in self.down:
            x = stage(x)
            size = list(x.shape[2:])
            x, indices = self.pool(x)
            kept.append((indices, size))
        for stage in self.up:
            indices, size = kept.pop()
            x = stage(self.unpool(x, indices, output_size=size))
        return self.head(x)  # type: ignore[no-any-return]


def test_segnet_puts_the_values_back_where_its_encoder_found_them() -> None:
    widths = [4, 6, 8, 10, 10]
    small = {"widths": widths, "rows": [72, 36, 18, 9, 4], "columns": [64, 32, 16, 8, 4]}
    agree("segnet", SegNet(widths, 11), set=small)
    whole = netspec.load(SPECS / "segnet.yaml")
    assert whole.params == sum(p.numel() for p in SegNet([64, 128, 256, 512, 512], 11).parameters())
    assert sum(leaf.type == "Conv2d" for leaf in whole.layers) == 26
