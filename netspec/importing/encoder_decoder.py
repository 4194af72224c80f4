"""Encoders whose result a decoder looks up: Whisper and BART. The head is the table of tokens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

from netspec.importing.base import (
    ACTIVATIONS,
    Configuration,
    Depth,
    Positive,
    Share,
    Size,
    activation,
    divides,
    dropout,
    initial,
    lines,
)


class EncoderDecoder(Configuration):
    """What both have in common. Norms stand in front of attention or behind its sum, keys have a bias or none."""

    other_names: ClassVar[Mapping[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }

    norm_first: ClassVar[bool]
    key_bias: ClassVar[bool]
    inputs: ClassVar[tuple[str, str]]
    """Those of the encoder, with their shapes, and the name of the decoder's."""
    positions: ClassVar[str] = "PositionEmbedding"
    """The layer that has those that are learned."""
    sees: ClassVar[str]
    """The parameter of a layer that says what takes part of what is encoded; empty if all does."""

    vocab_size: Size
    d_model: Size
    encoder_layers: Depth
    encoder_attention_heads: Size
    encoder_ffn_dim: Size
    decoder_layers: Depth
    decoder_attention_heads: Size
    decoder_ffn_dim: Size
    encoder_layerdrop: Share = 0.0
    decoder_layerdrop: Share = 0.0
    activation_function: str = "gelu"
    dropout: Share = 0.0
    attention_dropout: Share = 0.0
    activation_dropout: Share = 0.0
    tie_word_embeddings: bool = True
    initializer_range: Positive = Field(0.02, validation_alias="init_std")

    def unsayable(self) -> Iterator[str]:
        yield from activation("activation_function", self.activation_function)
        for heads in ("encoder_attention_heads", "decoder_attention_heads"):
            yield from divides(("d_model", self.d_model), (heads, getattr(self, heads)))
        for key in ("encoder_layerdrop", "decoder_layerdrop"):
            if share := getattr(self, key):
                yield f"`{key}: {share:g}` leaves whole layers out at random in training"

    # ---- where they differ

    @abstractmethod
    def remark(self) -> str:
        """What of transformers' model the spec has in another way, for the comment at the top."""

    @abstractmethod
    def sizes(self) -> dict[str, object]:
        """The variables of the spec beside those that both have."""

    def blocks(self) -> list[str]:
        """The blocks beside the layers, as lines."""
        return []

    @abstractmethod
    def encoder_start(self) -> list[str]:
        """What stands in front of the encoder's layers, as lines."""

    @abstractmethod
    def decoder_start(self) -> list[str]:
        """What stands between the tokens' table and the decoder's layers, as lines."""

    # ---- the spec

    def spec(self, name: str) -> str:
        given, target = self.inputs
        sees = f", {self.sees}" if self.sees else ""
        norm = ["  - LayerNorm"] if self.norm_first else []
        return lines(
            f"# {self.remark()}",
            "netspec: 1",
            f"name: {name}",
            f"input: {{{given}, {target}: [target_length, int64]}}",
            "vars:",
            *(f"  {key}: {value}" for key, value in self.sizes().items()),
            f"  words: {self.vocab_size}",
            f"  width: {self.d_model}",
            "",
            "blocks:",
            *self.blocks(),
            f"  encoder_layer{f'({self.sees})' if self.sees else ''}:",
            *self._attention(self.encoder_attention_heads, mask=self.sees),
            *self._network(self.encoder_ffn_dim),
            f"  decoder_layer(memory{sees}):",
            *self._attention(self.decoder_attention_heads, causal=True),
            *self._attention(self.decoder_attention_heads, of="memory", mask=self.sees),
            *self._network(self.decoder_ffn_dim),
            "",
            "layers:",
            *self.encoder_start(),
            *self.dropped(),
            f"  - encoder_layer:{f' {self.sees}' if self.sees else ''}",
            f"    repeat: {self.encoder_layers}",
            *norm,
            "  - as: memory",
            f"  - use: {target}",
            *self.table(),
            *self.decoder_start(),
            *self.dropped(),
            f"  - decoder_layer: {f'[memory{sees}]' if sees else 'memory'}",
            f"    repeat: {self.decoder_layers}",
            *norm,
            *self._end(),
            *initial(self.initializer_range, self.positions, attention=False),
        )

    def table(self) -> list[str]:
        """That of the tokens, as lines."""
        return ["  - Embedding: {num_embeddings: words, embedding_dim: width}", "    shared: words"]

    def dropped(self) -> list[str]:
        """What is dropped in front of the layers, as lines."""
        return [f"  - {item}" for item in dropout(self.dropout)]

    def _attention(self, heads: int, *, of: str = "", mask: str = "", causal: bool = False) -> list[str]:
        """Attention with its sum, as lines: on itself, or on what `of` names."""
        start = f"use: {of}, " if of else ""
        key = "Linear: width" if self.key_bias else "Linear: {out_features: width, bias: false}"
        options = [f"heads: {heads}", *(["is_causal: true"] if causal else []), *([f"mask: {mask}"] if mask else [])]
        options += [f"dropout: {share:g}" for share in [self.attention_dropout] if share]
        return [
            "    - residual:",
            *(["        - LayerNorm"] if self.norm_first else []),
            f"        - attend: [[Linear: width], [{start}{key}], [{start}Linear: width]]",
            *(f"          {option}" for option in options),
            *(f"        - {item}" for item in ["Linear: width", *dropout(self.dropout)]),
            *([] if self.norm_first else ["    - LayerNorm"]),
        ]

    def _network(self, hidden: int) -> list[str]:
        """The two linear layers behind attention with their sum, as lines."""
        body = [f"Linear: {hidden}", ACTIVATIONS[self.activation_function], *dropout(self.activation_dropout)]
        body += ["Linear: width", *dropout(self.dropout)]
        return [
            f"    - residual: [{', '.join(['LayerNorm', *body] if self.norm_first else body)}]",
            *([] if self.norm_first else ["    - LayerNorm"]),
        ]

    def _end(self) -> list[str]:
        if self.ending == "states":
            return ["output: {decoded: [], encoded: memory}"]
        tie = "    tie: {weight: words.weight}"
        return ["  - Linear: {out_features: words, bias: false}", *([tie] if self.tie_word_embeddings else [])]


class Whisper(EncoderDecoder):
    """Radford et al. 2022 (arXiv 2212.04356); transformers' `WhisperConfig`."""

    heads_known: ClassVar = {"WhisperForConditionalGeneration": "words", "WhisperModel": "states"}
    norm_first = True
    key_bias = False
    inputs = ("sound: [bands, frames]", "tokens")
    sees = ""

    vocab_size: Size = 51865
    d_model: Size = 384
    encoder_layers: Depth = 4
    encoder_attention_heads: Size = 6
    encoder_ffn_dim: Size = 1536
    decoder_layers: Depth = 4
    decoder_attention_heads: Size = 6
    decoder_ffn_dim: Size = 1536
    num_mel_bins: Size = 80
    max_source_positions: Size = 1500
    max_target_positions: Size = 448
    apply_spec_augment: bool = False

    def unsayable(self) -> Iterator[str]:
        yield from super().unsayable()
        if self.apply_spec_augment:
            yield "`apply_spec_augment: true` hides stretches of the sound at random in training"
        if self.d_model % 2 or self.d_model < 4:
            yield f"`d_model: {self.d_model}` is even and at least 4: the positions are as many sines as cosines"

    def remark(self) -> str:
        return f"transformers counts the {self.max_source_positions:,} positions of the sound too, which no one learns."

    def sizes(self) -> dict[str, object]:
        return {
            "bands": self.num_mel_bins,
            "frames": 2 * self.max_source_positions,
            "target_length": self.max_target_positions,
        }

    def encoder_start(self) -> list[str]:
        waves = "{positions: range(frames // 2), embed_dim: width, layout: half, endpoint: true, persistent: false}"
        return [
            "  - Conv1d: {out_channels: width, kernel_size: 3, padding: 1}",
            "  - GELU",
            "  - Conv1d: {out_channels: width, kernel_size: 3, stride: 2, padding: 1}",
            "  - GELU",
            "  - Rearrange: n c t -> n t c",
            "  - add:",
            "      - []",
            f"      - [Sinusoids: {waves}]",
        ]

    def table(self) -> list[str]:
        return [line.replace("shared", "name") for line in super().table()]  # no one else reads it

    def decoder_start(self) -> list[str]:
        return ["  - PositionEmbedding"]


class Bart(EncoderDecoder):
    """Lewis et al. 2019 (arXiv 1910.13461); transformers' `BartConfig`."""

    heads_known: ClassVar = {"BartForConditionalGeneration": "words", "BartModel": "states"}
    norm_first = False
    key_bias = True
    inputs = ("source: [length, int64], mask: [length, bool]", "target")
    positions = "Parameter"
    sees = "mask"

    vocab_size: Size = 50265
    d_model: Size = 1024
    encoder_layers: Depth = 12
    encoder_attention_heads: Size = 16
    encoder_ffn_dim: Size = 4096
    decoder_layers: Depth = 12
    decoder_attention_heads: Size = 16
    decoder_ffn_dim: Size = 4096
    dropout: Share = 0.1
    max_position_embeddings: Size = 1024
    scale_embedding: bool = False
    normalize_before: bool = False
    normalize_embedding: bool = True
    add_final_layer_norm: bool = False
    static_position_embeddings: bool = False

    def unsayable(self) -> Iterator[str]:
        yield from super().unsayable()
        for key, value, other in (
            ("normalize_before", False, "norms behind the sums"),
            ("normalize_embedding", True, "a norm behind the positions"),
            ("add_final_layer_norm", False, "no norm behind the last layer"),
            ("static_position_embeddings", False, "positions that are learned"),
        ):
            if getattr(self, key) != value:
                yield f"`{key}: {str(not value).lower()}`: in transformers a `bart` has {other}, whatever stands there"

    def remark(self) -> str:
        return "The buffer `final_logits_bias` of transformers is left out: it is zero, and no one learns it."

    def sizes(self) -> dict[str, object]:
        return {"length": self.max_position_embeddings, "target_length": "length"}

    def blocks(self) -> list[str]:
        return [
            "  placed:                                    # the first two rows are never read",
            "    - add: [[], [Parameter: [length + 2, width], Slice: {dim: 1, start: 2}]]",
            "    - LayerNorm",
        ]

    def encoder_start(self) -> list[str]:
        return [*self.table(), *self.decoder_start()]

    def decoder_start(self) -> list[str]:
        return [*(["  - Scale: width ** 0.5"] if self.scale_embedding else []), "  - placed"]
