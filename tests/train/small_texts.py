"""Texts and nets of text that train in a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import netspec
from netspec.net import Net

GPT = """
name: small_gpt
input: [16, int64]
layers:
  - {Embedding: {num_embeddings: 256, embedding_dim: 32}, name: tokens}
  - PositionEmbedding
  - residual: [LayerNorm, SelfAttention: {num_heads: 4, is_causal: true}]
  - residual: [LayerNorm, Linear: 64, GELU, Linear: 32]
  - LayerNorm
  - {Linear: 256, name: head}
train:
  data: {text: words.txt}
  validation: 0.2
  batch_size: 8
  epochs: 4
  optimizer: {AdamW: {lr: 0.01}}
  loss: {CrossEntropyLoss: , target: next}
"""
"""A byte-level transformer of one layer on blocks of 16."""


def words(count: int = 300) -> str:
    """A text with something to learn and with characters of one to three bytes: the numbers, as they are spelt."""
    digits = ["nil", "one", "two", "three", "four", "five", "six", "sept", "huit", "neuf"]
    lines = (" ".join(digits[int(digit)] for digit in str(number)) for number in range(count))
    return "".join(f"{line} — naïve\n" for line in lines)


def text_net(folder: Path, spec: str = GPT, **settings: Any) -> Net:
    """A net whose text is a file of that folder, with recipe keys set."""
    given = settings.pop("data", {})
    data = {"text": {"train": str(folder / "words.txt"), **given}}
    (folder / "words.txt").write_text(words(), encoding="utf-8")
    return netspec.loads(spec, set={"train.data": data} | {f"train.{key}": value for key, value in settings.items()})
