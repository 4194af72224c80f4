"""The Vision Transformer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from netspec.importing.base import (
    ACTIVATIONS,
    Depth,
    Labelled,
    Positive,
    Share,
    Size,
    activation,
    arguments,
    divides,
    lines,
    text,
)


class ViT(Labelled):
    """Dosovitskiy et al. 2020 (arXiv 2010.11929); transformers' `ViTConfig`."""

    heads_known: ClassVar = {"ViTForImageClassification": "classes", "ViTModel": "states"}

    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: Share = 0.0
    attention_probs_dropout_prob: Share = 0.0
    layer_norm_eps: Positive = 1e-12
    image_size: Size | list[Size] = 224
    patch_size: Size | list[Size] = 16
    num_channels: Size = 3
    qkv_bias: bool = True
    pooler_output_size: Size | None = None
    pooler_act: str = "tanh"

    def unsayable(self) -> Iterator[str]:
        yield from activation("hidden_act", self.hidden_act)
        yield from divides(("hidden_size", self.hidden_size), ("num_attention_heads", self.num_attention_heads))
        if self.ending == "states":
            yield from activation("pooler_act", self.pooler_act)
        for key, value in (("image_size", self.image_size), ("patch_size", self.patch_size)):
            if isinstance(value, list) and len(value) != 2:
                yield f"`{key}` has {len(value)} numbers; an image has a height and a width"

    def spec(self, name: str) -> str:
        sides = self.image_size if isinstance(self.image_size, list) else [self.image_size] * 2
        patch = text(self.patch_size)
        dropout = f"Dropout: {text(self.hidden_dropout_prob)}" if self.hidden_dropout_prob else None
        attention = arguments(
            num_heads="heads",
            bias=None if self.qkv_bias else False,
            out_bias=None if self.qkv_bias else True,
            dropout=self.attention_probs_dropout_prob or None,
        )
        inner = None if dropout is None else f"        - {dropout}"
        pooler = f"Linear: {self.pooler_output_size or self.hidden_size}, {ACTIVATIONS.get(self.pooler_act)}"
        cut = f"{{trunc_normal_: {{std: {text(self.initializer_range)}}}}}"
        return lines(
            "netspec: 1",
            f"name: {name}",
            f"input: [{self.num_channels}, {sides[0]}, {sides[1]}]",
            "vars:",
            f"  patch: {patch}",
            f"  width: {self.hidden_size}",
            f"  hidden: {self.intermediate_size}",
            f"  depth: {self.num_hidden_layers}",
            f"  heads: {self.num_attention_heads}",
            f"  norm: {{LayerNorm: {{eps: {text(self.layer_norm_eps)}}}}}",
            "",
            "blocks:",
            "  layer:",
            "    - residual:",
            "        - $norm",
            f"        - SelfAttention: {attention}",
            inner,
            "    - residual:",
            "        - $norm",
            "        - Linear: hidden",
            f"        - {ACTIVATIONS[self.hidden_act]}",
            "        - Linear: width",
            inner,
            "",
            "layers:",
            "  - Conv2d: {out_channels: width, kernel_size: patch, stride: patch}",
            "  - Rearrange: n c h w -> n (h w) c",
            "  - ClassToken",
            "  - PositionEmbedding",
            None if dropout is None else f"  - {dropout}",
            "  - layer:",
            "    repeat: depth",
            "  - $norm",
            *(
                ["  - Select: {dim: 1, index: 0}", f"  - Linear: {self.labels}"]
                if self.ending == "classes"
                else ["output:", "  states: []", f"  pooled: [Select: {{dim: 1, index: 0}}, {pooler}]"]
            ),
            "",
            "init:",
            f"  Linear: {{weight: {cut}, bias: zeros_}}",
            f"  SelfAttention: {{in_proj_weight: {cut}, out_proj.weight: {cut}}}",
            f"  Conv2d: {{weight: {cut}, bias: zeros_}}",
        )
