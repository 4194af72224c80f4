"""Words of torch and of transformers about attention and experts, and what is told of values that are none."""

from __future__ import annotations

import pytest

from tests.mistakes.check import check
from tests.mistakes.test_harmless import fixed

TOLD = {
    "Transformer: {nhead: 4, tgt: y, is_causal: true}": "it has `src_is_causal` and `tgt_is_causal`",
    "Transformer: {nhead: 4, tgt: y, key_padding_mask: m}": "and `memory_key_padding_mask`",
    "Transformer: {nhead: 4, tgt: y, tgt_mask: true}": "`tgt_is_causal: true` lets no position see later ones",
    "Transformer: {nhead: 4, tgt: y, src_key_padding_mask: true}": "and `src_key_padding_mask: pad`",
    "SelfAttention: {num_heads: 4, rotary: {theta: 500000}}": "did you mean `base`?",
    "SelfAttention: {num_heads: 4, rotary: {other: 500000}}": "it has `base`, `layout`",
    "{mixture: [Linear, GELU, Linear], top: 2}": "`mixture: {repeat: 8, do: [Linear: 128, GELU, Linear: 32]}`",
    "{mixture: [[Linear: 32], [Linear: 32]], router: [Linear: 2], top: 1, experts: 2}": "as many experts as branches",
    "SelfAttention: {num_heads: 4, mask: n}": "a mask is of bool, as an input `pad: [16, bool]` is",
    "TransformerEncoderLayer: {nhead: 4, src_key_padding_mask: n}": "a mask is of bool, as an input",
    "attention: {num_heads: 4}": "`SelfAttention: {num_heads: 4}` is a layer with its projections",
}


@pytest.mark.parametrize("item", TOLD)
def test_it_is_told_what_to_write(item: str) -> None:
    text = f"input: {{x: [10, 32], y: [12, 32], m: [10, bool], n: [10, int64]}}\nlayers:\n  - use: x\n  - {item}\n"
    found = [d for d in check(text) if d.severity == "error"]
    assert TOLD[item] in " ".join(d.help or "" for d in found)
    assert fixed(text) == text


def test_experts_are_not_counted_by_rounds() -> None:
    """`count` beside another item is `repeat`; beside a `mixture` that would be the mixture, several times."""
    text = "input: [10, 32]\nlayers:\n  - {ReLU: , count: 3}\n"
    assert fixed(text) == text.replace("count", "repeat")
    text = "input: [10, 32]\nlayers:\n  - {mixture: [[Linear: 32], [Tanh]], router: [Linear: 2], top: 1, count: 3}\n"
    assert fixed(text) == text
