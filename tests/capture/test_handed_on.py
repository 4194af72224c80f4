"""What a network hands on to each of its layers stands once in front of them, and is called as they call it; and what
stands between the layers of a list of lists does so behind the last of them, too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import cast

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.running.making import noting
from netspec.capture.variants import from_torch_variants
from tests.capture.test_from_torch import imported

pytestmark = pytest.mark.needs_torch


class Turned(nn.Module):
    """A layer that is given the turns of its positions, each in a shape of its own."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc = nn.Linear(dim, dim)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        y = self.fc(x)
        return x + y * cos[None] + y.flip(-1) * sin.unsqueeze(0)


class Turning(nn.Module):
    """A model that keeps the turns for more positions than it is given, and hands them on."""

    cos: Tensor
    sin: Tensor

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.h = nn.ModuleList(Turned(4) for _ in range(depth))
        angles = torch.arange(32.0).view(8, 4)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        cos, sin = self.cos[: x.shape[1]], self.sin[: x.shape[1]]
        for layer in self.h:
            x = layer(x, cos, sin)
        return x


class Biased(nn.Module):
    """A model whose layers are all given one parameter of it."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(1, 6, 4))
        self.parts = nn.ModuleList(Placed() for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        for part in self.parts:
            x = part(x, self.place)
        return x


class Placed(nn.Module):
    """One of its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)

    def forward(self, x: Tensor, where: Tensor) -> Tensor:
        return self.fc(torch.relu(x + where))


class Own(nn.Module):
    """A layer with numbers of its own, which nobody else reads."""

    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("scale", torch.arange(4.0))

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(x) * self.scale


def layers_of(text: str) -> str:
    """The layers of a spec, without its blocks."""
    return text.partition("\nlayers:\n")[2]


@pytest.mark.parametrize("depth", [2, 3, 5])
def test_numbers_that_each_layer_is_given_stand_in_front_of_them(depth: int) -> None:
    text = imported(Turning(depth), (6, 4)).text
    assert "turned(cos, sin):" in text and "turned: [cos, sin]" in text
    assert layers_of(text).count("Buffer") == 2 and f"repeat: {depth}" in text
    assert layers_of(text).index("Buffer") < layers_of(text).index("sequential")


def test_a_parameter_that_each_layer_is_given_stands_in_front_of_them_by_its_name() -> None:
    found = imported(Biased(), (6, 4))
    assert "placed(where):" in found.text and "{sequential: [placed: place], repeat: 3}" in found.text
    assert found.keys["place.weight"] == "place"


def test_numbers_that_one_layer_has_stay_in_it() -> None:
    text = imported(nn.Sequential(Own(), Own(), nn.ReLU(), Own()), (4,)).text
    assert "own:" in text and "Buffer" not in layers_of(text)


# ---- lists of lists


class Mixed(nn.Module):
    """A transformer as many write it: a list of pairs, of which each is added to what it is given."""

    def __init__(self, dim: int = 8, depth: int = 3, hidden: int = 16) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.ModuleList((nn.Sequential(nn.LayerNorm(dim), nn.Linear(dim, dim)), Hidden(dim, hidden)))
            for _ in range(depth)
        )

    def forward(self, x: Tensor) -> Tensor:
        for pair in self.layers:
            mix, feed = cast("Iterable[nn.Module]", pair)
            x = mix(x) + x
            x = feed(x) + x
        return x.mean(1)


class Hidden(nn.Module):
    """A layer with more numbers inside."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(dim), nn.Linear(dim, hidden), nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(torch.relu(self.up(self.norm(x))))


def test_the_last_of_a_list_of_lists_is_as_the_others() -> None:
    text = imported(Mixed(), (5, 8)).text
    assert "repeat: 3" in text and layers_of(text).count("hidden") == 1


def test_a_list_of_one_list_is_as_those_of_more() -> None:
    members = {"small": Mixed(depth=2), "one": Mixed(depth=1), "deep": Mixed(depth=4)}
    found = from_torch_variants(members, torch.randn(2, 5, 8))
    assert re.findall(r"depth: (\d)", found.text) == ["2", "1", "4"] and "repeat: depth" in found.text
    assert all(member.difference is not None for member in found.members.values())
    for name, module in members.items():
        netspec.build(netspec.loads(found.text, variant=name)).load_state_dict(module.state_dict())


class Stages(nn.Module):
    """Stages, each a list of pairs, of which the first has one."""

    def __init__(self, ks: tuple[int, ...]) -> None:
        super().__init__()
        self.ks = ks
        self.stages = nn.ModuleList(Stage(k) for k in ks)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = stage(x)
        return x


class Stage(nn.Module):
    """One of them."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.ModuleList((Hidden(8, 12), Hidden(8, 12))) for _ in range(k))
        self.last = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        for pair in self.blocks:
            one, two = cast("Iterable[nn.Module]", pair)
            x = one(x) + x
            x = two(x) + x
        return self.last(x)


def test_a_list_of_one_list_is_as_a_longer_one_behind_it() -> None:
    members = {"small": Stages((1, 2)), "large": Stages((3, 4))}
    found = from_torch_variants(members, torch.randn(2, 8))
    assert re.findall(r"^  \w+: \{(.*)\}$", found.text, re.MULTILINE)[:2] == ["ks: [1, 2]", "ks: [3, 4]"]
    module = Stages((2, 5))
    built = netspec.build(netspec.loads(found.text, variant="small", set={"ks": [2, 5]}))
    built.load_state_dict(module.state_dict())
    x = torch.randn(3, 8)
    assert torch.equal(built(x), module(x))


class Returning(Mixed):
    """Behind the list stands what looks like the end of a round, and is another sum."""

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for pair in self.layers:
            mix, feed = cast("Iterable[nn.Module]", pair)
            y = mix(y) + y
            y = feed(y)
        return y + x


def test_a_sum_with_something_else_is_not_of_the_last_list() -> None:
    text = imported(Returning(), (5, 8)).text
    assert text.splitlines()[-2:] == ["    name: layers", "  - add: [[], x]"]


# ---- numbers of families


class Attending(nn.Module):
    """Scores that are divided by the root of the width."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.query, self.key = nn.Linear(dim, dim), nn.Linear(dim, dim)
        self.root, self.scale = dim**0.5, (dim // heads) ** -0.5

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.query(x) / self.root, -1) * self.key(x) * self.scale


class Rooted(nn.Module):
    """A network of one width."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.first, self.attend, self.last = nn.Linear(6, base), Attending(base, 4), nn.Linear(base, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.attend(self.first(x)))


class Wide(nn.Module):
    """Layers of two kinds in turn, of which one divides by a root."""

    def __init__(self, base: int) -> None:
        super().__init__()
        self.first = nn.Linear(6, base)
        self.parts = nn.Sequential(Hidden(base, 2 * base), Attending(base, 1), Hidden(base, 2 * base))
        self.more = nn.Sequential(Hidden(base, 4 * base), Attending(base, 1), Hidden(base, 4 * base))

    def forward(self, x: Tensor) -> Tensor:
        return self.more(self.parts(self.first(x)))


@pytest.mark.parametrize("kind", [Rooted, Wide])
def test_a_root_of_a_width_follows_from_it(kind: type[nn.Module]) -> None:
    """Also for a width that no member has: what is written is what the factory makes."""
    found = from_torch_variants({"a": kind(16), "b": kind(32)}, torch.randn(2, 6))
    assert re.findall(r"^  \w+: \{(.*)\}$", found.text, re.MULTILINE)[:2] == ["width: 16", "width: 32"]
    module, net = kind(64), netspec.loads(found.text, variant="a", set={"width": 64})
    built = netspec.build(net)
    built.load_state_dict(module.state_dict())
    x = torch.randn(3, 6)
    assert torch.equal(built.eval()(x), module.eval()(x))


class Dropped(nn.Module):
    """Layers with a rate that has nothing to do with their width."""

    def __init__(self, width: int, rate: float) -> None:
        super().__init__()
        parts = [layer for _ in range(3) for layer in (nn.Linear(width, width), nn.ReLU(), nn.Dropout(rate))]
        self.first, self.parts, self.last = nn.Linear(6, width), nn.Sequential(*parts), nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.parts(self.first(x)))


@pytest.mark.parametrize("rates", [(0.1, 0.2), (0.25, 0.5)])
def test_a_rate_is_no_root(rates: tuple[float, float]) -> None:
    members = {"a": Dropped(24, rates[0]), "b": Dropped(96, rates[1])}
    found = from_torch_variants(members, torch.randn(2, 6))
    assert "** 0.5" not in found.text and f"drop: {rates[0]}" in found.text


# ---- names


class Dilated(nn.Module):
    """A layer with as much padding as dilation, of which its source names one."""

    def __init__(self, channels: int, dilation: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.relu(self.norm(self.conv(x)))


def test_what_has_the_values_of_a_named_number_is_called_as_that() -> None:
    with noting():
        module = nn.Sequential(*(Dilated(4, 2**i) for i in range(4)))
    text = imported(module, (4, 16)).text
    assert "dilated(dilation):" in text and "padding: dilation, dilation: dilation" in text
