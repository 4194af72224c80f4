"""Attention written out: one query after the other."""

from __future__ import annotations

from random import Random
from typing import Any

import torch
from torch import Tensor


def turned(x: Tensor, rotary: dict[str, Any]) -> Tensor:
    """Vectors (N, heads, L, size) turned by complex numbers; the angles are float32, as published models have them."""
    size = round(x.shape[-1] * rotary["fraction"])
    part, rest = x[..., :size], x[..., size:]
    exponents = torch.arange(0, size, 2).float() / size
    angles = torch.outer(torch.arange(x.shape[2]).float(), 1.0 / rotary["base"] ** exponents)
    turns = torch.complex(angles.cos().double(), angles.sin().double())
    interleaved = rotary["layout"] == "interleaved"
    pairs = part.unflatten(-1, (-1, 2)) if interleaved else part.unflatten(-1, (2, -1)).transpose(-1, -2)
    result = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * turns)
    return torch.cat([(result if interleaved else result.transpose(-1, -2)).flatten(-2), rest], -1)


def attended(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, bias: Tensor | None, a: dict[str, Any]) -> Tensor:
    """Attention on (N, heads, L, size), written out: scores, who is seen, softmax, sums; one row after the other."""
    heads, groups = q.shape[1], k.shape[1]
    if "rotary" in a:
        q, k = turned(q, a["rotary"]), turned(k, a["rotary"])
    shape = (q.shape[0], heads, q.shape[2], k.shape[2])
    seen = torch.ones(shape, dtype=torch.bool) if mask is None else wide(mask, shape)
    added = torch.zeros(shape) if bias is None else wide(bias, shape)
    results: list[Tensor] = []
    for head in range(heads):
        shared = head // (heads // groups)
        for i in range(shape[2]):
            positions = torch.arange(shape[3])
            visible = seen[:, head, i]
            if a.get("is_causal"):
                visible = visible & (positions <= i) & (positions > i - a.get("window", 999))
            scores = (k[:, shared] * q[:, head, i, None]).sum(-1) * a.get("scale", q.shape[-1] ** -0.5)
            weights = torch.where(visible, (scores + added[:, head, i]).exp(), 0.0)
            total = weights.sum(-1, keepdim=True)
            weights = torch.where(total > 0, weights / torch.where(total > 0, total, 1.0), 0.0)
            results.append((weights[..., None] * v[:, shared]).sum(1))
    return torch.stack(results, 1).unflatten(1, (heads, -1))


def wide(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """A mask or bias over heads, queries and keys."""
    x = x.reshape(x.shape[0], *(1 for _ in range(4 - x.dim())), *x.shape[1:])
    return x.expand(shape)


def shape_of(rng: Random, heads: int, queries: int, keys: int) -> list[int]:
    """The shape of a mask or a bias: of one, two or three axes, some of size 1."""
    whole = [heads, queries, keys][rng.randint(0, 2) :]
    return [1 if rng.random() < 0.15 else size for size in whole]
