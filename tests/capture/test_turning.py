"""Queries and keys that a program turns by their positions are `rotary` of the attention that reads them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
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
    assert "numbers that the module computes of nothing that is saved: the proof has them with 64 bits" in found.notes
