"""Values that a program repeats along axes, cuts into windows that overlap, pads along any axes; their variances."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.capture.test_from_torch import equal, imported, refusal
from tests.capture.test_placing import Puts


def groups(x: Tensor) -> Tensor:
    """Deviations of groups of channels, for each of their values, as EvoNorm has it."""
    y = x.reshape(-1, 2, 2, 5)
    deviation = y.var(dim=(2, 3), unbiased=False, keepdim=True).add(1e-3).sqrt()
    return x / deviation.expand(y.shape).reshape(x.shape)


def heads_in_the_batch(x: Tensor) -> Tensor:
    """Scores of distances that are shifted by padding them, as bottleneck attention does it."""
    scores = x.reshape(-1, 2, 5) * 2
    flat = F.pad(F.pad(scores, [0, 1]).flatten(1), [0, 3])
    shifted = flat.reshape(-1, 3, 5)[:, :2, 3:]
    return shifted.reshape(-1, 2, 1, 2, 2).expand(-1, -1, 2, -1, -1).permute(0, 1, 3, 2, 4).flatten(1)


def overlapping(x: Tensor) -> Tensor:
    return x.unfold(1, 2, 1).unfold(2, 3, 2).flatten(3).tanh()


def windows_of_the_first(x: Tensor) -> Tensor:
    return x.transpose(0, 1).unfold(0, 2, 2).permute(1, 0, 3, 2)


CASES: list[tuple[Callable[[Tensor], Tensor], list[str]]] = [
    (lambda x: x.repeat(1, 2, 4), ["index: [0, 1, 2, 3, 0, 1, 2, 3]", "[i for _ in range(4) for i in range(5)]"]),
    (lambda x: x.tile((1, 5)), ["[i for _ in range(5) for i in range(5)]"]),
    (lambda x: x[:, :1].expand(-1, 3, -1).flatten(1), ["index: [0, 0, 0]"]),
    (groups, ["Mean: {dim: [2, 3], keepdim: true}", "IndexSelect"]),
    (heads_in_the_batch, ["ZeroPad1d", "IndexSelect: {dim: 2, index: [0, 0]}"]),
    (overlapping, ["index: [[0, 1], [1, 2], [2, 3]]", "index: [[0, 1, 2], [2, 3, 4]]"]),
    (windows_of_the_first, ["IndexSelect: {dim: 1, index: [[0, 1], [2, 3]]}"]),
    (lambda x: F.unfold(x[:, None], (2, 3), padding=1), ["Unfold: {kernel_size: [2, 3], padding: 1}"]),
    (lambda x: F.fold(x, (2, 6), (2, 2)), ["Fold: {output_size: [2, 6], kernel_size: 2}"]),
    (lambda x: F.pad(x, (0, 0, 1, 2)), ["Rearrange", "ZeroPad1d: {padding: [1, 2]}"]),
    (lambda x: F.pad(x.reshape(-1, 2, 2, 5), (0, 0, 0, 1, 2, 0), value=3.0), ["ConstantPad2d: {padding: [0, 1, 2, 0]"]),
    (lambda x: F.pad(x.flatten(0, 1), (1, 1)).reshape(-1, 4, 7), ["ZeroPad1d: 1"]),
    (lambda x: torch.cat(x.chunk(3, 2)[::-1], 2), ["Split: {sizes: [2, 2, 1], dim: 2}"]),
    (lambda x: x.var(1) + x.std((1,)), ["Mean: 1", "** 0.5"]),
    (lambda x: x.transpose(0, 1).std(0, correction=0).exp(), ["Mean: 1", "** 0.5"]),
]


@pytest.mark.parametrize(("compute", "lines"), CASES)
def test_it_is_imported(compute: Callable[[Tensor], Tensor], lines: list[str]) -> None:
    module = Puts(compute)
    found = imported(module, (4, 5))
    assert all(line in found.text for line in lines), found.text
    assert equal(module, found, (4, 5))


class Positions(nn.Module):
    """Positions of windows, repeated over an image, and those of the image, as in SAM 2."""

    def __init__(self) -> None:
        super().__init__()
        self.whole = nn.Parameter(torch.randn(1, 3, 2, 2))
        self.window = nn.Parameter(torch.randn(1, 3, 2, 4))
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        whole = F.interpolate(self.whole, size=x.shape[1:3], mode="bicubic")
        times = x.shape[1] // 2, x.shape[2] // 4
        return self.head(x + (whole + self.window.tile(times)).permute(0, 2, 3, 1))


def test_parameters_are_repeated_over_an_image() -> None:
    module = Positions()
    found = imported(module, (4, 8, 3))
    assert "IndexSelect: {dim: 2, index: [0, 1, 0, 1]}" in found.text
    assert equal(module, found, (4, 8, 3))


REFUSED: list[tuple[Callable[[Tensor], Tensor], str]] = [
    (lambda x: x.unfold(0, 2, 1), "examples are chosen from the batch"),
    (lambda x: F.pad(x, (0, 0, 0, 0, 1, 1)), "a pad of the batch adds examples"),
    (lambda x: x - x.var(0, keepdim=True), "a variance over the batch"),
    (lambda x: x / x.std(), "a variance over the batch"),
]


@pytest.mark.parametrize(("compute", "told"), REFUSED)
def test_what_mixes_examples_is_refused(compute: Callable[[Tensor], Tensor], told: str) -> None:
    assert told in refusal(Puts(compute), (4, 5))
