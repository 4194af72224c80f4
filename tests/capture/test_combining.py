"""Modules of anybody's that compute what a combinator does are that combinator, and others are not."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from netspec.capture.importing import from_torch


class Skip(nn.Module):
    """A residual block of somebody's own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Dropout(0.1))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + x


class Turned(nn.Module):
    """One whose shortcut runs first, so that it drops other values than a spec's would."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))
        self.shortcut = nn.Sequential(nn.Linear(8, 8), nn.Dropout(0.5))

    def forward(self, x: Tensor) -> Tensor:
        other = self.shortcut(x)
        return self.body(x) + other


class Twice(nn.Module):
    """One whose body is read twice."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 8), nn.ReLU())

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.body(x)
        return x + y, y


class Named(nn.Module):
    """Gives its results by name."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 4)
        self.second = nn.Linear(8, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"policy": self.first(x), "value": self.second(x)}


class Kept(nn.Module):
    """Reads what dropout is given, which in eval mode is what it gives."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.drop = nn.Dropout(0.5)
        self.second = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        y = self.first(x)
        return self.second(self.drop(y)), y


def test_blocks_of_anybodys_are_a_loop_of_residuals() -> None:
    found = from_torch(nn.Sequential(Skip(8), Skip(8), Skip(8)), torch.zeros(2, 8))
    assert "repeat: 3" in found.text
    assert found.text.count("residual:") == 1
    assert found.keeps_keys


@pytest.mark.parametrize("kind", [Turned, Twice])
def test_what_a_residual_does_not_do_is_none(kind: type[nn.Module]) -> None:
    found = from_torch(kind(), torch.zeros(2, 8))
    assert "residual" not in found.text
    assert found.keeps_keys


def test_results_in_a_dict_keep_their_names() -> None:
    net = from_torch(Named(), torch.zeros(2, 8)).net
    assert [output.name for output in net.named_outputs] == ["policy", "value"]


def test_what_dropout_is_given_is_read_in_front_of_it() -> None:
    text = from_torch(Kept(), torch.zeros(2, 8), is_verified=False).text
    lines = [line.strip() for line in text.splitlines()]
    first = next(i for i, line in enumerate(lines) if "as:" in line)
    assert first < next(i for i, line in enumerate(lines) if "Dropout" in line)


class Long(nn.Sequential):
    """The sum of what forty layers give, which have numbers."""

    def forward(self, input: Tensor) -> Tensor:
        found = [layer(input) for layer in self]
        return sum(found[1:], found[0])


def test_long_sums_are_written_in_several_expressions() -> None:
    found = from_torch(Long(*(nn.Linear(2, 2) for _ in range(40))), torch.randn(2, 2))
    sums = [line for line in found.text.splitlines() if "use: " in line and " + " in line]
    assert len(sums) > 1
    assert max(map(len, sums)) < 256
