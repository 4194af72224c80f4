"""The Transformer of the paper and those like it: an encoder with padding, a decoder; each a module written by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.zoo.agreement import agree

Function = Callable[[Tensor], Tensor]


def attended(q: Tensor, k: Tensor, v: Tensor, heads: int, hidden: Tensor) -> Tensor:
    """Attention written out, of (N, L, width) in heads; `hidden` is true where nothing takes part."""
    q, k, v = (y.unflatten(-1, (heads, -1)).transpose(1, 2) for y in (q, k, v))
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(hidden, -torch.inf)
    return (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)


class Itself(nn.Module):
    """Queries, keys and values are rows of one matrix."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.rows, self.out = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        return self.out(attended(*self.rows(x).chunk(3, -1), self.heads, hidden))  # type: ignore[no-any-return]


class Other(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor, hidden: Tensor) -> Tensor:
        y = attended(self.query(x), self.key(memory), self.value(memory), self.heads, hidden)
        return self.out(y)  # type: ignore[no-any-return]


class Layer(nn.Module):
    """A norm behind each sum."""

    def __init__(self, width: int, heads: int, act: Function, *, decodes: bool = False) -> None:
        super().__init__()
        self.norm1, self.itself, self.act = nn.LayerNorm(width), Itself(width, heads), act
        if decodes:
            self.other, self.norm2 = Other(width, heads), nn.LayerNorm(width)
        self.up, self.down, self.norm3 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width), nn.LayerNorm(width)

    def forward(self, x: Tensor, hidden: Tensor, memory: Tensor | None = None, pad: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.itself(x, hidden))
        if memory is not None and pad is not None:
            x = self.norm2(x + self.other(x, memory, pad))
        return self.norm3(x + self.down(self.act(self.up(x))))  # type: ignore[no-any-return]


class Translator(nn.Module):
    """`placed` says how the words of one side, 0 the source's and 1 the target's, know their places."""

    def __init__(self, words: int, width: int, depth: int, heads: int, act: Function) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width)
        self.encoder = nn.ModuleList(Layer(width, heads, act) for _ in range(depth))
        self.decoder = nn.ModuleList(Layer(width, heads, act, decodes=True) for _ in range(depth))

    def placed(self, x: Tensor, side: int) -> Tensor:
        raise NotImplementedError

    def states(self, source: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        pad = ~mask[:, None, None]
        x = self.placed(self.words(source), 0)
        for layer in self.encoder:
            x = layer(x, pad)
        y = self.placed(self.words(target), 1)
        later = torch.ones(y.shape[1], y.shape[1], dtype=torch.bool).triu(1)
        for layer in self.decoder:
            y = layer(y, later, x, pad)
        return y

    def forward(self, source: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        return self.states(source, mask, target) @ self.words.weight.mT


def angles_of(x: Tensor) -> Tensor:
    """The angles of the places of a side, in double precision; their sines and cosines are rounded once."""
    half = x.shape[-1] // 2
    return torch.arange(x.shape[1]).double()[:, None] * 10000 ** (-torch.arange(half).double() / half)


class Transformer(Translator):
    """Sines stand in the even places of a vector, cosines in the odd ones: section 3.5."""

    def placed(self, x: Tensor, side: int) -> Tensor:
        angles, waves = angles_of(x), torch.zeros(x.shape[1:])
        waves[:, 0::2], waves[:, 1::2] = angles.sin(), angles.cos()
        return x * x.shape[-1] ** 0.5 + waves.to(x)


class Marian(Translator):
    """Half of a vector are sines, and the scores have a bias."""

    def __init__(self, words: int, width: int, depth: int, heads: int, act: Function) -> None:
        super().__init__(words, width, depth, heads, act)
        self.score = nn.Linear(width, words)
        self.score.weight = self.words.weight

    def placed(self, x: Tensor, side: int) -> Tensor:
        angles = angles_of(x)
        return x * x.shape[-1] ** 0.5 + torch.cat([angles.sin(), angles.cos()], 1).float().to(x)

    def forward(self, source: Tensor, mask: Tensor, target: Tensor) -> Tensor:
        return self.score(self.states(source, mask, target))  # type: ignore[no-any-return]


class Bart(Translator):
    """Places are learned, from the third row on, and the sum has a norm."""

    def __init__(self, words: int, width: int, depth: int, heads: int, act: Function) -> None:
        super().__init__(words, width, depth, heads, act)
        self.places = nn.ParameterList(nn.Parameter(torch.randn(14, width)) for _ in range(2))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))

    def placed(self, x: Tensor, side: int) -> Tensor:
        return self.norms[side](x + self.places[side][2 : 2 + x.shape[1]])  # type: ignore[no-any-return]


SIZES = {"words": 40, "length": 9, "target_length": 7, "width": 16, "depth": 2, "heads": 4}


def test_the_transformer_has_sines_and_cosines_in_turns() -> None:
    agree("language/transformer", Transformer(40, 16, 2, 4, F.relu), variant="transformer_base", set=SIZES)


@pytest.mark.slow
def test_marian_has_sines_in_front_of_cosines_and_a_bias_of_its_scores() -> None:
    agree("language/transformer", Marian(40, 16, 2, 4, F.silu), variant="marian", set=SIZES)


def test_bart_learns_its_places_from_the_third_row_on() -> None:
    agree("language/bart", Bart(40, 16, 2, 4, F.gelu), variant="bart_base", set=SIZES | {"positions": 12})
