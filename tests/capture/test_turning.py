"""Queries and keys that a program turns by their positions are `rotary` of the attention that reads them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.capture.importing import FromTorch, from_torch


class _Turns(nn.Module):
    """Turns of the first coordinates of queries and keys, as most programs write them."""

    inv_freq: Tensor

    def __init__(self, size: int, base: float, factor: float) -> None:
        super().__init__()
        self.size = size
        turns = factor / base ** (torch.arange(0, size, 2).float() / size)
        self.register_buffer("inv_freq", turns, persistent=False)

    def forward(self, q: Tensor, k: Tensor) -> tuple[Tensor, Tensor]:
        turns = torch.outer(torch.arange(q.shape[2]).float(), self.inv_freq)
        angles = torch.cat((turns, turns), -1)
        return self.turned(q, angles.cos(), angles.sin()), self.turned(k, angles.cos(), angles.sin())

    def turned(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        first, rest = x[..., : self.size], x[..., self.size :]
        a, b = first.chunk(2, -1)
        y = (first.float() * cos) + (torch.cat((-b, a), -1) * sin)
        return torch.cat((y.to(x.dtype), rest), -1)


class _Turning(nn.Module):
    """Attention of two heads of eight."""

    def __init__(self, what: str = "both", size: int = 8, base: float = 10000.0, factor: float = 1.0) -> None:
        super().__init__()
        self.qkv = nn.Linear(6, 48)
        self.turns = _Turns(size, base, factor)
        self.what = what

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (y.unflatten(-1, (2, 8)).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        q, key = self.turns(q, k)
        if self.what == "given":
            return q
        y = F.scaled_dot_product_attention(q, key if self.what == "both" else k, v)
        return y.transpose(1, 2).flatten(2)


def _imported(module: nn.Module) -> FromTorch:
    return from_torch(module, torch.randn(2, 5, 6), name="net")


@pytest.mark.parametrize(
    ("size", "base", "told"),
    [(8, 10000.0, "{base: 10000}"), (8, 500.0, "{base: 500}"), (4, 100.0, "{base: 100, fraction: 0.5}")],
)
def test_turns_are_an_option_of_the_attention(size: int, base: float, told: str) -> None:
    module = _Turning(size=size, base=base)
    found = _imported(module)
    assert f"  - {{attend: [[], k, v], heads: 2, rotary: {told}}}\n" in found.text
    assert "numbers that the module computes of nothing that is saved: the proof has them with 64 bits" in found.notes
    model = netspec.build(found.net)
    model.load_state_dict({own: module.state_dict()[key] for own, key in found.keys.items()})
    longer = torch.randn(3, 9, 6)
    with torch.no_grad():
        assert torch.allclose(model.eval()(longer), module.eval()(longer), atol=1e-5)


@pytest.mark.parametrize("module", [_Turning("one"), _Turning("given"), _Turning(size=4, factor=1.01)])
def test_other_turns_are_the_steps_that_they_are(module: nn.Module) -> None:
    """Of one of the two alone, of what the module gives, and with a factor."""
    found = _imported(module)
    assert "rotary" not in found.text
    assert "Buffer" in found.text


class _Stepwise(nn.Module):
    """Causal attention of four heads of eight, step by step, of queries and keys that are turned head by head."""

    def __init__(self, how: str = "", turn: str = "half", length: int = 64) -> None:
        super().__init__()
        self.qkv = nn.Linear(32, 96, bias=False)
        turns = 1 / 10000 ** (torch.arange(0, 8, 2).float() / 8)
        angles = torch.outer(torch.arange(length).float(), turns)
        angles = angles if turn == "pairs" else torch.cat((angles, angles), -1)
        self.cos, self.sin = angles.cos(), angles.sin()
        if how:
            cos, sin = self.cos, self.sin
            del self.cos, self.sin
            self.register_buffer("cos", cos[None, None], persistent=how == "saved")
            self.register_buffer("sin", sin[None, None], persistent=how == "saved")
        self.turn = turn

    def turned(self, x: Tensor) -> Tensor:
        cos, sin = (table[..., : x.shape[2], :] for table in (self.cos, self.sin))
        if self.turn == "pairs":
            a, b = x[..., ::2], x[..., 1::2]
            return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)
        a, b = x.chunk(2, -1)
        return x * cos + torch.cat((-b, a), -1) * sin if self.turn == "half" else F.layer_norm(x, (8,))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (y.unflatten(-1, (4, 8)).transpose(1, 2) for y in self.qkv(x).chunk(3, -1))
        scores = self.turned(q) @ self.turned(k).transpose(-2, -1) / 8**0.5
        future = torch.ones(x.shape[1], x.shape[1]).triu(1).bool()
        weights = scores.masked_fill(future, -torch.inf).softmax(-1)
        return (weights @ v).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("how", ["", "made", "saved"])
def test_tables_that_a_module_keeps_are_turns(how: str) -> None:
    """As plain attributes, and as buffers: for more positions than it is given, and with 32 bits."""
    found = from_torch(_Stepwise(how), torch.randn(2, 7, 32), name="net")
    assert "attend: [[], k, v], heads: 4, is_causal: true, rotary: {base: 10000}" in found.text
    assert found.left_out == ({"cos", "sin"} if how == "saved" else set())


@pytest.mark.parametrize("turn", ["pairs", "normed"])
def test_heads_that_something_else_was_done_to_are_attended_to_beside_others(turn: str) -> None:
    found = from_torch(_Stepwise(turn=turn), torch.randn(2, 7, 32), name="net")
    assert "is_causal: true}" in found.text
    assert "Softmax" not in found.text
