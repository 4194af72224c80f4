"""Queries and keys that a program turns by their positions are `rotary` of the attention that reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.capture.importing import from_torch
from tests.capture.test_from_torch import imported

Rotate = Callable[[Tensor, Tensor], Tensor]


def by_slices(x: Tensor, turns: Tensor) -> Tensor:
    """Llama's program: the halves are slices, and the tables have an axis for the heads."""
    angles = torch.arange(x.shape[2])[:, None].float() * turns
    cos, sin = (torch.cat((f(angles),) * 2, -1)[None].to(x.dtype) for f in (torch.cos, torch.sin))
    size = 2 * turns.numel()
    y, rest = x[..., :size], x[..., size:]
    y = y * cos + torch.cat((-y[..., size // 2 :], y[..., : size // 2]), -1) * sin
    return torch.cat((y, rest), -1) if size < x.shape[-1] else y


def by_chunks(x: Tensor, turns: Tensor) -> Tensor:
    """As Phi's: chunks of what is always cut, in the precision of the tables."""
    angles = torch.outer(torch.arange(x.shape[2]).float(), turns).repeat(1, 2)
    size = 2 * turns.numel()
    a, b = x[..., :size].chunk(2, -1)
    y = (x[..., :size].float() * angles.cos()) + (torch.cat((-b, a), -1) * angles.sin())
    return torch.cat((y.to(x.dtype), x[..., size:]), -1)


def falling(base: float, size: int) -> Tensor:
    return 1.0 / base ** (torch.arange(0, size, 2) / size)


class Turning(nn.Module):
    """Causal attention of four heads whose queries and keys are turned, two of keys and values for all of them."""

    def __init__(self, rotate: Rotate, turns: Tensor, what: str = "both") -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(16, size, bias=False) for size in (32, 16, 16))
        self.register_buffer("turns", turns, persistent=False)
        self.rotate = rotate
        self.what = what

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).unflatten(2, (-1, 8)).transpose(1, 2) for part in (self.q, self.k, self.v))
        turns = self.get_buffer("turns")
        q, turned = self.rotate(q, turns), self.rotate(k, turns)
        if self.what == "given":
            return q
        key = turned if self.what == "both" else k
        y = F.scaled_dot_product_attention(q, key, v, is_causal=True, enable_gqa=True)
        return y.transpose(1, 2).flatten(2)


@pytest.mark.parametrize("rotate", [by_slices, by_chunks])
@pytest.mark.parametrize(
    ("base", "size", "said"),
    [
        (10000.0, 8, "rotary: {base: 10000}"),
        (500000.0, 8, "rotary: {base: 500000}"),
        (100.0, 4, "rotary: {base: 100, fraction: 0.5}"),
    ],
)
def test_turns_are_an_option_of_the_attention(rotate: Rotate, base: float, size: int, said: str) -> None:
    module = Turning(rotate, falling(base, size))
    found = imported(module, (7, 16))
    assert said in found.text
    assert "Buffer" not in found.text
    assert found.keeps_keys
    model = netspec.build(found.net)
    model.load_state_dict(module.state_dict())
    longer = torch.randn(3, 9, 16)
    with torch.no_grad():
        assert torch.allclose(model.eval()(longer), module.eval()(longer), atol=1e-5)


@pytest.mark.parametrize("rotate", [by_slices, by_chunks])
@pytest.mark.parametrize(
    ("what", "turns"),
    [("one", falling(10000, 8)), ("given", falling(10000, 8)), ("both", falling(10000, 8) ** 1.1 + 0.01)],
)
def test_other_turns_are_the_steps_that_they_are(rotate: Rotate, what: str, turns: Tensor) -> None:
    """Of one of the two alone, of what the module gives, and those of a scale for longer sequences: with 64 bits on
    both sides they are equal."""
    found = imported(Turning(rotate, turns, what), (7, 16))
    assert "rotary" not in found.text
    assert "Buffer" in found.text
    assert any(note.startswith("the module computes numbers of neither its input nor its") for note in found.notes)


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


@pytest.mark.parametrize("how", ["", "made", "saved"])
def test_coordinates_may_be_turned_in_pairs_of_neighbours(how: str) -> None:
    found = from_torch(_Stepwise(how, turn="pairs"), torch.randn(2, 7, 32), name="net")
    assert "heads: 4, is_causal: true, rotary: {base: 10000, layout: interleaved}" in found.text


class Llama(nn.Module):
    """As Llama's reference code: pairs are complex numbers, and turned by a product."""

    def __init__(self, axis: int = 1, turns: Tensor | None = None) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(32, 32, bias=False) for _ in range(3))
        angles = torch.outer(torch.arange(64), falling(500000, 8) if turns is None else turns)
        self.freqs_cis = torch.polar(torch.ones_like(angles), angles)
        self.axis = axis

    def turned(self, x: Tensor) -> Tensor:
        pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
        shape = [x.shape[i] if i in (self.axis, 3) else 1 for i in range(3)] + [4]
        return torch.view_as_real(pairs * self.freqs_cis[: x.shape[self.axis]].view(*shape)).flatten(3).type_as(x)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).view(len(x), -1, 4, 8) for part in (self.q, self.k, self.v))
        q, k, v = (y.transpose(1, 2) for y in (self.turned(q), self.turned(k), v))
        scores = q @ k.transpose(2, 3) / 8**0.5 + torch.full((x.shape[1],) * 2, float("-inf")).triu(1)
        return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


def test_products_with_complex_numbers_are_turns() -> None:
    module = Llama()
    found = imported(module, (7, 32))
    assert "{attend: q, heads: 4, is_causal: true, rotary: {base: 500000, layout: interleaved}}" in found.text
    assert found.keeps_keys
    model = netspec.build(found.net)
    model.load_state_dict(module.state_dict())
    longer = torch.randn(3, 9, 32)
    with torch.no_grad():
        assert torch.allclose(model.eval()(longer), module.eval()(longer), atol=1e-5)


@pytest.mark.parametrize(
    "module", [Llama(axis=2), Llama(turns=falling(10000, 8) ** 1.1 + 0.01)], ids=["heads", "scaled"]
)
def test_other_products_with_complex_numbers_are_their_steps(module: nn.Module) -> None:
    """By the heads' numbers instead of the positions', of which there are as many, and by other angles."""
    found = imported(module, (4, 32))
    assert "rotary" not in found.text and "Buffer" in found.text


def test_heads_that_something_else_was_done_to_are_attended_to_beside_others() -> None:
    found = from_torch(_Stepwise(turn="normed"), torch.randn(2, 7, 32), name="net")
    assert "is_causal: true}" in found.text
    assert "Softmax" not in found.text
