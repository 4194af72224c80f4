"""Parameters of blocks are called as the arguments of the classes that the blocks were."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.running.making import made_with, noting
from netspec.capture.variants import from_torch_variants
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


def stages() -> nn.Sequential:
    """Layers of two widths."""
    return nn.Sequential(Encoder(2, 16), Encoder(2, 16), nn.Linear(16, 32), Encoder(4, 32), Encoder(4, 32))


def bottlenecks() -> nn.Sequential:
    """Three blocks, the last without a norm."""
    return nn.Sequential(Bottleneck(3, 8), Bottleneck(32, 16, 2), Bottleneck(64, 16, 1, use_norm=False))


def others() -> nn.Sequential:
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


# ---- names that are something else, too


class Chosen(nn.Module):
    """A layer with what a test says in it, whose argument has any name."""

    def __init__(self, **kwargs: int) -> None:
        super().__init__()
        (width,) = kwargs.values()
        self.one, self.two = nn.Linear(4, width), nn.Linear(width, 4)

    def forward(self, x: Tensor, *factors: Tensor) -> Tensor:
        x = self.two(torch.relu(self.one(x)))
        for factor in factors:
            x = torch.tanh(x * factor)
        return x


class Scaled(nn.Module):
    """Layers that are given a value, which is called as their argument."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.scale = nn.Linear(4, 4)
        self.parts = nn.ModuleList(Chosen(**{name: width}) for width in (8, 6, 12, 7))

    def forward(self, x: Tensor) -> Tensor:
        scale = torch.sigmoid(self.scale(x))
        other = torch.tanh(scale)
        for part in self.parts:
            x = part(x, scale, other)
        return x + scale


class Scaling(nn.Module):
    """Those of which the value is an input."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(Chosen(scale=width) for width in (8, 6, 12, 7))

    def forward(self, x: Tensor, scale: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x, scale)
        return x


class Several(nn.Module):
    """A layer with a long loop in it, over others."""

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.parts = nn.Sequential(*(Chosen(rows=100 + i * i) for i in range(40)))
        self.one, self.two = nn.Linear(4, rows), nn.Linear(rows, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(self.parts(x))))


def test_a_loop_is_not_called_as_a_value_around_it() -> None:
    found = imported(seen(lambda: Scaled("scale")), (4,))
    assert "as: scale" in found.text and "for: scale_2 in [8, 6, 12, 7]" in found.text
    found = imported(seen(lambda: Scaling()), (4,), (4,))
    assert "for: scale_2 in [8, 6, 12, 7]" in found.text and "chosen: [scale, scale_2]" in found.text


def test_a_parameter_may_be_called_as_the_values_of_a_block_are() -> None:
    found = imported(seen(lambda: Scaled("v1")), (4,))
    assert "chosen(v, v_2, v1):" in found.text


def test_a_parameter_may_be_called_as_the_rows_of_a_loop_are() -> None:
    found = imported(seen(lambda: nn.Sequential(Several(5), nn.ReLU(), Several(9))), (4,))
    assert "several(rows):" in found.text and "vars:\n  rows_3:\n" in found.text
    assert "for: rows_2 in rows_3" in found.text


class Out(nn.Module):
    """A block that is called as numbers of layers are."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, n), nn.Linear(n, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


def test_no_parameter_value_or_input_is_called_as_a_block() -> None:
    class X(Out):
        def forward(self, x: Tensor) -> Tensor:
            return x + super().forward(x)

    class Given(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.parts = nn.Sequential(Out(5), Out(6), Out(8))

        def forward(self, x: Tensor, out: Tensor) -> Tensor:
            return self.parts(x) + out

    assert "out(out_2):" in imported(nn.Sequential(Out(5), Out(6), Out(8)), (4,)).text
    assert "x(out):" in imported(nn.Sequential(X(5), X(6), X(8)), (4,)).text
    assert "out_2(" in imported(Given(), (4,), (4,)).text
    assert (
        "chosen(out):" in imported(seen(lambda: nn.Sequential(*(Chosen(chosen_2=n) for n in (5, 6, 8, 7)))), (4,)).text
    )


def test_long_names_and_those_of_places_are_not_taken() -> None:
    for name in ("a_name_of_a_width_" * 4, "which_idx", "null", "class"):
        with noting():
            module = nn.Sequential(*(Chosen(**{name: width}) for width in (5, 6, 8)))
        assert "chosen(out):" in imported(module, (4,)).text


# ---- which argument it is


class Dropping(nn.Module):
    """A layer that is there where its argument is not 0."""

    def __init__(self, drop_rate: float) -> None:
        super().__init__()
        self.one = nn.Linear(4, 4)
        self.drop = nn.Dropout(drop_rate) if drop_rate > 0 else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.drop(torch.relu(self.one(x)))


class Recurrent(nn.Module):
    """Layers with other numbers than an argument of their name has."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, hidden_size + 1, batch_first=True)
        self.one, self.two = nn.Linear(hidden_size + 1, 2 * hidden_size), nn.Linear(2 * hidden_size, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(self.rnn(x)[0])))


class ByChance(nn.Module):
    """Arguments of which others are small multiples."""

    def __init__(self, classes: int, n: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, n), nn.Linear(n, 4)
        self.classes = classes

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


class Outer(nn.Module):
    """Blocks in a block, both with a `kern`."""

    def __init__(self, kern: int) -> None:
        super().__init__()
        self.parts = nn.Sequential(Inner(8, kern), Inner(9, kern), Inner(12, kern))
        self.one = nn.Conv1d(4, 4, kern)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.one(self.parts(x)))


class Inner(nn.Module):
    """The inner one."""

    def __init__(self, hidden: int, kern: int) -> None:
        super().__init__()
        self.one, self.two = nn.Conv1d(4, hidden, kern), nn.Conv1d(hidden, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


def test_a_layer_that_is_there_where_an_argument_is_not_0() -> None:
    found = imported(seen(lambda: nn.Sequential(Dropping(0), Dropping(0.1), Dropping(0.2))), (4,))
    assert "dropping(drop_rate):" in found.text and 'when: "drop_rate > 0"' in found.text


def test_an_argument_that_a_layer_calls_so_with_other_numbers() -> None:
    found = imported(seen(lambda: nn.Sequential(Recurrent(8), Recurrent(10))), (5, 4))
    assert "recurrent(hidden_size_2, hidden_size):" in found.text
    assert '- {Linear: "2 * hidden_size", name: one}' in found.text


def test_small_multiples_are_chance() -> None:
    found = imported(seen(lambda: nn.Sequential(ByChance(2, 16), ByChance(4, 32))), (4,))
    assert "by_chance(out):" in found.text


def test_blocks_in_blocks_have_the_same_names() -> None:
    found = imported(seen(lambda: nn.Sequential(Outer(3), Outer(1), Outer(5))), (4, 48))
    assert "outer(kern):" in found.text and "inner: [hidden, kern]" in found.text


class Family(nn.Module):
    """A network whose width is that of its blocks, too."""

    def __init__(self, base: int, depth: int) -> None:
        super().__init__()
        self.parts = nn.Sequential(*(Wide(base) for _ in range(depth)), *(Wide(2 * base) for _ in range(depth)))
        self.head = nn.Linear(4, base)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.parts(x))


class Wide(nn.Module):
    """A block of it."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, dim), nn.Linear(dim, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


def test_widths_of_a_family_are_one_variable_whatever_blocks_call_them() -> None:
    with noting():
        members = {"small": Family(5, 2), "wide": Family(6, 2), "deep": Family(6, 3)}
    text = from_torch_variants(members, torch.randn(2, 4)).text
    assert "wide(dim):" in text and "dim_" not in text
    (line,) = (line for line in text.splitlines() if line.startswith("  small:"))
    assert re.sub(r"\w+(?=:)", "n", line).count("n: 5") == 1  # the width of the blocks, and of the head


class Mapped(nn.Module):
    """A layer that gives as many channels as it takes, by chance."""

    def __init__(self, in_dim: int, hidden_dim: int, out_dim: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(in_dim, hidden_dim), nn.Linear(hidden_dim, out_dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.two(torch.relu(self.one(x)))


def test_of_equal_arguments_that_of_the_likest_name_is_taken() -> None:
    found = imported(seen(lambda: nn.Sequential(Mapped(4, 9, 4), nn.Linear(4, 6), Mapped(6, 5, 6))), (4,))
    assert "mapped(hidden_dim, out_dim):" in found.text
