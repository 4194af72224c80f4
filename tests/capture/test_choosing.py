"""Values that are chosen by truth values and by numbers that the input decides."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import FromTorch, from_torch
from tests.capture.modules import around

T: Any = torch
"""torch, of whose functions some have no types."""


def found_of(forward: Callable[..., Any], *parts: nn.Module, inputs: tuple[Tensor, ...]) -> FromTorch:
    """The spec of a module with these layers and this `forward`."""
    return from_torch(around(forward, *parts), *inputs)


def words_of(found: FromTorch) -> list[str]:
    """The layers that choose, in their order."""
    return re.findall(r"MaskedFill|Where|Gather|ArgMax", found.text)


WORDS = torch.tensor([[3, 1, 2, 0, 0], [1, 4, 4, 2, 0]])
FEATURES = torch.randn(2, 5, 6)


def few(y: Tensor) -> Tensor:
    """Numbers of places that are in every axis."""
    return (y > 0).sum(1, keepdim=True).clamp(max=3)


# ---- by truth values


@pytest.mark.parametrize(
    ("choose", "layers"),
    [
        (lambda x, y: T.where(x > 0, x, 0.1 * x), ["Where"]),
        (lambda x, y: T.where(x > 0, y, x), ["Where"]),
        (lambda x, y: T.where(x > 0, x, 0.0), ["MaskedFill"]),
        (lambda x, y: T.where(x > 0, 1.0, x), ["MaskedFill"]),
        (lambda x, y: T.where(~(x > 0), x, y), ["Where"]),
        (lambda x, y: T.where((x > 0) & (y > 0), x, y), ["Where"]),
        (lambda x, y: T.where(x.sum(-1, keepdim=True) > 0, x, y), ["Where"]),
        (lambda x, y: T.where(x > 0, x, y.mean(-1, keepdim=True)), ["Where"]),
        (lambda x, y: T.where(x > 0, y.mean(-1, keepdim=True), x), ["Where"]),
        (lambda x, y: T.where(T.eye(5, 6).bool(), x, y), ["Where"]),
        (lambda x, y: x.masked_fill(y > 0, 2.0), ["MaskedFill"]),
        (lambda x, y: x.masked_fill(~(y > 0), 2.0), ["MaskedFill"]),
    ],
)
def test_a_condition_that_the_input_decides(choose: Callable[[Tensor, Tensor], Tensor], layers: list[str]) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return choose(self.a(x), self.b(x))

    assert words_of(found_of(forward, nn.Linear(6, 6), nn.Linear(6, 6), inputs=(FEATURES,))) == layers


def test_words_of_padding_have_a_vector_that_is_learned() -> None:
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words = nn.Embedding(9, 4)
            self.none = nn.Parameter(torch.zeros(4))

        def forward(self, ids: Tensor) -> Tensor:
            return T.where((ids == 0).unsqueeze(-1), self.none, self.words(ids)).sum(1)

    found = from_torch(Net(), WORDS)
    assert words_of(found) == ["Where"]
    assert "name: none" in found.text


def test_an_input_of_truth_values_and_its_opposite() -> None:
    def forward(self: Any, x: Tensor, keep: Tensor) -> Tensor:
        y = self.a(x)
        return T.where(keep.unsqueeze(-1), y, 0.0) + y.masked_fill(keep[..., None], 2.0)

    found = found_of(forward, nn.Linear(6, 4), inputs=(FEATURES, WORDS > 0))
    assert words_of(found) == ["MaskedFill", "MaskedFill"]


def test_two_tensors_that_are_both_repeated_are_refused() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        y = self.a(x)
        return T.where(y > 0, y.mean(1, keepdim=True), y.mean(2, keepdim=True))

    with pytest.raises(NotCaptured, match=r"test_choosing\.py:\d+: `where` of two tensors that are both repeated"):
        found_of(forward, nn.Linear(6, 4), inputs=(FEATURES,))


@pytest.mark.parametrize(
    "choose",
    [
        lambda x, seen: x.masked_fill(seen.any(1)[:, None, None], 2.0),
        lambda x, seen: x.masked_fill(seen.all(1)[:, None, None], 2.0),
        lambda x, seen: T.where(seen.any(1, keepdim=True)[..., None], x, 2.0 * x),
    ],
)
def test_whether_any_or_all_are_true(choose: Callable[[Tensor, Tensor], Tensor]) -> None:
    def forward(self: Any, x: Tensor, seen: Tensor) -> Tensor:
        return choose(self.a(x), seen)

    assert words_of(found_of(forward, nn.Linear(6, 4), inputs=(FEATURES, WORDS > 2)))


def test_steps_behind_a_length_that_is_given_are_left_out() -> None:
    def mean(self: Any, x: Tensor, lengths: Tensor) -> Tensor:
        seen = T.arange(x.size(1))[None, :] < lengths[:, None]
        return (self.a(x) * seen.unsqueeze(-1)).sum(1) / lengths.clamp(min=1)[:, None]

    def attended(self: Any, x: Tensor, lengths: Tensor) -> Tensor:
        hidden = T.arange(x.size(1)) >= lengths[:, None]
        return self.a(x, x, x, key_padding_mask=hidden)[0].masked_fill(hidden[..., None], 0.0)

    lengths = torch.tensor([3, 5])
    assert "Less" in found_of(mean, nn.Linear(6, 4), inputs=(FEATURES, lengths)).text
    attention = nn.MultiheadAttention(6, 2, batch_first=True)
    assert words_of(found_of(attended, attention, inputs=(FEATURES, lengths))) == ["MaskedFill"]


def test_tensors_are_compared_by_their_difference() -> None:
    def larger(self: Any, x: Tensor) -> Tensor:
        a, b = self.a(x), self.b(x)
        return T.where(a > b, 2 * a, b)

    def same(self: Any, ids: Tensor) -> Tensor:
        return (ids[:, :, None] == ids[:, None, :]).float() @ self.a(ids)

    def refused(self: Any, x: Tensor) -> Tensor:
        return T.where(self.a(x) >= self.b(x), x, 2 * x)  # infinite ones are equal, and their difference is none

    parts = (nn.Linear(6, 6), nn.Linear(6, 6))
    assert "Greater: 0" in found_of(larger, *parts, inputs=(FEATURES,)).text
    assert "Equal: 0" in found_of(same, nn.Embedding(9, 4), inputs=(WORDS,)).text
    with pytest.raises(NotCaptured, match=r"test_choosing\.py:\d+: `ge` of two tensors has no form"):
        found_of(refused, *parts, inputs=(FEATURES,))


# ---- by numbers


def test_the_state_behind_the_last_word_of_each_text() -> None:
    def forward(self: Any, ids: Tensor) -> Tensor:
        lengths = (ids != 0).sum(1)
        states, _ = self.b(self.a(ids))
        return self.c(states[T.arange(ids.shape[0]), (lengths - 1).clamp(min=0)])

    parts = (nn.Embedding(9, 6), nn.GRU(6, 6, batch_first=True), nn.Linear(6, 3))
    assert words_of(found_of(forward, *parts, inputs=(WORDS,))) == ["Gather"]


def test_lengths_that_are_given() -> None:
    def forward(self: Any, x: Tensor, lengths: Tensor) -> Tensor:
        states, _ = self.a(x)
        return self.b(states[T.arange(x.size(0)), lengths - 1, :])

    parts = (nn.LSTM(6, 6, batch_first=True), nn.Linear(6, 3))
    found = found_of(forward, *parts, inputs=(FEATURES, torch.tensor([3, 5])))
    assert words_of(found) == ["Gather"]


@pytest.mark.parametrize(
    ("choose", "layers"),
    [
        (lambda y, s: y[T.arange(len(y)), s.argmax(1)], ["ArgMax", "Gather"]),
        (lambda y, s: y[T.arange(len(y)), s.argmin(-1)], ["ArgMax", "Gather"]),
        (lambda y, s: y[T.arange(len(y)), s.max(1)[1]], ["ArgMax", "Gather"]),
        (lambda y, s: y[T.arange(len(y)), s.max(1).indices] * s.max(1).values[:, None], ["ArgMax", "Gather"]),
        (lambda y, s: y.gather(1, s.argmax(1)[:, None, None].expand(-1, 1, 4)).squeeze(1), ["ArgMax", "Gather"]),
        (lambda y, s: T.take_along_dim(y, s.argmax(1, keepdim=True)[..., None], 1), ["ArgMax", "Gather"]),
        (lambda y, s: s.gather(1, s.argmax(1, keepdim=True)), ["ArgMax", "Gather"]),
        (lambda y, s: y[T.arange(len(y))[:, None], few(y)[:, 0]], ["Gather"]),
        (lambda y, s: y[T.arange(len(y)), 2], []),
        (lambda y, s: y[T.arange(len(y)), :, -1], []),
    ],
)
def test_places_that_each_example_chooses(choose: Callable[[Tensor, Tensor], Tensor], layers: list[str]) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return choose(self.a(x), self.b(x).squeeze(-1))

    x = torch.randn(2, 7, 6)
    assert words_of(found_of(forward, nn.Linear(6, 4), nn.Linear(6, 1), inputs=(x,))) == layers


@pytest.mark.parametrize(
    ("choose", "told"),
    [
        (lambda y: y.gather(2, few(y)), "`gather` of other places for each number has no form"),
        (lambda y: y.gather(1, few(y)), "`gather` of other places for each number has no form"),
        (lambda y: y.argmax() + y, "`argmax` over the batch mixes examples"),
        (lambda y: y[T.arange(len(y)).flip(0), y.sum(2).argmax(1)], "values are chosen by several tensors"),
    ],
)
def test_places_of_other_kinds_are_refused(choose: Callable[[Tensor], Tensor], told: str) -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return choose(self.a(x))

    with pytest.raises(NotCaptured) as caught:
        found_of(forward, nn.Linear(6, 4), inputs=(torch.randn(2, 7, 6),))
    assert re.search(rf"test_choosing\.py:\d+: {re.escape(told)}", str(caught.value))


# ---- whole numbers


@pytest.mark.parametrize(
    "change",
    [
        lambda i: i.masked_fill(i == 3, 1),
        lambda i: T.where(i < 2, 2, i),
        lambda i: T.minimum(i, T.tensor(2)),
        lambda i: T.maximum(i, i[:, :1]),
        lambda i: -(i.neg()),
        lambda i: i * i.any(1, keepdim=True),
        lambda i: i * i.all(1, keepdim=True),
    ],
)
def test_words_become_others(change: Callable[[Tensor], Tensor]) -> None:
    def forward(self: Any, ids: Tensor) -> Tensor:
        return self.a(change(ids))

    assert "Embedding" in found_of(forward, nn.Embedding(9, 4), inputs=(WORDS,)).text


@pytest.mark.parametrize(
    "choose",
    [
        lambda y, i: y[range(len(y)), i],
        lambda y, i: y[T.arange(len(y)), i, 0],
        lambda y, i: y[T.arange(len(y)), i, 1:],
        lambda y, i: y[T.arange(len(y)), i, None],
        lambda y, i: y.gather(1, i[:, None, None].repeat(1, 1, y.size(2))),
    ],
)
def test_further_ways_to_choose_a_place(choose: Callable[[Tensor, Tensor], Tensor]) -> None:
    def forward(self: Any, x: Tensor, places: Tensor) -> Tensor:
        return choose(self.a(x), places)

    found = found_of(forward, nn.Linear(6, 4), inputs=(FEATURES, torch.tensor([3, 1])))
    assert words_of(found) == ["Gather"]


def test_rows_of_a_parameter_that_the_nearest_code_names() -> None:
    class Codes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.codes = nn.Parameter(torch.zeros(7, 6))

        def forward(self, x: Tensor) -> Tensor:
            return self.codes[(x @ self.codes.t()).argmin(-1)]

    found = from_torch(Codes(), FEATURES)
    assert words_of(found) == ["ArgMax"] and "Embedding" in found.text
    assert words_of(from_torch(netspec.build(found.net), FEATURES)) == ["ArgMax"]


def test_blocks_that_are_given_a_mask_are_imported_again() -> None:
    class Reader(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 6)

        def forward(self, x: Tensor, mask: Tensor) -> Tensor:
            scores = self.q(x) @ self.k(x).transpose(1, 2)
            return x + scores.masked_fill(~mask[:, None], -1e9).softmax(-1) @ self.v(x)

    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        for reader in self.a:
            x = reader(x, mask)
        return x

    found = found_of(forward, nn.ModuleList(Reader() for _ in range(3)), inputs=(FEATURES, WORDS > 0))
    again = from_torch(netspec.build(found.net), FEATURES, WORDS > 0)
    assert found.text.count("attend") == again.text.count("attend") == 1
