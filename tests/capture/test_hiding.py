"""Masks of every make: what they hide, where values are overwritten by them, and how they are moved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import from_torch
from tests.capture.test_choosing import FEATURES, WORDS, T, found_of, words_of

# ---- masks that hide scores


@pytest.mark.parametrize(
    ("choose", "layer"),
    [
        (lambda y, m: (y.mean(-1).masked_fill(~m, float("-inf")).softmax(-1)[..., None] * y).sum(1), "Softmax"),
        (lambda y, m: y.masked_fill(~m[..., None], -1e9).max(1).values, "Max"),
        (lambda y, m: T.where(m[..., None], y, float("inf")).amin(1), "Min"),
        (lambda y, m: y[T.arange(len(y)), y.mean(-1).masked_fill(~m, -1e9).argmax(1)], "Gather"),
        (lambda y, m: y.masked_fill(~m[..., None], -1e4).logsumexp(1), "LogSumExp"),
    ],
)
def test_a_low_number_hides_what_no_attention_reads(choose: Callable[[Tensor, Tensor], Tensor], layer: str) -> None:
    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        return choose(self.a(x), mask)

    found = found_of(forward, nn.Linear(6, 4), inputs=(FEATURES, WORDS > 0))
    assert words_of(found)[0] == "MaskedFill"
    assert f"- {layer}" in found.text or f"{{{layer}" in found.text
    again = from_torch(netspec.build(found.net), FEATURES, WORDS > 0)
    assert words_of(again) == words_of(found)


def test_what_is_hidden_throughout_is_told() -> None:
    def longest(self: Any, x: Tensor, lengths: Tensor) -> Tensor:
        behind = T.arange(x.size(1)) >= lengths[:, None]
        return self.a(x).masked_fill(behind[..., None], float("-inf")).amax(1)

    found = found_of(longest, nn.Linear(6, 4), inputs=(FEATURES, torch.tensor([3, 5])))
    told = "where the input `x2` of an example is 0 throughout, the module and the spec differ: the output of the "
    told += "module is not finite with random weights, that of the spec is at most 1e+09"
    assert told in found.notes


def put(number: Any) -> Callable[[Any, Tensor, Tensor], Tensor]:
    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        y = self.a(x)
        y[mask] = self.b.weight[0] if number is None else number
        return y

    return forward


@pytest.mark.parametrize(("number", "layer"), [(0, "MaskedFill"), (-1.5, "MaskedFill"), (None, "Where")])
def test_values_are_overwritten_where_a_mask_is_true(number: float | None, layer: str) -> None:
    parts = (nn.Linear(6, 4), nn.Linear(4, 1))
    assert words_of(found_of(put(number), *parts, inputs=(FEATURES, WORDS > 0))) == [layer]


def test_an_input_that_is_written_into() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        x[x > 1] = 1.0
        return self.a(x)

    assert words_of(found_of(forward, nn.Linear(6, 4), inputs=(FEATURES,))) == ["MaskedFill"]


def test_tensors_that_are_put_where_a_mask_is_true_are_refused_with_advice() -> None:
    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        y = self.a(x)
        y[mask] *= 2
        return y

    with pytest.raises(NotCaptured, match=r"tensors are put where a mask is true, .*: use `torch\.where`"):
        found_of(forward, nn.Linear(6, 4), inputs=(FEATURES, WORDS > 0))


# ---- masks of every make

LATER = torch.arange(5) > 1


@pytest.mark.parametrize(
    "made",
    [
        lambda i: ~(i == 0),
        lambda i: (i > 0) & (i < 3),
        lambda i: (i == 0) | (i == 2),
        lambda i: (i > 0) * (i < 3),
        lambda i: (i > 0) & LATER,
        lambda i: ~((i > 0) | LATER),
    ],
)
@pytest.mark.parametrize(
    "choose",
    [
        lambda x, m: x.masked_fill(m[..., None], 0.5),
        lambda x, m: T.where(m.unsqueeze(2).expand(-1, -1, 4), x, 2 * x),
        lambda x, m: x * m.unsqueeze(-1),
    ],
)
def test_a_mask_is_made_and_moved(made: Callable[[Tensor], Tensor], choose: Callable[..., Tensor]) -> None:
    def forward(self: Any, ids: Tensor) -> Tensor:
        return choose(self.a(ids), made(ids))

    found = found_of(forward, nn.Embedding(9, 4), inputs=(WORDS,))
    assert words_of(from_torch(netspec.build(found.net), WORDS)) == words_of(found)


def test_an_axis_in_the_middle_of_a_mask_stays_there() -> None:
    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        return x.masked_fill((~mask)[:, :, None], 0.5)

    mask = torch.rand(2, 3, 5) > 0.5
    assert words_of(found_of(forward, inputs=(torch.randn(2, 3, 4, 5), mask))) == ["MaskedFill"]


def test_pairs_of_places_that_both_masks_show() -> None:
    def forward(self: Any, x: Tensor, one: Tensor, other: Tensor) -> Tensor:
        return self.a(x).masked_fill(one[:, :, None] & other[:, None, :], 0.5)

    assert words_of(found_of(forward, nn.Linear(6, 5), inputs=(FEATURES, WORDS > 0, WORDS > 1))) == ["MaskedFill"]


def test_steps_in_front_of_the_batch() -> None:
    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        y, hidden = self.a(x).transpose(0, 1), ~mask.transpose(0, 1)[..., None]
        return T.where(hidden, self.b(x).transpose(0, 1), y) + y.masked_fill(hidden, 2.0)

    parts = (nn.Linear(6, 4), nn.Linear(6, 4))
    assert words_of(found_of(forward, *parts, inputs=(FEATURES, WORDS > 0))) == ["Where", "MaskedFill"]


@pytest.mark.parametrize(
    ("choose", "layers"),
    [
        (lambda x, m: T.where(m, 1.0, 0.0), []),
        (lambda x, m: T.where(m, 0, 3).float(), []),
        (lambda x, m: T.where(m, 2.0, -3.0), ["MaskedFill"]),
        (lambda x, m: x.where(m[..., None], -x)[..., 0], ["Where"]),
        (lambda x, m: m.any(1, keepdim=True)[..., None] * x, []),
    ],
)
def test_a_mask_chooses_between_numbers(choose: Callable[[Tensor, Tensor], Tensor], layers: list[str]) -> None:
    def forward(self: Any, x: Tensor, mask: Tensor) -> Tensor:
        return choose(self.a(x), mask)

    assert words_of(found_of(forward, nn.Linear(6, 4), inputs=(FEATURES, WORDS > 0))) == layers


def test_a_mean_of_nothing_is_no_number_in_both() -> None:
    def forward(self: Any, x: Tensor, seen: Tensor) -> Tensor:
        return (self.a(x) * seen.unsqueeze(-1)).sum(1) / seen.sum(1, keepdim=True)

    found = found_of(forward, nn.Linear(6, 4), inputs=(torch.randn(2, 5, 6), torch.ones(2, 5, dtype=torch.bool)))
    assert not any("differ" in note for note in found.notes), found.notes
