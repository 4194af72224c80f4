"""A network for rows of a table, and a small classifier; each is written by hand."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.agreement import Residual, agree


def test_a_resnet_for_tables_is_the_papers() -> None:
    def block(width: int) -> Residual:
        hidden = 2 * width
        layers = nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(0.15), nn.Linear(hidden, width)
        return Residual(nn.BatchNorm1d(width), *layers)

    theirs = nn.Sequential(
        nn.Linear(8, 12), block(12), block(12), block(12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 1)
    )
    agree("tabular/tabular_resnet", theirs, set={"width": 12, "depth": 3})


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
