"""Lists of modules that a program runs through become loops, with names, skips and keys as a person would write."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.importing import from_torch
from tests.capture.modules import around
from tests.capture.students import Residuals, TextConvolutions
from tests.capture.test_from_torch import equal, imported
from tests.capture.unets import Lists, Named, Plain, Popped


def body_of(text: str) -> str:
    """The layers of a spec."""
    return text.partition("\nlayers:\n")[2]


def test_a_unet_of_lists_is_two_loops() -> None:
    module = Lists()
    found = imported(module, (3, 32, 32))
    assert body_of(found.text) == (
        """\
  - sequential:
      - for: i, out in enumerate([8, 16, 32, 64])
        do:
          - sequential:
              - {double_conv: out, as: "skip[i]"}
              - MaxPool2d: 2
    name: downs
  - {double_conv: 128, name: bottleneck}
  - sequential:
      - for: out, i in [[64, 3], [32, 2], [16, 1], [8, 0]]
        do:
          - ConvTranspose2d: {out_channels: out, kernel_size: 2, stride: 2}
          - sequential:
              - concat: ["skip[i]", []]
              - double_conv: out
    name: ups
  - {Conv2d: {out_channels: 1, kernel_size: 1}, name: final_conv}
"""
    )
    assert found.keeps_keys
    assert equal(module, found, (3, 32, 32))


def test_a_unet_that_pops_its_skips_is_two_loops() -> None:
    module = Popped(width=4)
    found = imported(module, (3, 16, 16))
    assert "for: i, out in enumerate([4, 8, 16])" in found.text
    assert "for: out, i in [[16, 2], [8, 1], [4, 0]]" in found.text
    assert '- concat: [[], "skip[i]"]\n              - double_conv: out' in found.text
    assert found.keeps_keys
    assert equal(module, found, (3, 16, 16))


def test_a_unet_whose_steps_have_names_counts_them() -> None:
    module = Named()
    found = imported(module, (3, 32, 32))
    assert '- for: i in [1, 2, 3]\n    do: [{down: , name: "down{i}", as: "skip[i]"}]' in found.text
    assert '- for: i in range(1, 5)\n    do: [{up: "skip[4 - i]", name: "up{i}"}]' in found.text
    assert len(found.text.splitlines()) < 36
    assert found.keeps_keys


def test_where_the_keys_cannot_stay_names_say_which_module_it_was() -> None:
    module = Plain()
    found = imported(module, (3, 16, 16))
    assert found.keys["down_1.weight"] == "down.1.weight"
    assert equal(module, found, (3, 16, 16))


def test_residuals_over_two_lists_are_a_loop() -> None:
    module = Residuals()
    found = imported(module, (20,))
    assert body_of(found.text) == (
        """\
  - {Linear: 64, name: input}
  - for: i in range(4)
    do:
      - as: x
      - {LayerNorm: , name: "norms_{i}"}
      - {Linear: 64, name: "layers_{i}"}
      - ReLU
      - add: [x, []]
  - {Linear: 3, name: output}
"""
    )
    assert equal(module, found, (20,))


def test_branches_over_a_list_are_one_chain_after_the_other() -> None:
    module = TextConvolutions()
    found = from_torch(module, torch.randint(0, 100, (2, 12)))
    assert found.keeps_keys
    assert (
        """\
  - for: i, n in enumerate([10, 9, 8])
    do:
      - use: "conved[i]"
      - ReLU
      - Rearrange: "n c h 1 -> n c h"
      - MaxPool1d: n
      - {Flatten: , as: "pooled[i]"}
  - concat: pooled
"""
        in found.text
    )


def _crossed(self: Any, x: Tensor) -> Tensor:
    """A layer in front of the second that no place in the list is free for, and that the second waits for."""
    y = self.a[0](x)
    return self.a[1](torch.relu(y) + x) * y


def test_a_layer_between_two_that_have_no_parts_gives_them_names() -> None:
    module = around(_crossed, nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)]))
    found = imported(module, (4,))
    assert re.findall(r"name: (\w+)", body_of(found.text)) == ["a_0", "a_1"]
    assert equal(module, found, (4,))


def _twice_nested(self: Any, x: Tensor) -> Tensor:
    """Values of one name that wait for each other, and others of the same name behind them."""
    x = self.a(x)
    y = self.b(x)
    z = torch.tanh(self.c(y) + x) + y
    for _ in range(4):
        z = z + torch.sigmoid(z)
    return z * x


@pytest.mark.parametrize("training", [False, True])
def test_names_that_are_free_again_are_given_again(training: bool) -> None:
    module = around(_twice_nested, *(nn.Linear(4, 4) for _ in range(3))).train(training)
    found = from_torch(module, torch.randn(2, 4))
    assert "- {repeat: 4" in found.text or "- repeat: 4" in found.text
    assert equal(module, found, (4,))


class Growing(nn.Module):
    """A block of a DenseNet: each layer is given all results so far."""

    class Layer(nn.Module):
        def __init__(self, width: int) -> None:
            super().__init__()
            self.norm = nn.BatchNorm2d(width)
            self.conv = nn.Conv2d(width, 4, 3, padding=1)

        def forward(self, features: list[Tensor]) -> Tensor:
            return self.conv(torch.relu(self.norm(torch.cat(features, 1))))

    def __init__(self, depth: int) -> None:
        super().__init__()
        for i in range(depth):
            self.add_module(f"layer{i + 1}", self.Layer(4 + 4 * i))

    def forward(self, x: Tensor) -> Tensor:
        features = [x]
        for layer in self.children():
            features.append(layer(features))
        return torch.cat(features, 1)


def test_what_grows_by_each_result_is_joined_to_it() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 1), Growing(4))
    found = imported(module, (3, 6, 6))
    assert (
        """\
      - for: i in range(1, 5)
        do:
          - as: x
          - {layer: , name: "layer{i}"}
          - concat: [x, []]
"""
        in found.text
    )
    assert found.keeps_keys
    assert equal(module, found, (3, 6, 6))


def test_loops_in_loops_have_letters_of_their_own() -> None:
    class Stages(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for i, depth in enumerate((4, 5, 6)):
                self.add_module(f"block{i}", Growing(depth))
                self.add_module(f"shrink{i}", nn.Conv2d(4 + 4 * depth, 4, 1))

        def forward(self, x: Tensor) -> Tensor:
            for part in self.children():
                x = part(x)
            return x

    module = Stages()
    found = imported(module, (4, 6, 6))
    assert re.search(r'name: "block\{j\}"', found.text)
    assert re.search(r'name: "shrink\{j\}"', found.text)
    assert found.text.count("concat") == 1
    assert found.keeps_keys
    assert equal(module, found, (4, 6, 6))


def test_a_dropout_that_some_parts_have_is_a_share_that_may_be_zero() -> None:
    class Part(nn.Module):
        def __init__(self, width: int, share: float) -> None:
            super().__init__()
            self.linear = nn.Linear(width, width)
            self.drop = nn.Dropout(share) if share else None

        def forward(self, x: Tensor) -> Tensor:
            y = torch.relu(self.linear(x))
            return y if self.drop is None else self.drop(y)

    found = imported(nn.Sequential(*(Part(8, share) for share in (0.0, 0.1, 0.2))), (8,))
    assert 'when: "drop > 0"' in found.text
    assert "present" not in found.text


def test_values_are_called_as_in_the_program_and_not_as_where_it_was_asked_for() -> None:
    module = nn.Sequential(nn.Linear(4, 4), Residuals())
    module[1].input = nn.Linear(4, 64)
    strangely_called = from_torch(module, torch.randn(2, 4))
    assert "strangely_called" not in strangely_called.text


def test_a_part_that_is_there_or_not_has_a_parameter_that_is_called_after_it() -> None:
    class Squeeze(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.up = nn.Linear(8, 2), nn.Linear(2, 8)

        def forward(self, x: Tensor) -> Tensor:
            return x * torch.sigmoid(self.up(torch.relu(self.down(x))))

    class Part(nn.Module):
        def __init__(self, squeezed: bool, rectified: bool) -> None:
            super().__init__()
            self.linear = nn.Linear(8, 8)
            self.squeeze = Squeeze() if squeezed else None
            self.act = nn.ReLU() if rectified else None

        def forward(self, x: Tensor) -> Tensor:
            x = self.linear(x)
            x = x if self.squeeze is None else self.squeeze(x)
            return x if self.act is None else self.act(x)

    module = nn.Sequential(Part(True, True), Part(True, False), Part(False, True), Part(False, False))
    found = imported(module, (8,))
    assert "part(act, has_squeeze):" in found.text
    assert found.blocks == 2
    assert equal(module, found, (8,))


class _Tree(nn.Module):
    """A tree of convolutions, whose trees are trees."""

    def __init__(self, depth: int, width: int, stride: int) -> None:
        super().__init__()
        if depth > 1:
            self.tree1: nn.Module = _Tree(depth - 1, width, stride)
            self.tree2: nn.Module = _Tree(depth - 1, width, 1)
        else:
            self.tree1 = nn.Sequential(nn.LazyConv2d(width, 3, stride, 1), nn.ReLU())
            self.tree2 = nn.Sequential(nn.LazyConv2d(width, 3, 1, 1), nn.ReLU())

    def forward(self, x: Tensor) -> Tensor:
        y = self.tree1(x)
        return self.tree2(y) + y


def test_trees_of_trees_are_blocks_of_blocks_with_their_parameters() -> None:
    module = nn.Sequential(_Tree(2, 4, 2), _Tree(2, 8, 2), _Tree(2, 6, 1))
    module(torch.randn(2, 3, 16, 16))
    found = imported(module, (3, 16, 16))
    assert "- {tree: [out, stride], name: tree1, as: y}" in found.text
    assert "do: [sequential: [tree_2: [out, stride]]]" in found.text
    assert equal(module, found, (3, 16, 16))


class _Differs(nn.Module):
    """A layer with a number of its own in its arithmetic, as the share of a differential attention is."""

    def __init__(self, number: float) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(6, 6), nn.Linear(6, 6)
        self.number = number

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) - (self.b(x) + self.number) * self.a(x)


def test_a_number_in_arithmetic_is_a_parameter_of_the_block() -> None:
    module = nn.Sequential(*(_Differs(number) for number in (0.2, 0.35, 0.7)))
    found = imported(module, (6,))
    assert "differs(number):" in found.text
    assert "for: number in [0.2, 0.35, 0.7]" in found.text
    assert equal(module, found, (6,))


class _Rate(nn.Module):
    """A layer with a rate."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.linear, self.drop = nn.Linear(6, 6), nn.Dropout(rate)

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(self.linear(x))


class _Stage(nn.Module):
    """Rounds with a rate each, the first of which is one of the stage's own."""

    def __init__(self, rates: list[float]) -> None:
        super().__init__()
        first, *rest = rates
        self.first = _Rate(first)
        self.rounds = nn.Sequential(*(_Rate(rate) for rate in rest))

    def forward(self, x: Tensor) -> Tensor:
        return self.rounds(self.first(x)) + x


def test_a_loop_in_a_block_has_another_name_than_its_parameters() -> None:
    module = nn.Sequential(_Stage([0.1, 0.25, 0.3, 0.4, 0.6]), _Stage([0.2, 0.25, 0.3, 0.4, 0.6]))
    found = imported(module, (6,))
    assert "stage(drop):" in found.text
    assert "for: drop_2 in [0.25, 0.3, 0.4, 0.6]" in found.text
    assert equal(module, found, (6,))


class _OfTokens(nn.Module):
    """A convolution on tokens that stand in rows, as many as there are in its stage."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side
        self.conv, self.norm = nn.Conv2d(6, 6, 3, padding=1), nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        maps = x.transpose(1, 2).reshape(len(x), 6, self.side, self.side)
        return self.norm(self.conv(maps).flatten(2).transpose(1, 2)) + x


def test_sizes_of_a_pattern_are_parameters_of_a_block() -> None:
    module = nn.Sequential(_OfTokens(8), nn.Flatten(), nn.Unflatten(1, (16, 24)), nn.Linear(24, 6), _OfTokens(4))
    found = imported(module, (64, 6))
    assert "of_tokens(side):" in found.text
    assert "sizes: {h: side}" in found.text or "sizes: {a: side}" in found.text, found.text
    assert equal(module, found, (64, 6))
