"""The example of a factory that was called wrongly is a call that makes a module."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from torch import nn

from netspec.capture.running.calls import example_call
from netspec.capture.running.factory import module_from
from netspec.capture.running.sources import module_source
from netspec.diagnostics import UsageError

pytestmark = pytest.mark.needs_torch


class Block(nn.Module):
    """Widths of which no annotation tells anything, of which eight groups are made."""

    def __init__(self, in_ch: Any, out_ch: Any, dropout: Any = 0.1) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, in_ch)
        self.conv = nn.Conv2d(in_ch, out_ch, 3)
        self.drop = nn.Dropout(dropout)


class Chosen(nn.Module):
    """A class that takes what its annotations say alone."""

    def __init__(
        self, widths: list[int], act: Literal["relu", "gelu"], name: str, *, bias: bool, p: float, n: int | None
    ) -> None:
        super().__init__()
        assert act == "relu" and name and bias is True and type(p) is float
        self.body = nn.Sequential(nn.Linear(widths[0], widths[1]), nn.Dropout(p))
        self.n = n


def tower(widths: tuple[int, float], flag: bool) -> nn.Module:
    assert flag is True
    return nn.Linear(widths[0], 3)


def one_of_two(n: Any) -> nn.Module:
    """What takes one of few numbers."""
    return {2: nn.AvgPool2d(2), 3: nn.AvgPool3d(2)}[n]


def configured(config: dict[str, int]) -> nn.Module:
    return nn.Linear(config["width"], 3)


@pytest.mark.parametrize(
    ("factory", "arguments", "named", "call"),
    [
        (Block, (), {}, "(8, 8)"),
        (Block, (16,), {}, "(16, 8)"),
        (Block, (4,), {}, "(8, 8)"),
        (Block, (), {"dropout": 0.5}, "(8, 8, dropout=0.5)"),
        (Block, (), {"width": 3}, "(8, 8)"),
        (Chosen, (), {}, "([8, 8], 'relu', 'name', bias=True, p=0.5, n=8)"),
        (tower, (), {}, "([8, 0.5], True)"),
        (one_of_two, (), {}, "(3)"),
        (nn.ReLU, (1, 2), {}, "()"),
        (configured, (), {}, None),
    ],
)
def test_an_example_has_numbers_and_what_annotations_say(
    factory: Callable[..., Any], arguments: tuple[Any, ...], named: dict[str, Any], call: str | None
) -> None:
    assert example_call(factory, arguments, named) == call


PROGRAM = """
from torch import nn
class Block(nn.Module):
    def __init__(self, in_ch, out_ch):
        super().__init__()
        self.norm, self.conv = nn.GroupNorm(8, in_ch), nn.Conv2d(in_ch, out_ch, 3)
def alone():
    return nn.Linear(4, 4)
def configured(config):
    return nn.Linear(config.width, 3)
def make():
    return nn.Linear(3, 3)
"""


@pytest.mark.parametrize("named", ["Block", "Block(4)", "Block(depth=2)", "alone(3)", "configured"])
def test_a_call_that_is_advised_makes_a_module(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "advised.py").write_text(PROGRAM)
    monkeypatch.chdir(tmp_path)

    def made(rest: str) -> nn.Module:
        source = module_source(f"advised.py:{rest}")
        assert source is not None
        return module_from(source)

    with pytest.raises(UsageError) as caught:
        made(named)
    told = str(caught.value)
    assert "'name'" not in told
    advice = re.search(r"advised\.py:([^`\"]+)[`\"]$", told)
    assert advice is not None, told
    assert isinstance(made(advice[1]), nn.Module)
