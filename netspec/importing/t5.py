"""T5, and version 1.1 of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from netspec.importing.base import (
    ACTIVATIONS,
    Configuration,
    Depth,
    Positive,
    Share,
    Size,
    activation,
    arguments,
    lines,
    text,
)


class T5(Configuration):
    """Raffel et al. 2020 (arXiv 1910.10683); transformers' `T5Config`.

    Version 1.1 has gates, and scores whose weight is no table of tokens. transformers reads of
    `tie_word_embeddings: false` that scores are not scaled; up to version 4 it also unties their weight, as here.
    Weights begin as those of torch's layers do.
    """

    other_names: ClassVar[Mapping[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "num_heads",
        "num_hidden_layers": "num_layers",
        "head_dim": "d_kv",
    }

    heads_known: ClassVar = {"T5ForConditionalGeneration": "words", "T5Model": "states", "T5EncoderModel": "encoder"}

    vocab_size: Size = 32128
    d_model: Size = 512
    d_kv: Size = 64
    d_ff: Size = 2048
    num_layers: Depth = 6
    num_decoder_layers: Depth | None = None
    num_heads: Size = 8
    n_positions: Size | None = None
    relative_attention_num_buckets: Size = 32
    relative_attention_max_distance: Size = 128
    dropout_rate: Share = 0.1
    layer_norm_epsilon: Positive = 1e-6
    feed_forward_proj: str = "relu"
    tie_word_embeddings: bool = True
    dense_act_fn: str | None = None
    is_gated_act: bool | None = None
    scale_decoder_outputs: bool | None = None

    @property
    def projection(self) -> tuple[bool, str]:
        """Whether the first layer of the MLP has a gate, and the activation."""
        gated = self.feed_forward_proj.startswith("gated-")
        name = self.feed_forward_proj.removeprefix("gated-")
        return gated, "gelu_new" if gated and name == "gelu" else name

    def unsayable(self) -> Iterator[str]:
        yield from activation("feed_forward_proj", self.projection[1])
        gated, name = self.projection
        for key, follows, other in (
            ("dense_act_fn", name, f"feed_forward_proj: {self.feed_forward_proj}"),
            ("is_gated_act", gated, f"feed_forward_proj: {self.feed_forward_proj}"),
            ("scale_decoder_outputs", self.tie_word_embeddings, f"tie_word_embeddings: {self.tie_word_embeddings}"),
        ):
            if getattr(self, key) not in (None, follows):
                yield f"`{key}: {getattr(self, key)}` contradicts `{other}`, from which transformers derives it"

    def spec(self, name: str) -> str:
        decodes = self.ending != "encoder"
        length = self.n_positions or 512  # of no weight: positions are relative
        written = ", target: [written, int64]" if decodes else ""
        stated = {
            "length": length, "written": length if decodes else None, "words": self.vocab_size,
            "width": self.d_model, "hidden": self.d_ff, "heads": self.num_heads,
            "size": self.d_kv if decodes or self._size else None,
        }  # fmt: skip
        return lines(
            "netspec: 1",
            f"name: {name}",
            f"input: {{source: [length, int64], seen: [length, bool]{written}}}",
            "vars:",
            *(f"  {key}: {value}" for key, value in stated.items() if value is not None),
            f"  norm: {{RMSNorm: {{eps: {text(self.layer_norm_epsilon)}}}}}",
            "  tokens: {Embedding: {num_embeddings: words, embedding_dim: width}}",
            "",
            "blocks:",
            "  linear(out): [Linear: {out_features: out, bias: false}]",
            *self._feed_forward(),
            *self._encoder(),
            *(self._decoder() if decodes else []),
            "",
            "layers:",
            f"  - {{RelativePositionBias: {self._bias('length')}, as: near}}",
            "  - {use: source}",
            *self._layers("encoder: [near, seen]", self.num_layers),
            *(self._after_the_encoder() if decodes else []),
        )

    @property
    def _dropped(self) -> str | None:
        return f"Dropout: {text(self.dropout_rate)}" if self.dropout_rate else None

    def _bias(self, length: str, *, bidirectional: bool = True) -> str:
        buckets, farthest = self.relative_attention_num_buckets, self.relative_attention_max_distance
        return arguments(
            num_heads="heads",
            query_length=length,
            num_buckets=None if buckets == 32 else buckets,
            max_distance=None if farthest == 128 else farthest,
            bidirectional=None if bidirectional else False,
        )

    def _residual(self, *inner: str) -> list[str]:
        dropped = [] if self._dropped is None else [f"        - {self._dropped}"]
        return ["    - residual:", "        - $norm", *(f"        - {line}" for line in inner), *dropped]

    @property
    def _size(self) -> str | None:
        """The width of a head, where it is not what the heads make of the width."""
        return None if self.d_kv * self.num_heads == self.d_model else "size"

    def _itself(self, **more: object) -> str:
        dropout = self.dropout_rate or None
        return "SelfAttention: " + arguments(
            num_heads="heads", head_dim=self._size, qkv_bias=False, out_bias=False, dropout=dropout, scale=1, **more
        )

    def _feed_forward(self) -> list[str]:
        gated, name = self.projection
        layer = ACTIVATIONS[name]
        first = f"mul: [[linear: hidden, {layer}], [linear: hidden]]" if gated else "linear: hidden"
        inner = filter(None, (first, None if gated else layer, self._dropped, "linear: width"))
        return [f"  feed_forward: [{', '.join(inner)}]"]

    def _encoder(self) -> list[str]:
        return [
            "  encoder(near, seen):",
            *self._residual(self._itself(bias="near", mask="seen")),
            f"    - residual: [{', '.join(filter(None, ('$norm', 'feed_forward', self._dropped)))}]",
        ]

    def _decoder(self) -> list[str]:
        dropout = f", dropout: {text(self.dropout_rate)}" if self.dropout_rate else ""
        parts = "[linear: heads * size], [use: memory, linear: heads * size], [use: memory, linear: heads * size]"
        attention = f"{{attend: [{parts}],\n          heads: heads, scale: 1{dropout}, mask: seen}}"
        return [
            "  decoder(before, memory, seen):",
            *self._residual(self._itself(bias="before", is_causal=True)),
            *self._residual(attention, "linear: width"),
            f"    - residual: [{', '.join(filter(None, ('$norm', 'feed_forward', self._dropped)))}]",
        ]

    def _layers(self, call: str, depth: int) -> list[str]:
        """Tokens and what one half of the network makes of them."""
        dropped = [] if self._dropped is None else [f"  - {self._dropped}"]
        option = "name" if self.ending == "encoder" else "shared"
        return [
            f"  - {{$tokens: , {option}: tokens}}",
            *dropped,
            f"  - {{{call}, repeat: {depth}}}",
            "  - $norm",
            *dropped,
        ]

    def _after_the_encoder(self) -> list[str]:
        tied = self.tie_word_embeddings
        words = ["  - Scale: width ** -0.5"] if tied else []
        words.append("  - Linear: {out_features: words, bias: false}")
        words += ["    tie: {weight: tokens.weight}"] if tied else []
        return [
            "  - as: memory",
            f"  - {{RelativePositionBias: {self._bias('written', bidirectional=False)}, as: before}}",
            "  - {use: target}",
            *self._layers("decoder: [before, memory, seen]", self.num_decoder_layers or self.num_layers),
            *(words if self.ending == "words" else []),
        ]
