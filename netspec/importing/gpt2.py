"""GPT-2."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from netspec.importing.base import (
    ACTIVATIONS,
    Depth,
    LanguageModel,
    Positive,
    Share,
    Size,
    activation,
    arguments,
    divides,
    lines,
    text,
)


class GPT2(LanguageModel):
    """Radford et al. 2019; transformers' `GPT2Config`."""

    other_names: ClassVar[Mapping[str, str]] = {
        "hidden_size": "n_embd",
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }

    heads_known: ClassVar = {"GPT2LMHeadModel": "words", "GPT2Model": "states"}

    vocab_size: Size = 50257
    n_positions: Size = 1024
    n_embd: Size = 768
    n_layer: Depth = 12
    n_head: Size = 12
    n_inner: Size | None = None
    activation_function: str = "gelu_new"
    resid_pdrop: Share = 0.1
    embd_pdrop: Share = 0.1
    attn_pdrop: Share = 0.1
    layer_norm_epsilon: Positive = 1e-5
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    add_cross_attention: bool = False
    tie_word_embeddings: bool = True

    def unsayable(self) -> Iterator[str]:
        yield from activation("activation_function", self.activation_function)
        yield from divides(("n_embd", self.n_embd), ("n_head", self.n_head))
        if self.scale_attn_by_inverse_layer_idx:
            yield "`scale_attn_by_inverse_layer_idx: true` scales each layer's attention by its number"
        if self.add_cross_attention:
            yield "`add_cross_attention: true` reads what an encoder gives, which the configuration does not describe"

    def spec(self, name: str) -> str:
        attention = arguments(
            num_heads="heads",
            dropout=self.attn_pdrop or None,
            is_causal=True,
            scale=None if self.scale_attn_weights else 1.0,
        )
        dropout = f"        - Dropout: {text(self.resid_pdrop)}" if self.resid_pdrop else None
        return lines(
            "netspec: 1",
            f"name: {name}",
            "input: [length, int64]",
            "vars:",
            f"  length: {self.n_positions}",
            f"  words: {self.vocab_size}",
            f"  width: {self.n_embd}",
            f"  hidden: {'4 * width' if self.n_inner in (None, 4 * self.n_embd) else self.n_inner}",
            f"  depth: {self.n_layer}",
            f"  heads: {self.n_head}",
            f"  norm: {{LayerNorm: {{eps: {text(self.layer_norm_epsilon)}}}}}",
            "",
            "blocks:",
            "  layer:",
            "    - residual:",
            "        - $norm",
            f"        - SelfAttention: {attention}",
            dropout,
            "    - residual:",
            "        - $norm",
            "        - Linear: hidden",
            f"        - {ACTIVATIONS[self.activation_function]}",
            "        - Linear: width",
            dropout,
            "",
            "layers:",
            *self.table(),
            "  - PositionEmbedding",
            f"  - Dropout: {text(self.embd_pdrop)}" if self.embd_pdrop else None,
            "  - layer:",
            "    repeat: depth",
            *self.after_the_layers("PositionEmbedding"),
        )
