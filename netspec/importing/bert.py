"""BERT and DistilBERT: encoders of tokens. Each sum has a norm behind it, and a mask says what is no padding."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import ClassVar

from pydantic import Field

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
    dropout,
    initial,
    lines,
    text,
)  # fmt: skip


class Encoder(Labelled):
    """What both have in common, under BERT's names."""

    act_key: ClassVar[str] = "hidden_act"
    keys: ClassVar[tuple[str, str]] = ("hidden_size", "num_attention_heads")
    """Those of the width and the number of heads."""

    vocab_size: Size = 30522
    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: Share = 0.1
    attention_probs_dropout_prob: Share = 0.1
    max_position_embeddings: Size = 512
    tie_word_embeddings: bool = True

    def unsayable(self) -> Iterator[str]:
        yield from activation(self.act_key, self.hidden_act)
        width, heads = self.keys
        yield from divides((width, self.hidden_size), (heads, self.num_attention_heads))

    # ---- where they differ

    @property
    def eps(self) -> float:
        """That of the norms."""
        return 1e-12

    @abstractmethod
    def segments(self) -> tuple[str, list[str]]:
        """The input beside tokens and mask, and the lines that add what is made of it."""

    @abstractmethod
    def behind_attention(self) -> list[str]:
        """The items between attention and its sum."""

    @abstractmethod
    def pooled(self) -> list[str]:
        """The items that make of the first token what stands for a whole row."""

    @abstractmethod
    def last_dropout(self) -> float:
        """The share that is dropped in front of the scores of labels."""

    @abstractmethod
    def states(self) -> list[str]:
        """What stands behind the layers of a model without scores, as lines."""

    # ---- the spec

    def spec(self, name: str) -> str:
        tied = self.tie_word_embeddings and self.ending in ("words", "pretraining")
        inner = dropout(self.hidden_dropout_prob)
        attention = arguments(num_heads="heads", dropout=self.attention_probs_dropout_prob or None, mask="mask")
        network = ["Linear: hidden", ACTIVATIONS[self.hidden_act], "Linear: width", *inner]
        beside, added = self.segments()
        return lines(
            "netspec: 1",
            f"name: {name}",
            f"input: {{tokens: [length, int64], {beside}mask: [length, bool]}}   # true where a token stands",
            "vars:",
            f"  length: {self.max_position_embeddings}",
            f"  words: {self.vocab_size}",
            f"  width: {self.hidden_size}",
            f"  hidden: {self.intermediate_size}",
            f"  depth: {self.num_hidden_layers}",
            f"  heads: {self.num_attention_heads}",
            f"  norm: {{LayerNorm: {{eps: {text(self.eps)}}}}}",
            "",
            "blocks:",
            "  layer(mask):",
            f"    - residual: [{', '.join([f'SelfAttention: {attention}', *self.behind_attention()])}]",
            "    - $norm",
            f"    - residual: [{', '.join(network)}]",
            "    - $norm",
            "",
            "layers:",
            "  - Embedding: {num_embeddings: words, embedding_dim: width}",
            "    name: words" if tied else None,
            *added,
            "  - PositionEmbedding",
            "  - $norm",
            *(f"  - {item}" for item in inner),
            "  - layer: mask",
            "    repeat: depth",
            *self._end(["tie: {weight: words.weight}"] if tied else []),
            *initial(self.initializer_range, "PositionEmbedding"),
        )

    def _end(self, tie: list[str]) -> list[str]:
        """What stands behind the layers, as lines; `tie` stands beside the scores of words."""
        words = ["Linear: width", ACTIVATIONS[self.hidden_act], "$norm", "Linear: words"]
        labels = [*dropout(self.last_dropout()), f"Linear: {self.labels}"]
        match self.ending:
            case "words":
                return [*(f"  - {item}" for item in words), *(f"    {line}" for line in tie)]
            case "pretraining":
                return [
                    "output:",
                    "  masked:",
                    *(f"    - {item}" for item in words),
                    *(f"      {line}" for line in tie),
                    f"  ordered: [{', '.join([*self.pooled(), 'Linear: 2'])}]",
                ]
            case "classes":
                return [f"  - {item}" for item in [*self.pooled(), *labels]]
            case "tags":
                return [f"  - {item}" for item in labels]
            case _:
                return self.states()


class Bert(Encoder):
    """Devlin et al. 2019 (arXiv 1810.04805); transformers' `BertConfig`."""

    heads_known: ClassVar = {
        "BertModel": "states",
        "BertForMaskedLM": "words",
        "BertForPreTraining": "pretraining",
        "BertForSequenceClassification": "classes",
        "BertForTokenClassification": "tags",
    }

    type_vocab_size: Size = 2
    layer_norm_eps: Positive = 1e-12
    classifier_dropout: Share | None = None
    position_embedding_type: str = "absolute"
    is_decoder: bool = False
    add_cross_attention: bool = False

    def unsayable(self) -> Iterator[str]:
        yield from super().unsayable()
        if self.position_embedding_type != "absolute":
            kind = self.position_embedding_type[:40]
            yield f"`position_embedding_type: {kind}` adds distances to the scores; the one that is known is `absolute`"
        if self.is_decoder:
            yield "`is_decoder: true` keeps a token from seeing those behind it, and an encoder sees them all"
        if self.add_cross_attention:
            yield "`add_cross_attention: true` reads what an encoder gives, which the configuration does not describe"

    @property
    def eps(self) -> float:
        return self.layer_norm_eps

    def segments(self) -> tuple[str, list[str]]:
        table = f"{{num_embeddings: {self.type_vocab_size}, embedding_dim: width}}"
        return "segments: [length, int64], ", [f"  - add: [[], [use: segments, Embedding: {table}]]"]

    def behind_attention(self) -> list[str]:
        return dropout(self.hidden_dropout_prob)

    def pooled(self) -> list[str]:
        return ["Select: {dim: 1, index: 0}", "Linear: width", "Tanh"]

    def last_dropout(self) -> float:
        return self.hidden_dropout_prob if self.classifier_dropout is None else self.classifier_dropout

    def states(self) -> list[str]:
        return ["output:", "  tokens: []", f"  pooled: [{', '.join(self.pooled())}]"]


class DistilBert(Encoder):
    """Sanh et al. 2019 (arXiv 1910.01108); transformers' `DistilBertConfig`."""

    heads_known: ClassVar = {
        "DistilBertModel": "states",
        "DistilBertForMaskedLM": "words",
        "DistilBertForSequenceClassification": "classes",
        "DistilBertForTokenClassification": "tags",
    }
    other_names: ClassVar[Mapping[str, str]] = {
        "hidden_size": "dim",
        "num_attention_heads": "n_heads",
        "num_hidden_layers": "n_layers",
    }
    act_key: ClassVar[str] = "activation"
    keys: ClassVar[tuple[str, str]] = ("dim", "n_heads")

    hidden_size: Size = Field(768, validation_alias="dim")
    num_hidden_layers: Depth = Field(6, validation_alias="n_layers")
    num_attention_heads: Size = Field(12, validation_alias="n_heads")
    intermediate_size: Size = Field(3072, validation_alias="hidden_dim")
    hidden_act: str = Field("gelu", validation_alias="activation")
    hidden_dropout_prob: Share = Field(0.1, validation_alias="dropout")
    attention_probs_dropout_prob: Share = Field(0.1, validation_alias="attention_dropout")
    seq_classif_dropout: Share = 0.2
    sinusoidal_pos_embds: bool = False

    def unsayable(self) -> Iterator[str]:
        yield from super().unsayable()
        if self.sinusoidal_pos_embds:
            yield "`sinusoidal_pos_embds: true` has sines and cosines in the place of positions that are learned"

    def segments(self) -> tuple[str, list[str]]:
        return "", []

    def behind_attention(self) -> list[str]:
        return []

    def pooled(self) -> list[str]:
        return ["Select: {dim: 1, index: 0}", "Linear: width", "ReLU"]

    def last_dropout(self) -> float:
        return self.seq_classif_dropout if self.ending == "classes" else self.hidden_dropout_prob

    def states(self) -> list[str]:
        return []
