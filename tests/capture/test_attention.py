"""Attention and masks that a program writes step by step are `attend`, or are refused with a reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import netspec
from netspec.capture.graph import NotCaptured
from netspec.capture.importing import FromTorch, from_torch
from netspec.capture.modules.units import known_unit
from tests.capture.gpts import MinGPT, NanoGPT
from tests.capture.lessons import Decoder, DecoderLayer, EncoderLayer, Lesson, Translator
from tests.capture.modules import around
from tests.capture.students import EinsumAttention
from tests.capture.test_from_torch import equal, imported


def agrees(module: nn.Module, found: FromTorch, *inputs: Tensor) -> bool:
    model = netspec.build(found.net)
    state = module.state_dict()
    wanted = model.state_dict()
    model.load_state_dict({own: state[key].reshape(wanted[own].shape) for own, key in found.keys.items()})
    return torch.allclose(model.eval()(*inputs), module.eval()(*inputs), atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "length", "told", "lines"),
    [
        (MinGPT, 10, "attend: [[], k, v], heads: 4, is_causal: true, dropout: 0.1", 42),
        (NanoGPT, 10, "attend: [[], k, v], heads: 4, is_causal: true, dropout: 0.1", 42),
        (Lesson, 8, "attend: [q, k, []], is_causal: true, dropout: 0.2", 54),
        (Decoder, 9, "attend: [q, k, []], heads: 4, is_causal: true", 44),
    ],
)
def test_transformers_from_scratch_are_a_few_lines(
    kind: Callable[[], nn.Module], length: int, told: str, lines: int
) -> None:
    module = kind()
    words = torch.randint(0, 40, (2, length))
    found = from_torch(module, words)
    assert told in found.text
    assert found.blocks >= 2
    assert len(found.text.splitlines()) <= lines
    assert agrees(module, found, words)


def test_a_unit_by_its_formula_is_known_by_what_it_computes() -> None:
    assert "- GELU: tanh\n" in from_torch(MinGPT(), torch.randint(0, 40, (2, 10))).text


def test_einsum_of_heads_is_attention() -> None:
    module = EinsumAttention()
    found = imported(module, (7, 32), (7, 32), (7, 32))
    assert "attend: [[], keys_2, values_2], heads: 4, scale: " in found.text
    assert found.keeps_keys
    assert equal(module, found, (7, 32), (7, 32), (7, 32))


def test_masks_that_are_inputs_are_those_of_attention() -> None:
    x, memory = torch.randn(2, 5, 16), torch.randn(2, 6, 16)
    source = torch.tensor([[[[True] * 4 + [False] * 2]]] * 2)
    target = torch.ones(2, 1, 5, 5, dtype=torch.bool).tril()
    for module, inputs in (
        (EncoderLayer(16, 2, 32, 0.1), (memory, source)),
        (DecoderLayer(16, 2, 32, 0.1), (x, memory, source, target)),
    ):
        found = from_torch(module, *inputs)
        assert re_masks(found.text) == (["mask"] if len(inputs) == 2 else ["tgt_mask", "src_mask"])
        assert agrees(module, found, *inputs)


def re_masks(text: str) -> list[str]:
    """The masks that attention is given, in order."""
    return [line.rpartition("mask: ")[2].rstrip("}") for line in text.splitlines() if "attend" in line]


def test_a_mask_that_hides_all_keys_of_some_queries_is_no_mask_of_attention() -> None:
    found = from_torch(Translator(), torch.randint(0, 40, (2, 9)), torch.randint(0, 40, (2, 7)))
    assert "MaskedFill: {value: -1000000000.0" in found.text and "attend" in found.text


class Reads(nn.Module):
    """Words of which 0 is padding, which takes no part and has no position, as RoBERTa has it with 1."""

    def __init__(self, hide: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(20, 8, padding_idx=0), nn.Embedding(30, 8)
        self.kinds: Tensor
        self.register_buffer("kinds", torch.zeros(1, 30, dtype=torch.int64), persistent=False)
        self.kind = nn.Embedding(2, 8)
        self.turn = nn.Linear(8, 24)
        self.hide = hide

    def forward(self, ids: Tensor) -> Tensor:
        mask = ids.ne(0).int()
        places = (torch.cumsum(mask, dim=1).type_as(mask) + 0) * mask
        kinds = torch.gather(self.kinds.expand(ids.shape[0], -1), dim=1, index=places.long())
        x = self.words(ids) + self.places(places.long() + 3) + self.kind(kinds)
        q, k, v = self.turn(x).chunk(3, -1)
        return (q @ k.transpose(-2, -1)).masked_fill(self.hide(ids), float("-inf")).softmax(-1) @ v


def _padding(ids: Tensor) -> Tensor:
    return (ids == 0).unsqueeze(1)


def _no_word(ids: Tensor) -> Tensor:
    return ~(ids > 0)[:, None]


def _either(ids: Tensor) -> Tensor:
    return ((ids == 0) | (ids < 0))[:, None]


def _not_all(ids: Tensor) -> Tensor:
    return ~((ids != 0) & ~(ids < 0) & (ids <= 99))[:, None]


@pytest.mark.parametrize("hide", [_padding, _no_word, _either, _not_all])
def test_words_are_compared_and_counted(hide: Callable[[Tensor], Tensor]) -> None:
    module = Reads(hide)
    ids = torch.randint(0, 20, (2, 16))
    found = from_torch(module, ids)
    assert "CumSum: 1" in found.text
    assert re_masks(found.text)
    assert agrees(module, found, ids)


def _scores(self: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    q, k, v = self.a(x).chunk(3, -1)
    return q @ k.transpose(-2, -1) / math.sqrt(8), v


def _filled(self: Any, x: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    later = torch.triu(torch.ones(x.shape[1], x.shape[1]), diagonal=1).bool()
    return scores.masked_fill(later, -1e9).softmax(-1) @ v


def _added(self: Any, x: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    mask = torch.full((x.shape[1], x.shape[1]), float("-inf")).triu(1)
    return F.softmax(scores + mask, dim=-1) @ v


def _where(self: Any, x: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    return torch.where(seen, scores, torch.tensor(float("-inf"))).softmax(2) @ v


@pytest.mark.parametrize("forward", [_filled, _added, _where])
def test_ways_to_hide_what_comes_later_are_one_word(forward: Any) -> None:
    module = around(forward, nn.Linear(8, 24))
    found = imported(module, (5, 8))
    assert "is_causal: true" in found.text
    assert "scale" not in found.text
    assert equal(module, found, (5, 8))


def _near(self: Any, x: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    near = torch.ones(x.shape[1], x.shape[1]).tril(1).triu(-1)
    return scores.masked_fill(near == 0, float("-inf")).softmax(-1) @ v


def test_any_other_mask_is_written_as_truth_values() -> None:
    module = around(_near, nn.Linear(8, 24))
    found = imported(module, (4, 8))
    assert "[[abs(i - k) <= 1 for k in range(4)] for i in range(4)]" in found.text
    assert equal(module, found, (4, 8))


def _of_the_last_three(self: Any, x: Tensor) -> Tensor:
    """As GPT-Neo has it: a mask of the module's own, and another one that is added."""
    scores, v = _scores(self, x)
    seen = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    scores = torch.where(seen ^ seen.tril(-3), scores, torch.finfo(torch.float32).min)
    return (scores + torch.full(seen.shape, float("-inf")).triu(1)).softmax(-1) @ v


def test_masks_on_each_other_are_one_and_of_the_last_keys_a_window() -> None:
    module = around(_of_the_last_three, nn.Linear(8, 24))
    found = imported(module, (7, 8))
    assert "is_causal: true, window: 3}" in found.text
    assert equal(module, found, (7, 8))


def _capped(self: Any, x: Tensor) -> Tensor:
    """As Gemma 2 has it: scores with a cap, which no attention of a spec has."""
    scores, v = _scores(self, x)
    later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    return (torch.tanh(scores / 5) * 5).masked_fill(later, float("-inf")).softmax(-1) @ v


def _cut_off(self: Any, x: Tensor) -> Tensor:
    """As GPT-1 has it: a factor of 0, and -1e4 beside it."""
    scores, v = _scores(self, x)
    seen = torch.ones(x.shape[1], x.shape[1]).tril()
    return (scores * seen + -1e4 * (1 - seen)).softmax(-1) @ v


@pytest.mark.parametrize("forward", [_capped, _cut_off])
def test_a_mask_in_front_of_another_softmax_is_added(forward: Any) -> None:
    module = around(forward, nn.Linear(8, 24))
    found = imported(module, (7, 8))
    assert "[[0 if k <= i else -1000000000.0 for k in range(7)] for i in range(7)]" in found.text
    assert equal(module, found, (7, 8))


def _all_seen(self: Any, x: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    scores = torch.max(scores, torch.tensor(torch.finfo(scores.dtype).min))  # which none is below
    return scores.masked_fill(torch.zeros(x.shape[1], dtype=torch.bool), -1e9).softmax(-1) @ v


def test_masks_that_hide_nothing_are_none() -> None:
    module = around(_all_seen, nn.Linear(8, 24))
    found = imported(module, (7, 8))
    assert "attend: " in found.text
    assert "mask" not in found.text


def _by_a_root(self: Any, x: Tensor) -> Tensor:
    return self.a(x) / torch.sqrt(torch.tensor(x.shape[-1], dtype=torch.float32))


def test_a_number_that_a_program_computes_has_all_its_digits() -> None:
    assert "/ 2.828427124746" in imported(around(_by_a_root, nn.Linear(8, 3)), (8,)).text


def _looks(self: Any, x: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    weights = scores.masked_fill(later, float("-inf")).softmax(-1)
    return weights @ v + weights.mean()


def _small(self: Any, x: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    return scores.masked_fill(torch.eye(x.shape[1]).bool(), 0.0).softmax(-1) @ v


def _hides(self: Any, x: Tensor, pad: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    return scores.masked_fill(pad.unsqueeze(1), float("-inf")).softmax(-1) @ v


def test_what_is_true_where_a_key_is_hidden_is_turned() -> None:
    x, pad = torch.randn(2, 5, 8), torch.tensor([[False] * 4 + [True]] * 2)
    module = around(_hides, nn.Linear(8, 24))
    found = from_torch(module, x, pad)
    assert "Equal: 0" in found.text
    assert agrees(module, found, x, pad)


def _at_a_time(self: Any, x: Tensor, pad: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    return scores.masked_fill(pad.unsqueeze(1) & later, float("-inf")).softmax(-1) @ v


@pytest.mark.parametrize(
    ("forward", "inputs", "told"),
    [
        (_looks, (), "`mean` over the batch mixes examples"),
        (_at_a_time, (torch.zeros(2, 5, dtype=torch.bool),), "a spec's mask is true where a key takes part"),
    ],
)
def test_masks_that_no_spec_says_are_refused(forward: Any, inputs: tuple[Tensor, ...], told: str) -> None:
    with pytest.raises(NotCaptured, match=told):
        from_torch(around(forward, nn.Linear(8, 24)), torch.randn(2, 5, 8), *inputs)


def test_scores_that_are_0_where_a_mask_is_are_no_attention() -> None:
    found = imported(around(_small, nn.Linear(8, 24)), (5, 8))
    assert "MaskedFill" in found.text and "attend" not in found.text


def _reads_weights(self: Any, x: Tensor, seen: Tensor) -> Tensor:
    scores, v = _scores(self, x)
    weights = scores.masked_fill(~seen[:, None], float("-inf")).softmax(-1)
    return torch.cat([weights @ v, weights], -1)


def test_weights_that_something_else_reads_are_those_of_a_softmax() -> None:
    seen = torch.ones(2, 5, dtype=torch.bool)
    found = from_torch(around(_reads_weights, nn.Linear(8, 24)), torch.randn(2, 5, 8), seen)
    assert "MaskedFill" in found.text and "Softmax" in found.text and "attend" not in found.text


def _gives_weights(self: Any, x: Tensor) -> Any:
    scores, v = _scores(self, x)
    later = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).triu(1)
    weights = scores.masked_fill(later, float("-inf")).softmax(-1)
    return weights @ v, weights


def test_weights_of_a_mask_that_is_numbers_may_be_an_output() -> None:
    module = around(_gives_weights, nn.Linear(8, 24))
    assert equal(module, imported(module, (5, 8)), (5, 8))


def test_asking_which_unit_it_is_leaves_no_trace_in_a_module() -> None:
    class Remembers(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return x * torch.sigmoid(x)

    module = nn.Sequential(nn.Linear(4, 4), Remembers())
    assert "- SiLU\n" in from_torch(module, torch.zeros(2, 4)).text
    assert module[1].calls == 0
    assert known_unit(module[1]) is not None
    assert module[1].calls == 0
    before = torch.get_rng_state()
    assert known_unit(nn.Dropout(0.3)) is None
    assert known_unit(Draws()) is None
    assert torch.equal(torch.get_rng_state(), before)


class Draws(nn.Module):
    """What is another one each time."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


def _heads(self: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Query, key and value of two heads."""
    n, length, _ = x.shape
    q, k, v = self.a(x).view(n, length, 3, 2, -1).permute(2, 0, 3, 1, 4)
    return q, k, v


def _hidden_later(self: Any, x: Tensor) -> Tensor:
    mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()[None, None].expand(x.shape[0], 1, -1, -1)
    y = F.scaled_dot_product_attention(*_heads(self, x), attn_mask=mask, dropout_p=0.2 if self.training else 0.0)
    return y.transpose(1, 2).flatten(2)


def _near_by(self: Any, x: Tensor) -> Tensor:
    at = torch.arange(x.shape[1])
    mask = (at[:, None] - at).abs() < 2
    return F.scaled_dot_product_attention(*_heads(self, x), attn_mask=mask).transpose(1, 2).flatten(2)


def _padded(self: Any, x: Tensor, taking_part: Tensor) -> Tensor:
    y = F.scaled_dot_product_attention(*_heads(self, x), attn_mask=taking_part[:, None, None, :])
    return y.transpose(1, 2).flatten(2)


def _one_head(self: Any, x: Tensor) -> Tensor:
    q, k, v = self.a(x).chunk(3, -1)
    mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=0.2 if self.training else 0.0)


def _one_head_of_the_past(self: Any, x: Tensor) -> Tensor:
    q, k, v = self.a(x).chunk(3, -1)
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


@pytest.mark.parametrize(
    ("forward", "told"),
    [
        (_hidden_later, "is_causal: true, dropout: 0.2"),
        (_near_by, "mask: "),
        (_one_head, "is_causal: true, dropout: 0.2"),
        (_one_head_of_the_past, "is_causal: true"),
    ],
)
def test_a_mask_of_truth_values_is_that_of_attention(forward: Callable[..., Tensor], told: str) -> None:
    module = around(forward, nn.Linear(16, 48))
    found = imported(module, (5, 16))
    line = next(line for line in found.text.splitlines() if "attend" in line)
    assert told in line
    assert equal(module, found, (5, 16))


def test_a_mask_of_truth_values_may_be_an_input() -> None:
    x, taking_part = torch.randn(2, 5, 16), torch.tensor([[True] * 4 + [False]] * 2)
    module = around(_padded, nn.Linear(16, 48))
    found = from_torch(module, x, taking_part)
    assert re_masks(found.text) == ["x2"]
    assert agrees(module, found, x, taking_part)
