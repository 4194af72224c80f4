"""What is shown once for several: blocks that read a value from outside, and what may not be taken for another."""

from __future__ import annotations

import pytest

import netspec
from netspec.views.fold import LayerGroup, fold

READERS = """
input: {x: [4, 8], mask: [4, bool]}
blocks:
  encoder(m): [residual: [SelfAttention: {num_heads: 2, mask: m}], LayerNorm]
  gated(m):
    - as: own
    - Linear: 8
    - use: own * 0.5
    - residual: [SelfAttention: {num_heads: 2, mask: m}]
"""


@pytest.mark.parametrize(
    ("layers", "count"),
    [
        ("- {encoder: [mask], repeat: 6}", 6),
        ("- {gated: [mask], repeat: 5}", 5),
        ("- {repeat: 4, do: [residual: [SelfAttention: {num_heads: 2, mask: mask}], LayerNorm, ReLU]}", 4),
    ],
)
def test_blocks_that_read_one_value_are_folded(layers: str, count: int) -> None:
    items = fold(netspec.loads(f"{READERS}layers:\n  {layers}\n"))
    assert [item.count for item in items if isinstance(item, LayerGroup)] == [count]


@pytest.mark.parametrize(
    "layers",
    [
        "- {for: i in range(3), do: [{encoder: [mask]}, {as: 'y[i]'}]}\n  - add: [[], [use: 'y[0]'], [use: 'y[1]']]",
        "- as: a\n  - ReLU\n  - as: b\n  - residual: [use: a, Linear: 8]\n  - residual: [use: b, Linear: 8]",
    ],
)
def test_what_gives_a_value_or_reads_another_one_is_not_folded(layers: str) -> None:
    items = fold(netspec.loads(f"{READERS}layers:\n  {layers}\n"))
    assert not any(isinstance(item, LayerGroup) and item.count > 1 for item in items)
