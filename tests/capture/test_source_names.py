"""Parameters of blocks are called as the arguments of the classes that the blocks were."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.running.making import made_with, noting
from tests.capture.test_from_torch import imported

pytestmark = pytest.mark.needs_torch


class Encoder(nn.Module):
    """A layer of a transformer, which keeps neither its width nor its ratio."""

    def __init__(self, heads: int, dim: int, ratio: int = 4) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(dim, ratio * dim), nn.GELU(), nn.Linear(ratio * dim, dim))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.norm2(x))


class Bottleneck(nn.Module):
    """A bottleneck, with the names of torchvision's."""

    def __init__(self, inplanes: int, planes: int, step: int = 1, *, use_norm: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1)
        self.conv2 = nn.Conv2d(planes, planes, 3, step, 1)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1)
        self.norm = nn.BatchNorm2d(4 * planes) if use_norm else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv3(torch.relu(self.conv2(torch.relu(self.conv1(x))))))


class Named(nn.Module):
    """A layer whose arguments have names that say nothing here, or something else."""

    def __init__(self, n: int, strides: int, heads: int, in_features: int, drop: float) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(in_features, n), nn.Linear(n, 3)
        self.drop = nn.Dropout(drop)
        self.strides, self.heads = strides, heads

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(torch.relu(self.two(torch.relu(self.one(x)))))


def stages() -> nn.Module:
    """Layers of two widths."""
    return nn.Sequential(Encoder(2, 16), Encoder(2, 16), nn.Linear(16, 32), Encoder(4, 32), Encoder(4, 32))


def bottlenecks() -> nn.Module:
    """Three blocks, the last without a norm."""
    return nn.Sequential(Bottleneck(3, 8), Bottleneck(32, 16, 2), Bottleneck(64, 16, 1, use_norm=False))


def others() -> nn.Module:
    """Widths that equal what is no width."""
    return nn.Sequential(Named(8, 8, 8, 6, 0.1), Named(4, 4, 4, 3, 0.2), Named(2, 2, 2, 3, 0.1))


def seen(maker: Callable[[], nn.Module]) -> nn.Module:
    """A module that was seen to be made."""
    with noting():
        return maker()


def test_a_block_has_the_parameters_of_its_class_in_their_order() -> None:
    found = imported(seen(stages), (5, 16))
    assert "encoder(heads, dim):" in found.text
    assert '- Linear: "4 * dim"' in found.text and "- Linear: dim" in found.text
    assert "- {sequential: [encoder: [2, 16]], repeat: 2}" in found.text


def test_multiples_of_an_argument_and_what_has_another_name_here() -> None:
    found = imported(seen(bottlenecks), (3, 8, 8))
    assert "bottleneck(planes, step, use_norm):" in found.text
    assert 'out_channels: "4 * planes"' in found.text and "stride: step" in found.text
    assert "when: use_norm" in found.text


def test_without_having_seen_it_made_what_it_keeps_says_it() -> None:
    module = others()
    for part in (stages(), bottlenecks()):
        text = imported(part, (3, 8, 8) if isinstance(part[0], Bottleneck) else (5, 16)).text
        assert "dim" not in text and "planes" not in text
    assert made_with(module) is None


def test_names_of_one_letter_and_of_another_meaning_are_not_taken() -> None:
    found = imported(seen(others), (6,))
    assert "named(out, drop):" in found.text


def test_what_was_made_is_known_of_a_copy_too() -> None:
    module = seen(stages).double()  # a copy of it with 32 bits is what runs
    assert "encoder(heads, dim):" in imported(module, (5, 16)).text


class Strided(nn.Module):
    """A convolution with sizes for each axis, or one for both."""

    def __init__(self, kernel: int | tuple[int, int], stride: int | tuple[int, int], padding: int | tuple[int, int]):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, kernel, stride, padding), nn.BatchNorm2d(4)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.norm(self.conv(x)))


def test_sizes_for_each_axis_are_one_parameter() -> None:
    module = nn.Sequential(Strided((1, 3), 1, (0, 1)), Strided((3, 1), (1, 2), (1, 0)), Strided(3, 1, 1))
    found = imported(module, (4, 8, 8))
    assert "{out_channels: 4, kernel_size: kernel, padding: padding, stride: stride}" in found.text
    assert "for: kernel, padding, stride in [[[1, 3], [0, 1], 1], [[3, 1], [1, 0], [1, 2]], [3, 1, 1]]" in found.text


def test_a_list_that_is_the_only_thing_given_is_no_list_of_arguments() -> None:
    found = imported(nn.Sequential(Strided(3, (1, 2), 1), Strided(3, (2, 1), 1), Strided(3, 1, 1)), (4, 8, 8))
    assert found.blocks == 1
    assert "- for: stride in" not in found.text and "strided: [[1, 2]]" in found.text


def test_lists_that_blocks_are_given_are_what_a_loop_goes_through() -> None:
    parts = [Strided(kernel, 1, (kernel[0] // 2, kernel[1] // 2)) for kernel in ((1, 7), (7, 1), (1, 5), (5, 1))]
    found = imported(nn.Sequential(*parts), (4, 8, 8))
    assert (
        "for: kernel, padding in [[[1, 7], [0, 3]], [[7, 1], [3, 0]], [[1, 5], [0, 2]], [[5, 1], [2, 0]]]" in found.text
    )
    assert "strided: [kernel, padding]" in found.text
